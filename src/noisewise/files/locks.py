"""Locks on files, which the operating system releases when their holder dies."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment,unused-ignore]

LOCKS = fcntl is not None


@contextlib.contextmanager
def lease(path: Path, *, wait: bool = False, needed: bool = True) -> Iterator[bool]:
    """Hold the lock on a file during the block; give False at once where another holds it.

    The file is made, and removed at the end. Threads of one process keep each other out as processes do.

    Args:
        path: the file, which holds nothing.
        wait: whether to wait until the other ends; then True is given.
        needed: whether a file system without locks is an error; otherwise the block runs there without one.

    Raises:
        OSError: the file cannot be made, or its file system does not support locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = _taken(path, wait, needed)
    if file is None:
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        release(file)


def lock(file: int, *, wait: bool = False) -> bool:
    """Lock an open file; False where another holds the lock.

    Raises:
        OSError: the file system does not support locks.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def release(file: int) -> None:
    """Unlock and close an open file; a copy of it in a forked process no longer holds the lock either."""
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)
    os.close(file)


def is_at(file: int, path: Path) -> bool:
    """Whether an open file is the one at a path: it may have been removed, and another made."""
    try:
        return os.path.samestat(os.fstat(file), path.lstat())
    except OSError:
        return False


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    except PermissionError:  # another user's, who was killed
        return os.open(path, os.O_RDONLY)


def _taken(path: Path, wait: bool, needed: bool) -> int | None:
    """The open and locked file at a path; None where another holds the lock."""
    while True:
        file = _opened(path)
        kept = False
        try:
            try:
                held = lock(file, wait=wait)
            except OSError:
                if needed:
                    raise
                held = True
            if not held:
                return None
            kept = is_at(file, path)  # its last holder removes it: then this lock keeps nobody out
            if kept:
                return file
        finally:
            if not kept:
                os.close(file)
