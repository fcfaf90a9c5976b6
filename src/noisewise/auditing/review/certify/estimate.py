"""What the rows of a certified review say: the share of wrong labels, and the recall of the issues."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from noisewise.auditing.review.certify.score import Shares, interval_of_ratio, interval_of_sum

# Chosen by `python benchmarks/certify.py --choose`: the wrong (or right) labels found at which half of the gain of the
# control variate is believed.
EVIDENCE = 4.0
MOST_GAIN = 0.6  # of the variance, by the control variate


class Estimate(NamedTuple):
    """An estimate with its 90 % interval, each (...)."""

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, eq=False)
class Reviews:
    """Sums over the reviewed rows of each stratum, all (..., H).

    Attributes:
        size: rows of the stratum.
        named: whether these are issues.
        suspicion: mean suspicion of all rows of the stratum.
        drawn: reviewed rows, at least 1.
        wrong: reviewed rows whose given label is wrong.
        suspicions: sum of the suspicions of the reviewed rows.
        squares: sum of their squares.
        products: sum of the suspicions of the wrong ones.
    """

    size: np.ndarray
    named: np.ndarray
    suspicion: np.ndarray
    drawn: np.ndarray
    wrong: np.ndarray
    suspicions: np.ndarray
    squares: np.ndarray
    products: np.ndarray

    def __repr__(self) -> str:
        drawn, rows = np.sum(self.drawn, axis=-1), np.sum(self.size, axis=-1)
        return f"Reviews({drawn} of {rows} rows in {self.size.shape[-1]} strata)"

    def only(self, chosen: np.ndarray) -> Reviews:
        """Some strata, (H,) bool."""
        return Reviews(*(getattr(self, field.name)[..., chosen] for field in fields(self)))

    def scaled(self, drawn: np.ndarray) -> Reviews:
        """The same findings from other numbers of reviewed rows, (..., H)."""
        factor = drawn / self.drawn
        sums = (self.wrong, self.suspicions, self.squares, self.products)
        return Reviews(self.size, self.named, self.suspicion, drawn, *(value * factor for value in sums))

    @property
    def shares(self) -> Shares:
        """What is known of the share of wrong labels in each stratum."""
        return Shares.of(self.size, self.drawn, self.wrong)

    @property
    def weight(self) -> np.ndarray:
        """(..., H) the shares of strata in all rows."""
        weight = self.size / self.size.sum(axis=-1, keepdims=True)
        return np.broadcast_to(weight, np.broadcast_shapes(weight.shape, self.wrong.shape))


def mean_wrong(reviews: Reviews) -> Estimate:
    """The share of wrong labels among all rows of the strata, by the stratified difference estimator.

    With y = 1 for a wrong label, s the suspicion and W the shares of strata in all rows, the estimate is

        sum_h W_h (mean of y in the sample - lambda (mean of s in the sample - mean of s in the stratum)),

    the stratified form of prediction-powered inference (Angelopoulos, Bates, Fannjiang, Jordan and Zrnic, Science 2023;
    lambda minimises the variance, as in Angelopoulos, Duchi and Zrnic, PPI++, 2023, and lies between 0 and 1). The
    interval is that of the stratified mean (see `score`), moved along with the estimate and narrowed by the root of
    the share of variance that remains. Few wrong labels say little about lambda, so it is shrunk.
    """
    shares, weight = reviews.shares, reviews.weight
    low, high = interval_of_sum(shares, weight)
    plain = np.sum(weight * shares.found, axis=-1)
    shift, left = _control(reviews, weight, shares)
    middle, root = plain + shift, np.sqrt(left)
    sure = np.sum(reviews.wrong, axis=-1) / reviews.size.sum(axis=-1)
    most = 1 - np.sum(reviews.drawn - reviews.wrong, axis=-1) / reviews.size.sum(axis=-1)
    found = (middle, middle - (plain - low) * root, middle + (high - plain) * root)
    return Estimate(*(np.clip(value, sure, most) for value in found))


def _control(reviews: Reviews, weight: np.ndarray, shares: Shares) -> tuple[np.ndarray, np.ndarray]:
    """(...) what the control variate adds to the estimate, and the share of the variance that it leaves."""
    drawn = reviews.drawn
    mean = reviews.suspicions / drawn
    scale = weight**2 * shares.spread * drawn / np.maximum(drawn - 1, 1)
    noise = np.sum(scale * shares.found * (1 - shares.found), axis=-1)
    both = np.sum(scale * (reviews.products / drawn - shares.found * mean), axis=-1)
    own = np.sum(scale * np.maximum(reviews.squares / drawn - mean**2, 0.0), axis=-1)
    wrong = np.sum(reviews.wrong, axis=-1)
    rarer = np.minimum(wrong, np.sum(drawn, axis=-1) - wrong)
    with np.errstate(invalid="ignore", divide="ignore"):
        best = np.where(own > 1e-15, np.clip(both / own, 0.0, 1.0), 0.0)
        factor = best * rarer / (rarer + EVIDENCE)
        gain = np.where(noise > 1e-15, (2 * factor * both - factor**2 * own) / noise, 0.0)
    return -factor * np.sum(weight * (mean - reviews.suspicion), axis=-1), 1 - np.clip(gain, 0.0, MOST_GAIN)


def recall(reviews: Reviews) -> Estimate:
    """The share of wrong labels that are named issues; the estimate is NaN where no wrong label was found."""
    shares, weight = reviews.shares, reviews.weight
    part, rest = weight * reviews.named, weight * (1 - reviews.named)
    inside, outside = np.sum(part * shares.found, axis=-1), np.sum(rest * shares.found, axis=-1)
    with np.errstate(invalid="ignore"):
        return Estimate(inside / (inside + outside), *interval_of_ratio(shares, part, rest))
