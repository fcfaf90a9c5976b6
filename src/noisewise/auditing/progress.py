"""How much of an audit is done: one object that every part of the work divides further for its own parts."""

from __future__ import annotations

from collections.abc import Callable

DIGITS = 9  # so that a part ends where the next one begins


class Progress:
    """Reports the share of the whole work that is done.

    Args:
        report: called with that share, in [0, 1]; None reports nothing.
        start: share of the whole work at which this part begins.
        length: share of the whole work that this part takes.
    """

    def __init__(self, report: Callable[[float], None] | None = None, start: float = 0.0, length: float = 1.0) -> None:
        self._report, self._start, self._length = report, start, length

    def __repr__(self) -> str:
        end = self._start + self._length
        return f"Progress({self._start:.0%} to {end:.0%}{'' if self._report else ', silent'})"

    def __call__(self, share: float) -> None:
        """Report that `share` of this part, in [0, 1], is done."""
        if self._report is not None:
            self._report(round(self._start + self._length * share, DIGITS))

    def part(self, start: float, length: float) -> Progress:
        """The progress of a part of this part.

        Args:
            start: share of this part at which the inner part begins.
            length: share of this part that the inner part takes.
        """
        return Progress(self._report, self._start + self._length * start, self._length * length)

    def steps(self, count: int) -> Callable[[float], None]:
        """A function for work in `count` equal steps, such as epochs, that only know how much of themselves is done.

        Args:
            count: how many steps this part consists of.

        Returns:
            A function that takes the share of the present step that is done; a share of 1 ends the step.
        """
        done = 0

        def report(share: float) -> None:
            nonlocal done
            self((done + share) / count)
            done += share >= 1

        return report


SILENT = Progress()
