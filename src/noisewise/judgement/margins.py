"""What the judgement reads of every row: the probability of its given label, and of the most probable other one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisewise.judgement.constants import OTHER_WEIGHT, SUGGESTION_POWER
from noisewise.judgement.entries import blocks

SMALLEST = 1e-9


@dataclass(frozen=True, eq=False)
class Margins:
    """The two probabilities of n rows that decide how suspect they are.

    Attributes:
        given: (n,) float64, probability of the given label.
        other: (n,) float64, largest probability of another class.
        best_other: (n,) int32, that class.
    """

    given: np.ndarray
    other: np.ndarray
    best_other: np.ndarray

    @property
    def confidence(self) -> np.ndarray:
        """(n,) relative confidence in the given label; the most suspect rows have the smallest.

        The probability of the given label divided by a small power of the largest other one.
        """
        return np.maximum(self.given, SMALLEST) / np.maximum(self.other, SMALLEST) ** OTHER_WEIGHT

    @property
    def suggestion_right(self) -> np.ndarray:
        """(n,) the probability that the most probable other class is right where the given label is wrong."""
        share = self.other / np.maximum(1 - self.given, SMALLEST)
        return np.clip(share, 0, 1) ** SUGGESTION_POWER

    def predicted(self, labels: np.ndarray) -> np.ndarray:
        """(n,) the most probable class of each row, where `labels` (n,) are the given ones."""
        return np.where(self.other > self.given, self.best_other, labels)


def margins_of(probabilities: np.ndarray, labels: np.ndarray) -> Margins:
    """Read the margins of rows.

    Args:
        probabilities: (n, K).
        labels: (n,) given labels.
    """
    found = Margins(*(np.empty(len(labels), kind) for kind in (np.float64, np.float64, np.int32)))
    for rows in blocks(*probabilities.shape):
        table = probabilities[rows].copy()
        at = np.arange(len(table))
        found.given[rows] = table[at, labels[rows]]
        table[at, labels[rows]] = -1
        found.best_other[rows] = best = table.argmax(axis=1)
        found.other[rows] = table[at, best]
    return found
