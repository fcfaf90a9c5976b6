"""Publishing a written folder: one rename decides, and whoever comes next finishes what was interrupted behind it.

A complete folder is renamed from `.noisewise-writing-TOKEN` to `.noisewise-publishing-TOKEN`. Before the rename the old
entries count, behind it the new ones. Only then are they moved to their places. Who is killed meanwhile leaves the
folder, which says what is to be done; doing it twice changes nothing.
"""

from __future__ import annotations

import errno
import fnmatch
import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from noisewise.errors import BadInput
from noisewise.files.locks import lease
from noisewise.files.temporaries import NEW, WRITING, flush, flush_all, flush_folder

PUBLISHING = ".noisewise-publishing-"
_TURN = ".noisewise-publishing.lock"
_PLAN = "plan.json"
_NAME = re.compile(re.escape(PUBLISHING) + "[0-9a-f]{16}")


def publish(room: Path, stale: Iterable[str], last: str) -> None:
    """Move the entries of `room / NEW` into the folder that holds `room`, all or none.

    Args:
        room: from `new_folder`.
        stale: names or patterns of files that are removed from there, unless they were written now.
        last: the entry that is taken away first, and moved last.

    Raises:
        OSError: an entry cannot replace what has its name, and nothing was changed; or the system failed on the way.
    """
    folder, new = room.parent, room / NEW
    _check_places(new, folder)
    flush_all(new)
    with lease(folder / _TURN, wait=True, needed=False):
        for one in _interrupted(folder):
            _finish(one)
        plan = {"stale": _matching(folder, list(stale), {entry.name for entry in new.iterdir()}), "last": last}
        (room / _PLAN).write_text(json.dumps(plan), encoding="utf-8")
        flush(room / _PLAN)
        flush_folder(room)
        publishing = folder / room.name.replace(WRITING, PUBLISHING)
        os.rename(room, publishing)
        flush_folder(folder)
        _finish(publishing)


def recover(folder: str | Path) -> None:
    """Finish what a killed writer had begun to publish in a folder; wait for a living one. Readers call it first.

    Raises:
        BadInput: it cannot be finished, for example without the right to write there.
    """
    folder = Path(folder)
    if not _interrupted(folder):
        return
    try:
        with lease(folder / _TURN, wait=True, needed=False):
            for one in _interrupted(folder):
                _finish(one)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise BadInput(
            f"the results in {folder} are mixed with older ones, since their writer was interrupted, and they cannot "
            f"be put in order: {reason}"
        ) from error


def _interrupted(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            found = [entry.path for entry in entries if _NAME.fullmatch(entry.name) and _is_folder(entry)]
    except (OSError, ValueError):
        return []
    return [Path(path) for path in sorted(found)]


def _is_folder(entry: Path | os.DirEntry[str]) -> bool:
    return entry.is_dir() and not entry.is_symlink()


def _finish(publishing: Path) -> None:
    folder, new = publishing.parent, publishing / NEW
    if _is_folder(new):
        stale, last = _plan(publishing / _PLAN)
        written = sorted(new.iterdir(), key=lambda entry: (entry.name == last, entry.name))
        if last in [entry.name for entry in written]:
            _remove(folder / last)
            flush_folder(folder)
        for name in stale:
            _remove(folder / name)
        for entry in written:
            if entry.name == last:
                flush_folder(folder)
            _move(entry, folder / entry.name)
        flush_folder(folder)
    shutil.rmtree(publishing, ignore_errors=True)


def _remove(path: Path) -> None:
    if not _is_folder(path):
        path.unlink(missing_ok=True)


def _plan(path: Path) -> tuple[list[str], str]:
    """The stale names and the last one; names that are none, of a folder of unknown origin, are passed over."""
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        *stale, last = [_plain(name) for name in [*found["stale"], found["last"]]]
        return [name for name in stale if name], last
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return [], ""


def _plain(name: str) -> str:
    return name if os.path.basename(name) == name and name not in (".", "..") else ""


def _matching(folder: Path, patterns: list[str], written: set[str]) -> list[str]:
    names = [name for name in os.listdir(folder) if name not in written]
    return sorted({name for pattern in patterns for name in names if fnmatch.fnmatchcase(name, pattern)})


def _check_places(new: Path, folder: Path) -> None:
    """Raise what moving an entry would, before anything is moved."""
    for entry in new.iterdir():
        target = folder / entry.name
        if _is_folder(entry) and os.path.lexists(target):
            if not _is_folder(target):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(target))
            _check_places(entry, target)
        elif _is_folder(target):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))


def _move(entry: Path, target: Path) -> None:
    """Move a file or a folder; of a folder that is there already only the files that were written are replaced."""
    if _is_folder(entry) and _is_folder(target):
        for inside in sorted(entry.iterdir()):
            _move(inside, target / inside.name)
        flush_folder(target)
        return
    try:
        os.replace(entry, target)
    except FileNotFoundError:
        if os.path.lexists(entry):  # otherwise another has moved it, where no lock keeps two apart
            raise
