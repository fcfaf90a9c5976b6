"""A gate for pipelines: is the noise rate above a limit?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from noisewise.bounds import between, check
from noisewise.errors import BadInput


@dataclass(frozen=True)
class Gate:
    """A limit on the noise rate, and what was measured against it.

    Attributes:
        limit: the largest rate that passes.
        measured: the estimated rate, or the lower end of its interval.
        sure: whether `measured` is the lower end, so that only a rate that is surely too high fails.
    """

    limit: float
    measured: float
    sure: bool = False

    @property
    def passed(self) -> bool:
        """Whether the rate is at most the limit."""
        return self.measured <= self.limit

    @property
    def summary(self) -> dict[str, Any]:
        """`limit`, `passed`, and `compared`: "noise_rate" or "lower_end"."""
        return {"limit": self.limit, "passed": self.passed, "compared": "lower_end" if self.sure else "noise_rate"}


def check_limit(limit: float | None, sure: bool) -> None:
    """Refuse an impossible limit before anything is computed.

    Raises:
        BadInput: the limit lies outside [0, 1], or `sure` comes without a limit.
    """
    if limit is None and sure:
        raise BadInput("fail_when_sure needs a limit: give fail_above, a rate between 0 and 1")
    check(None, "fail_above", limit, between(0, 1) | None)


def gate(rate: float, interval: tuple[float, float], limit: float | None, sure: bool) -> Gate | None:
    """Compare a noise rate with a limit.

    Args:
        rate: the estimated rate.
        interval: its interval.
        limit: the largest rate that passes; None means that there is no gate.
        sure: compare the lower end of the interval instead of the rate.
    """
    return None if limit is None else Gate(float(limit), float(interval[0] if sure else rate), sure)
