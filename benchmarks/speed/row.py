"""One line of the table."""

from __future__ import annotations

from dataclasses import dataclass

from .turns import Spread


@dataclass(frozen=True)
class Row:
    """A measured figure beside what it should be.

    Attributes:
        what: is measured, in words; a ratio names both sides.
        goal: the figure that it should reach, such as "<= 1.03".
        value: measured; the median over turns.
        low: the first quartile.
        high: the third quartile.
        unit: of the figure; "" for a ratio.
        command: that measures it.
        note: what a reader must know, such as sizes and settings.
    """

    what: str
    goal: str
    value: float
    low: float
    high: float
    unit: str = ""
    command: str = ""
    note: str = ""

    @classmethod
    def of(cls, what: str, goal: str, spread: Spread, *, unit: str = "", command: str = "", note: str = "") -> Row:
        """A line from a spread."""
        return cls(what, goal, spread.median, spread.low, spread.high, unit, command, note)

    @property
    def reached(self) -> bool | None:
        """Whether the value reaches the goal; None where there is no goal in numbers."""
        sign, _, number = self.goal.partition(" ")
        if sign not in ("<=", ">="):
            return None
        return self.value <= float(number) if sign == "<=" else self.value >= float(number)
