"""What was measured, with its standard error."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

CONFIDENCE = 0.95
FEWEST = 3  # observations for a standard error by the jackknife


@dataclass(frozen=True)
class Estimate:
    """A measured value and its standard error.

    Attributes:
        value: What was measured; None or NaN where nothing could be.
        error: Its standard error; 0 where it has no sampling error, None where the error is not known.
        n: The number of independent observations that the error is computed from, such as seeds or test rows; None
            where there are none, as for a closed form.
    """

    value: float | None
    error: float | None = None
    n: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", None if self.value is None else float(self.value))
        known = self.error is not None and math.isfinite(self.error)
        object.__setattr__(self, "error", float(self.error) if known else None)  # type: ignore[arg-type]
        object.__setattr__(self, "n", None if self.n is None else int(self.n))

    def __float__(self) -> float:
        return math.nan if self.value is None else self.value

    @property
    def margin(self) -> float:
        """How far the true value may lie beyond the measured one, at one-sided confidence of 95 %.

        The standard error times a quantile of Student's t distribution of n - 1 degrees of freedom; of the normal
        distribution where n is not known; 0 where the error is not.
        """
        if not self.error:
            return 0.0
        freedom = math.inf if self.n is None else self.n - 1
        return self.error * float(stdtrit(freedom, CONFIDENCE)) if freedom > 0 else math.inf


def of(found: Any) -> Estimate:
    """What a study measured, a number or an `Estimate`, as an `Estimate`."""
    return found if isinstance(found, Estimate) else Estimate(found)


def jackknife(ask: Callable[[Sequence[Any]], Any], items: Sequence[Any]) -> Estimate:
    """The value of a function of independent items, with its standard error by leaving one item out at a time.

    Tukey (1958): the variance is (n - 1) / n times the sum of squared deviations of the n values from their mean. For a
    mean this is the usual standard error. It does not hold for extremes.

    Args:
        ask: Gives a number for a sequence of items.
        items: At least 3; with fewer the error is not known.
    """
    value = float(ask(items))
    if len(items) < FEWEST:
        return Estimate(value, None, len(items))
    return Estimate(value, spread([float(ask([*items[:k], *items[k + 1 :]])) for k in range(len(items))]), len(items))


def spread(values: Sequence[float]) -> float:
    """The standard error by the jackknife from the (n,) values without one item each; NaN if one is not finite."""
    found = np.asarray(values, dtype=float)
    if not np.isfinite(found).all():
        return math.nan
    return float(np.sqrt((len(found) - 1) * np.mean((found - found.mean()) ** 2)))
