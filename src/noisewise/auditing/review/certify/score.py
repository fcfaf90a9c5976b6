"""Score intervals for what a stratified random sample says about a population of right and wrong labels.

Stratum h holds size_h rows, of which a random sample of drawn_h was reviewed and wrong_h were found wrong. With p_h the
share of wrong labels among all rows of the stratum, these functions give intervals for sums of weight_h p_h and for
ratios of such sums. They hold whatever made the strata: nothing but the random draw is used.

A value t of a sum is inside the interval if the score test does not reject it,

    Z(t) = (sum weight_h wrong_h / drawn_h - t) / sqrt(V),   V = sum weight_h^2 p_h (1 - p_h) (1 - f_h) / drawn_h,

where p is the most likely vector of shares with that sum and f_h = drawn_h / size_h. Z is corrected for the skewness g
of the estimate, Z = z + g (z^2 - 1) / 6, and z compared with a normal quantile. With one stratum and without the
correction this is Wilson's interval.

- Miettinen and Nurminen, Comparative analysis of two rates, Statistics in Medicine 1985: the test at the most likely
  shares; Martín Andrés and Álvarez Hernández, Inferences about a linear combination of proportions, Statistical
  Methods in Medical Research 2011: for sums.
- Gart and Nam, Approximate interval estimation of the ratio of binomial parameters, Biometrics 1988, and Laud,
  Equal-tailed confidence intervals for comparison of rates, Pharmaceutical Statistics 2017: the skewness correction.

Every array may have leading axes, over which all is vectorised; strata are the last axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Z = 1.6448536269514722  # of a 90 % interval
DOUBLINGS, HALVINGS, START = 60, 50, 1.0  # how roots are bracketed and bisected
REACHED = 1e-7  # a sum closer to its target has reached it


@dataclass(frozen=True, eq=False)
class Shares:
    """What is known of the share of wrong labels in every stratum.

    Attributes:
        found: (..., H) the share of wrong labels among the reviewed rows.
        spread: (..., H) (1 - f) / drawn, by which p (1 - p) is multiplied in the variance; 0 where all rows are known.
        skew: (..., H) (1 - f) (1 - 2 f) / drawn^2, by which p (1 - p) (1 - 2 p) is multiplied in the third moment.
    """

    found: np.ndarray
    spread: np.ndarray
    skew: np.ndarray

    def __repr__(self) -> str:
        return f"Shares({', '.join(f'{share:.3f}' for share in np.ravel(self.found)[:8])})"

    @classmethod
    def of(cls, size: np.ndarray, drawn: np.ndarray, wrong: np.ndarray) -> Shares:
        """From numbers of rows, each (..., H); strata without a drawn row must be left out.

        A test fits H - 1 free shares, which takes (H - 1) / H degrees of freedom from each stratum.
        """
        size, drawn, wrong = np.broadcast_arrays(np.asarray(size, float), np.asarray(drawn, float), wrong)
        part = drawn / size
        free = drawn - 1 + 1 / drawn.shape[-1]
        return cls(wrong / drawn, (1 - part) / free, (1 - part) * (1 - 2 * part) / free**2)

    def fitted(self, weight: np.ndarray, pull: np.ndarray) -> np.ndarray:
        """(..., H) the most likely shares p on the path found - p = pull weight spread p (1 - p).

        Each pull (...) is the multiplier of one value of the sum; 0 gives the shares that were found.
        """
        slope = pull[..., None] * weight * self.spread
        root = np.sqrt(np.maximum((1 + slope) ** 2 - 4 * slope * self.found, 0.0))
        with np.errstate(invalid="ignore", divide="ignore"):
            low = 2 * self.found / (1 + slope + root)
            high = 1 - 2 * (1 - self.found) / (1 - slope + root)
        return np.where(slope >= 0, low, high)

    def excess(self, weight: np.ndarray, pull: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """(...) how far the test rejects the sum at the fitted shares: |z| minus its quantile, positive if rejected."""
        noise = np.maximum(shares * (1 - shares), 0.0)
        variance = np.sum(weight**2 * noise * self.spread, axis=-1)
        third = np.sum(weight**3 * noise * (1 - 2 * shares) * self.skew, axis=-1)
        deviate = pull * np.sqrt(variance)
        with np.errstate(invalid="ignore", divide="ignore"):
            g = np.where(variance > 0, third / variance**1.5 / 6, 0.0)
            root = np.sqrt(1 + 4 * g * (deviate + g))
            corrected = np.where(np.abs(g) > 1e-9, (root - 1) / (2 * g), deviate)
        return np.where(np.isnan(corrected), np.inf, np.abs(corrected) - Z)


def interval_of_sum(shares: Shares, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 90 % interval of sum weight_h p_h; `weight` is (..., H), of any sign."""
    low, high = (np.sum(weight * shares.fitted(weight, _limit(shares, weight, sign)), axis=-1) for sign in (1.0, -1.0))
    return low, high


def _limit(shares: Shares, weight: np.ndarray, sign: float) -> np.ndarray:
    """(...) the pull at which the test begins to reject."""
    shape = np.broadcast_shapes(shares.found.shape, weight.shape)[:-1]
    return _root(
        np.full(shape, sign * START),
        lambda pull: shares.excess(weight, pull, shares.fitted(weight, pull)) < 0,
    )


def interval_of_ratio(shares: Shares, part: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 90 % interval of sum part_h p_h / sum (part_h + rest_h) p_h, of weights (..., H) that are not negative.

    A ratio r is tested as the sum of ((1 - r) part_h - r rest_h) p_h, which is then 0.
    """
    inside = np.sum(part * shares.found, axis=-1)
    total = inside + np.sum(rest * shares.found, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(total > 0, inside / total, np.nan)
    ends = []
    for end in (0.0, 1.0):
        accepted, rejected = np.where(np.isnan(ratio), end, ratio), np.full(ratio.shape, end)
        for _ in range(HALVINGS):
            middle = (accepted + rejected) / 2
            fine = _possible(shares, (1 - middle)[..., None] * part - middle[..., None] * rest)
            accepted, rejected = np.where(fine, middle, accepted), np.where(fine, rejected, middle)
        ends.append((accepted + rejected) / 2)
    return ends[0], ends[1]


def _possible(shares: Shares, weight: np.ndarray) -> np.ndarray:
    """(...) whether the test accepts that the sum is 0."""
    sign = np.sign(np.sum(weight * shares.found, axis=-1))
    pull = _root(sign * START, lambda pull: np.sum(weight * shares.fitted(weight, pull), axis=-1) * sign > 0)
    fitted = shares.fitted(weight, pull)
    reached = np.abs(np.sum(weight * fitted, axis=-1)) < REACHED
    return reached & (shares.excess(weight, pull, fitted) < 0)


def _root(start: np.ndarray, below: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """(...) where `below` turns false, going away from 0; far away where it never does."""
    near, far = np.zeros(start.shape), start
    for _ in range(DOUBLINGS):
        inside = below(far)
        if not inside.any():
            break
        near, far = np.where(inside, far, near), np.where(inside, 2 * far, far)
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        inside = below(middle)
        near, far = np.where(inside, middle, near), np.where(inside, far, middle)
    return (near + far) / 2
