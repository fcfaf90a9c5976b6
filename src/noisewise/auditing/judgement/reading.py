"""What the judgement reads of evidence: held-out and in-training predictions, and every row's margins."""

from __future__ import annotations

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
    found = Margins(np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.int32))
    for rows, block in evidence.blocks():
        part = margins_of(everything(block) if seen else held_out(block), block.labels)
        found.given[rows], found.other[rows], found.best_other[rows] = part.given, part.other, part.best_other
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
