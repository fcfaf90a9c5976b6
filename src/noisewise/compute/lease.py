"""Who computes what: a lock per computation, which the system releases when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import traceback
from collections.abc import Iterator
from pathlib import Path

from noisewise.compute.engine import Computation

WORK = ".work"
DONE, CACHED, BUSY = "done", "cached", "busy"


@contextlib.contextmanager
def lease(path: Path) -> Iterator[bool]:
    """Hold the lock on a file during the block; give False at once where another process holds it.

    The file stays: removing it would let two processes hold locks on two files of one name.

    Raises:
        OSError: the file cannot be made, or its file system knows no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def attempt(task: Computation, folder: Path) -> tuple[str, str | None]:
    """Compute a task into `folder / task.key` unless that is done, or being done by another process.

    The traceback of a failure is kept in `folder/.work/KEY.failed` until the task succeeds.

    Returns:
        DONE, CACHED or BUSY, and the sentence it failed with, if it did.
    """
    failed = folder / WORK / f"{task.key}.failed"
    try:
        with lease(folder / WORK / f"{task.key}.lock") as held:
            if not held:
                return BUSY, None
            if task.finished(folder / task.key):
                return CACHED, None
            task.compute(folder / task.key)
        failed.unlink(missing_ok=True)
    except (Exception, SystemExit) as error:
        with contextlib.suppress(OSError):
            failed.write_text(traceback.format_exc(), encoding="utf-8")
        lines = str(error).strip().splitlines() or [""]
        return DONE, f"{type(error).__name__}: {lines[-1]}"
    return DONE, None


def fresh(folder: Path) -> Path:
    """An empty folder in place of whatever was there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
