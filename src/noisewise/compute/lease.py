"""A lock per computation, which the operating system releases when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def lease(path: Path) -> Iterator[bool]:
    """Hold the lock on a file during the block; give False at once where another process holds it.

    The file stays: removing it would let two processes hold locks on two files of one name.

    Raises:
        OSError: the file cannot be made, or its file system does not support locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
