"""What the judgement reads of every row: the probability of its given label, and of the most probable other one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.calibration import pooled
from noisewise.auditing.judgement.constants import OTHER_WEIGHT, SUGGESTION_POWER
from noisewise.errors import BadInput

SMALLEST = 1e-9


@dataclass(frozen=True, eq=False)
class Margins:
    """The two probabilities of n rows that decide how suspect they are.

    Attributes:
        given: (n,) float32, probability of the given label.
        other: (n,) float32, largest probability of another class.
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


def margins(evidence: Evidence, seen: bool = True) -> Margins:
    """Read the margins of all rows, in blocks.

    Args:
        evidence: with probabilities, or a ledger with `probability_mean`.
        seen: whether predictions that have seen the row's label count too, where there are both kinds; see `pooled`.
    """
    n = len(evidence)
    found = Margins(np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.int32))
    for rows, block in evidence.blocks():
        table = (everything(block) if seen else held_out(block)).copy()
        at = np.arange(len(block)), block.labels
        found.given[rows] = table[at]
        table[at] = -1
        best = table.argmax(axis=1)
        found.best_other[rows], found.other[rows] = best, table[at[0], best]
    return found


def held_out(evidence: Evidence) -> np.ndarray:
    """(n, K) predictions that have not seen the row's own label, wherever the evidence allows it.

    Raises:
        BadInput: nothing in the evidence predicts.
    """
    if evidence.probabilities is not None:
        return evidence.probabilities
    trained = _trained(evidence)
    if trained is None:
        raise BadInput("a judgement needs probabilities, features or a ledger with 'probability_mean', but got none")
    return trained


def everything(evidence: Evidence) -> np.ndarray:
    """(n, K) held-out and in-training predictions pooled, where the evidence has both.

    Raises:
        BadInput: nothing in the evidence predicts.
    """
    known, trained = held_out(evidence), _trained(evidence)
    return known if trained is None or evidence.probabilities is None else pooled(known, trained)


def _trained(evidence: Evidence) -> np.ndarray | None:
    return None if evidence.ledger is None else evidence.ledger.get("probability_mean")
