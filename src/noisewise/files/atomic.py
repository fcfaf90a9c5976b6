"""Files and folders that are written whole or not at all, whenever their writer is killed."""

from __future__ import annotations

import contextlib
import filecmp
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from noisewise.errors import BadInput
from noisewise.files.locks import lease, release
from noisewise.files.publishing import publish, recover
from noisewise.files.temporaries import LOCK, NEW, WRITING, flush, flush_all, flush_folder, new_file, new_folder, sweep

OCCUPIED = ".noisewise-lock"
_OWNER = 0o600  # read and written by their owner alone


@contextlib.contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` if the block succeeds, otherwise remove it.

    The content is on the disk before it gets the name. Temporary files that killed writers left there are removed.

    Raises:
        BadInput: the folder is not writable or the disk is full.
    """
    path = Path(path)
    with _refusing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        temporary, file = new_file(path.parent, path.suffix)
    try:
        with _refusing(path, inside=True):
            yield temporary
            flush(temporary)
            os.replace(temporary, path)
            flush_folder(path.parent)
    finally:
        release(file)
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: str | Path, stale: Iterable[str] = (), last: str = "") -> Iterator[Path]:
    """Give an empty temporary folder; when the block ends well its entries replace those of the same name in `path`.

    They do so all or none: a writer that is killed leaves the old ones, or, from the moment at which all new ones are
    on the disk, the new ones, which `recover` puts in their places. Entries of `path` that the block did not write
    stay, but for stale ones. Of a folder in it, too, only files that were written are replaced: the others may be
    somebody's.

    Args:
        path: the folder.
        stale: names of files that an earlier block may have written, or patterns such as "figure-[a-z].png"; those that
            this one did not write are removed.
        last: the file by which others know that the folder is complete. It is taken away before other entries are
            replaced, and comes last, so that who does not call `recover` reads no mixture either.

    Raises:
        BadInput: the folder cannot be written or the disk is full.
    """
    path = Path(path)
    with _refusing(path):
        path.mkdir(parents=True, exist_ok=True)
        recover(path)
        sweep(path)
        room, file = new_folder(path)
    try:
        with _refusing(path, inside=True):
            yield room / NEW
            _as_usual(room)
            publish(room, stale, last)
    finally:
        release(file)
        shutil.rmtree(room, ignore_errors=True)


@contextlib.contextmanager
def fresh_folder(path: str | Path) -> Iterator[Path]:
    """Give an empty temporary folder, which becomes `path` when the block ends well, by one rename.

    Args:
        path: a folder that does not exist or is empty.

    Raises:
        BadInput: the folder cannot be written, holds something, or the disk is full.
    """
    path = Path(path)
    with _refusing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        room, file = new_folder(path.parent)
    try:
        with _refusing(path, inside=True):
            yield room / NEW
            flush_all(room / NEW)
            os.replace(room / NEW, path)
            flush_folder(path.parent)
    finally:
        release(file)
        shutil.rmtree(room, ignore_errors=True)


@contextlib.contextmanager
def occupied(path: str | Path | None) -> Iterator[None]:
    """Keep others from writing results to a folder during the block, until this process dies at the latest.

    A folder that this makes is removed again where nothing was written to it.

    Args:
        path: the folder; for None nothing is done.

    Raises:
        BadInput: another process writes to it, or it cannot be written.
    """
    if path is None:
        yield
        return
    path = Path(path)
    with _made(path), contextlib.ExitStack() as stack:
        with _refusing(path):
            held = stack.enter_context(lease(path / OCCUPIED, needed=False))
        if not held:
            raise BadInput(f"{path} is being written by another process: wait until it ends, or give another folder")
        yield


def check_new(written: Path, path: Path) -> None:
    """Check that files which go to a folder below `path` overwrite none of another content, which may be somebody's.

    Args:
        written: the folder that `whole_folder` gave.
        path: where its entries go.

    Raises:
        BadInput: one would.
    """
    for folder in written.iterdir():
        for file in folder.rglob("*") if folder.is_dir() and not folder.is_symlink() else ():
            target = path / file.relative_to(written)
            if target.is_file() and file.is_file() and not filecmp.cmp(file, target, shallow=False):
                raise BadInput(f"{target} exists and is another file: remove it, or give another place to write to")


def check_writable(path: str | Path) -> None:
    """Check, before anything is computed, that a folder can be written; what this makes is removed again.

    Raises:
        BadInput: it cannot.
    """
    path = Path(path)
    with _refusing(path), _made(path):
        temporary, file = new_file(path)
        release(file)
        temporary.unlink(missing_ok=True)


def final(path: Path) -> Path:
    """Where a file will be that is written to a folder which `whole_folder` gives; of other files their own path."""
    above = [folder.name for folder in path.parents[:2]]
    return path.parents[2] / path.name if above[:1] == [NEW] and above[-1].startswith(WRITING) else path


@contextlib.contextmanager
def _refusing(path: Path, *, inside: bool = False) -> Iterator[None]:
    """Errors of the system in the block as `BadInput`; those `inside` a writer's block may be about what it reads."""
    try:
        yield
    except OSError as error:
        if inside and (error.errno is None or isinstance(error, (FileNotFoundError, BlockingIOError))):
            raise
        raise BadInput(f"cannot write {path}: {os.strerror(error.errno) if error.errno else error}") from error
    except ValueError as error:
        if inside or isinstance(error, BadInput):
            raise
        raise BadInput(f"cannot write {str(path)!r}: it cannot be a path ({error})") from error


@contextlib.contextmanager
def _made(path: Path) -> Iterator[None]:
    """Make a folder for the block; what was made is removed again, unless there is something in it then."""
    missing = [place for place in (path, *path.parents) if not os.path.lexists(place)]
    try:
        with _refusing(path):
            path.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for place in missing:
            with contextlib.suppress(OSError):
                place.rmdir()


def _as_usual(room: Path) -> None:
    """Files that a library made for their owner alone get the rights that the user's files have."""
    mode = (room / LOCK).stat().st_mode & 0o777
    for file in (room / NEW).rglob("*"):
        if file.is_file() and not file.is_symlink() and file.stat().st_mode & 0o777 == _OWNER:
            file.chmod(mode)
