"""The judgement: what evidence says about the labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisewise.formatting import count, percent


@dataclass(frozen=True, eq=False, repr=False)
class Judgement:
    """What the evidence says about the labels of n rows.

    Attributes:
        suspicion: (n,) in [0, 1], the probability that the given label is wrong.
        suggested: (n,) int64, the most probable other label of issues; the given label of all other rows.
        is_issue: (n,) bool, suspicion above the threshold.
        noise_rate: estimated share of wrong labels.
        interval: 90 % interval of `noise_rate`.
        transition: (K, K) estimated P(given = j | true = i).
        threshold: the suspicion above which a row is an issue.
        explanation: how the rate was estimated, in a few sentences.
    """

    suspicion: np.ndarray
    suggested: np.ndarray
    is_issue: np.ndarray
    noise_rate: float
    interval: tuple[float, float]
    transition: np.ndarray
    threshold: float = 0.5
    explanation: str = ""

    def __repr__(self) -> str:
        return f"Judgement({self.line})"

    @property
    def line(self) -> str:
        """Rows, rate, interval and issues in one line."""
        low, high = self.interval
        return (
            f"{count(len(self.suspicion), 'row')}, noise rate {percent(self.noise_rate)} (90 % interval "
            f"{percent(low)} to {percent(high)}), {count(int(self.is_issue.sum()), 'issue')}"
        )
