"""Standard streams that are closed, full, or cannot show every character."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import TypeGuard

_GONE = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EPIPE, errno.EDQUOT, errno.EFBIG)


def prepare() -> None:
    """Make the standard streams safe to print to: closed ones lead nowhere, others escape what they cannot show.

    What Pillow says about damaged pictures is not printed: they are refused or named by their reader.
    """
    warnings.filterwarnings("ignore", module="PIL")
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # else the next file that is opened would become this stream
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 for the rest of the process
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_of_stream(error: BaseException) -> TypeGuard[OSError]:
    """Whether an error means that a standard stream cannot be written."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _GONE


@contextlib.contextmanager
def forgiving() -> Iterator[None]:
    """Do without what the block prints, if the stream is closed or full."""
    try:
        yield
    except OSError as error:
        if not is_of_stream(error):
            raise


def flush() -> OSError | None:
    """Write what is still held back; the error if it cannot be written. Python then has nothing left to complain of."""
    found: OSError | None = None
    for number, stream in ((2, sys.stderr), (1, sys.stdout)):
        try:
            stream.flush()
        except OSError as error:
            found = error if number == 1 else found
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    return found


def shows_all() -> bool:
    """Whether stdout can show every character."""
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("_", "-") in ("utf-8", "utf8")
