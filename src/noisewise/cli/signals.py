"""What happens to a command that is told to end: it cleans up first."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from noisewise.threads import launched

_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Told(BaseException):
    """The process was told to end.

    Attributes:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def unwinding() -> Iterator[None]:
    """In the block SIGTERM and SIGHUP raise `Told`, so that temporary files are removed and other processes ended.

    At once they would end the process with nothing done. A second signal does. Signals that somebody handles or
    ignores, as nohup does, stay as they are, and so do those of a process that `torchrun` started, which has a handler
    of its own.
    """
    if launched() or threading.current_thread() is not threading.main_thread():
        yield
        return
    taken = [number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def end_by(number: int) -> NoReturn:
    """End this process by a signal, as its parent expects it."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    raise SystemExit(128 + number)  # where the signal is blocked


def _raise(number: int, _: FrameType | None) -> None:
    for one in _SIGNALS:
        if signal.getsignal(one) is _raise:
            signal.signal(one, signal.SIG_DFL)
    raise Told(number)
