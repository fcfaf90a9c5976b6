"""Compare computations that take turns, so that whatever else a machine does meets all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain

WARM = 2
QUICK_TURNS = 2


@dataclass(frozen=True)
class Spread:
    """The median of some numbers and their quartiles.

    Attributes:
        median: of the numbers.
        low: their first quartile.
        high: their third quartile.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: list[float]) -> Spread:
        """The spread of one number or more."""
        low, median, high = statistics.quantiles(numbers, n=4, method="inclusive") if len(numbers) > 1 else numbers * 3
        return cls(median, low, high)


@dataclass(frozen=True)
class Turns:
    """CPU seconds of computations that took turns.

    Attributes:
        seconds: by name, the CPU seconds of each turn of a computation.
        steps: how many calls a turn had.
    """

    seconds: Mapping[str, list[float]]
    steps: int

    def ratio(self, name: str, base: str) -> Spread:
        """The seconds of one over those of another, turn by turn."""
        return Spread.of([one / other for one, other in zip(self.seconds[name], self.seconds[base], strict=True)])

    def share(self, more: str, less: str, base: str) -> Spread:
        """The seconds by which one exceeds another, over those of a third, turn by turn."""
        three = zip(self.seconds[more], self.seconds[less], self.seconds[base], strict=True)
        return Spread.of([(one - other) / over for one, other, over in three])

    def each(self, name: str) -> Spread:
        """Milliseconds of one call."""
        return Spread.of([1000 * turn / self.steps for turn in self.seconds[name]])


def take_turns(arms: Mapping[str, Callable[[], object]], turns: int, steps: int) -> Turns:
    """Call every arm `steps` times in a turn, and start each turn with the next arm.

    Args:
        arms: by name, a function that takes one step. The time is that of the calling thread, so arms must not compute
            in other threads.
        turns: how many turns every arm has.
        steps: calls in a turn.

    Returns:
        The seconds of all turns; some calls before the first turn are not counted.
    """
    for arm in arms.values():
        for _ in range(WARM):
            arm()
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    names = list(arms)
    for turn in range(turns):
        first = turn % len(names)
        for name in chain(names[first:], names[:first]):
            arm, began = arms[name], time.thread_time()
            for _ in range(steps):
                arm()
            seconds[name].append(time.thread_time() - began)
    return Turns(seconds, steps)


def compare(arms: Mapping[str, Callable[[], object]], turns: int, steps: int) -> dict[str, Spread]:
    """CPU seconds of every arm over those of the first one.

    Args:
        arms: as in `take_turns`.
        turns: likewise.
        steps: likewise.

    Returns:
        By name, the median over turns of the ratio to the first arm, with its quartiles.
    """
    found, base = take_turns(arms, turns, steps), next(iter(arms))
    return {name: found.ratio(name, base) for name in arms}
