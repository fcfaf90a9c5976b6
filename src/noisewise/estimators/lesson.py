"""What a classifier is fitted to: rows with labels and weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisewise.judgement.judged import judged

LEAST = 5  # rows of every class that keep their weight, however suspect: no class may vanish


@dataclass(frozen=True, eq=False, repr=False)
class Lesson:
    """What a classifier is fitted to.

    Attributes:
        rows: (m,) positions of rows in the training data.
        labels: (m,) their class numbers.
        weights: (m,) above 0; None stands for ones.
    """

    rows: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"Lesson({len(self):,} rows{', weighted' if self.weights is not None else ''})"

    def without(self, held_out: np.ndarray) -> Lesson:
        """The lesson without the rows that `held_out` (n,) marks."""
        kept = ~held_out[self.rows]
        return Lesson(self.rows[kept], self.labels[kept], None if self.weights is None else self.weights[kept])


@dataclass(frozen=True, eq=False, repr=False)
class Labels:
    """The given labels of n rows, from which lessons are made.

    Attributes:
        given: (n,) class numbers.
        weights: (n,) weights of the rows themselves; None stands for ones.
        weighted: whether the classifier takes weights.
    """

    given: np.ndarray
    weights: np.ndarray | None
    weighted: bool

    def __len__(self) -> int:
        return len(self.given)

    def __repr__(self) -> str:
        return f"Labels({len(self):,} rows)"

    @property
    def as_given(self) -> Lesson:
        """Every row with its given label; rows of weight 0 are left out."""
        return self._lesson(np.ones(len(self), dtype=bool), self.weights)

    def cleaned(self, right: np.ndarray) -> Lesson:
        """Every row weighted by the probability that its label is right; without weights, the rows where it is likely.

        Args:
            right: (n,) probabilities that the given labels are right.
        """
        trusted = most_trusted(right, self.given)
        if not self.weighted:
            return self._lesson(trusted | (right >= 0.5), None)
        own = np.where(trusted, 1.0, right)
        return self._lesson(own > 0, own if self.weights is None else own * self.weights)

    def _lesson(self, kept: np.ndarray, weights: np.ndarray | None) -> Lesson:
        rows = np.flatnonzero(kept if weights is None else kept & (weights > 0))
        return Lesson(rows, self.given[rows], None if weights is None else weights[rows])


def most_trusted(right: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) bool, the five rows of every class whose label is most probably right, all where it has fewer.

    Args:
        right: (n,) probabilities that the labels are right.
        labels: (n,) class numbers.
    """
    order = np.lexsort((-right, labels))
    sizes = np.bincount(labels)
    place = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    found = np.zeros(len(labels), dtype=bool)
    found[order[place < LEAST]] = True
    return found


def part_right(labels: np.ndarray, probabilities: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(n,) probabilities that the labels of some rows are right, by what is predicted for these; 0 for the others.

    Args:
        labels: (n,) given labels.
        probabilities: (n, K) predictions.
        rows: (n,) bool, the rows that are judged.
    """
    found = np.zeros(len(labels))
    found[rows] = judged(labels[rows], probabilities[rows]).right
    return found
