"""What the judgement reads of evidence: held-out and in-training predictions, and every row's margins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisewise.auditing.evidence import Evidence
from noisewise.errors import BadInput
from noisewise.judgement.calibration import pooled
from noisewise.judgement.margins import Margins, margins_of


def margins(evidence: Evidence, seen: bool = True) -> Margins:
    """Read the margins of all rows, in blocks.

    Args:
        evidence: with probabilities, or a ledger with `probability_mean`.
        seen: whether predictions that have seen the row's label count too, where there are both kinds; see `pooled`.
    """
    n = len(evidence)
    found = Margins(np.empty(n), np.empty(n), np.empty(n, np.int32))
    for rows, block in evidence.blocks():
        part = margins_of(everything(block) if seen else held_out(block), block.labels)
        found.given[rows], found.other[rows], found.best_other[rows] = part.given, part.other, part.best_other
    return found


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The held-out predictions of evidence, of which chosen rows are read.

    Attributes:
        evidence: with probabilities, or a ledger with `probability_mean`.
    """

    evidence: Evidence

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, K)."""
        return len(self.evidence), self.evidence.classes

    def __getitem__(self, rows: np.ndarray, /) -> np.ndarray:
        """(m, K) the predictions of the rows at (m,) positions."""
        if self.evidence.small:
            return held_out(self.evidence)[rows]
        return held_out(self.evidence.with_features(None).take(rows))


def pools(evidence: Evidence) -> bool:
    """Whether there are in-training predictions beside held-out ones."""
    return evidence.probabilities is not None and _trained(evidence) is not None


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
    return pooled(known, trained) if trained is not None and pools(evidence) else known


def _trained(evidence: Evidence) -> np.ndarray | None:
    return None if evidence.ledger is None else evidence.ledger.get("probability_mean")
