"""How far folds are that other processes of this machine train: one number each in a file that all of them see.

Where the system allows it the file has no name in any folder, so that nothing is left when the program is killed.
Others open it by its number in this process. When it is closed another file may get the number: what a file begins
with shows whether it is still the one.
"""

from __future__ import annotations

import functools
import os
import secrets
import struct
import tempfile
from collections.abc import Callable
from types import TracebackType
from typing import IO

_NUMBER, _TOKEN = struct.Struct("d"), 16  # bytes of the token


class Shares:
    """The share of each fold that is done; a context, which removes the file at its end.

    Args:
        count: how many folds.
    """

    def __init__(self, count: int) -> None:
        numbers = f"/proc/{os.getpid()}/fd"
        self._file: IO[bytes]
        if os.path.isdir(numbers):
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
            self._path = f"{numbers}/{self._file.fileno()}"
        else:
            self._file = tempfile.NamedTemporaryFile(prefix="noisewise.")  # noqa: SIM115
            self._path = self._file.name
        self._token = secrets.token_bytes(_TOKEN)
        os.pwrite(self._file.fileno(), self._token + bytes(_NUMBER.size * count), 0)
        self._count = count

    def __enter__(self) -> Shares:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def teller(self, at: int) -> Callable[[float], None]:
        """A function that another process calls with the share of fold number `at` that is done."""
        return functools.partial(_tell, self._path, self._token, at)

    def mean(self) -> float:
        """The share of all folds that is done."""
        content = os.pread(self._file.fileno(), _NUMBER.size * self._count, _TOKEN)
        return sum(number for (number,) in _NUMBER.iter_unpack(content)) / self._count


def _tell(path: str, token: bytes, at: int, share: float) -> None:
    try:
        number = os.open(path, os.O_RDWR)
    except OSError:  # nobody asks any more
        return
    try:
        if os.pread(number, _TOKEN, 0) == token:
            os.pwrite(number, _NUMBER.pack(share), _TOKEN + _NUMBER.size * at)
    except OSError:  # a pipe or a terminal has the number now
        return
    finally:
        os.close(number)
