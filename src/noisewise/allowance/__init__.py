"""What the present computation may use: until when, and which device.

Whoever starts a computation states it with `allowing`. A training asks before every epoch and stops where the time does
not suffice; it is continued from its checkpoint later.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass

AUTO = "auto"


class OutOfTime(BaseException):
    """The time is over. What was done is stored, and the computation goes on from there when it is started again.

    It is no Exception, so that a computation that survives the failure of a part does not take it for one.
    """


@dataclass(frozen=True)
class Allowance:
    """What a computation may use.

    Attributes:
        until: when it must stop, in seconds as of `time.time`; None sets no limit.
        device: what "auto" means as a device: "cpu", "cuda", or "auto", a GPU where there is one.
    """

    until: float | None = None
    device: str = AUTO

    @property
    def over(self) -> bool:
        """Whether the time is over."""
        return self.until is not None and now() >= self.until


_PRESENT: ContextVar[Allowance | None] = ContextVar("allowance", default=None)


def now() -> float:
    """Seconds as of `time.time`, which are the same in all processes of a machine."""
    return time.time()


@contextlib.contextmanager
def allowing(allowance: Allowance) -> Iterator[None]:
    """The allowance of what is computed in the block, by this thread."""
    token = _PRESENT.set(allowance)
    try:
        yield
    finally:
        _PRESENT.reset(token)


def present() -> Allowance:
    """The allowance of the present computation."""
    return _PRESENT.get() or Allowance()


class Pace:
    """Asked before every piece of a computation whether the time suffices for one more.

    A piece is expected to take as long as the one before. The first is begun whenever the time is not over, so that
    every session gets on.
    """

    def __init__(self) -> None:
        self._began = math.nan

    def begin(self, store: Callable[[], None]) -> None:
        """Begin a piece, or stop.

        Args:
            store: stores what was done so far; called before it stops.

        Raises:
            OutOfTime: the time does not suffice.
        """
        until, moment = present().until, now()
        if until is None:
            return
        last = 0.0 if math.isnan(self._began) else moment - self._began
        if moment + last >= until:
            store()
            raise OutOfTime
        self._began = moment
