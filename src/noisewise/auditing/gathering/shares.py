"""How far folds are that other processes of this machine train: one number each in a file that all of them see."""

from __future__ import annotations

import functools
import os
import struct
import tempfile
from collections.abc import Callable
from types import TracebackType

_NUMBER = struct.Struct("d")


class Shares:
    """The share of each fold that is done; a context, which removes the file at its end.

    Args:
        count: how many folds.
    """

    def __init__(self, count: int) -> None:
        self._file = tempfile.NamedTemporaryFile(prefix="noisewise.")  # noqa: SIM115
        self._count = count
        self._file.truncate(_NUMBER.size * count)

    def __enter__(self) -> Shares:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def teller(self, at: int) -> Callable[[float], None]:
        """A function that another process calls with the share of fold number `at` that is done."""
        return functools.partial(_tell, self._file.name, at)

    def mean(self) -> float:
        """The share of all folds that is done."""
        content = os.pread(self._file.fileno(), _NUMBER.size * self._count, 0)
        return sum(number for (number,) in _NUMBER.iter_unpack(content)) / self._count


def _tell(path: str, at: int, share: float) -> None:
    try:
        number = os.open(path, os.O_WRONLY)
    except FileNotFoundError:  # nobody asks any more
        return
    try:
        os.pwrite(number, _NUMBER.pack(share), _NUMBER.size * at)
    finally:
        os.close(number)
