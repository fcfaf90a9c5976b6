"""INCV: whether a network that did not train on the row predicts its given label.

    s_i = [argmax_j p_i[j] != y_i] + 1 - p_i[y_i]

Chen, Liao, Chen and Zhang, Understanding and Utilizing Deep Neural Networks Trained with Noisy Labels, ICML 2019,
algorithm 1: rows are selected where the two agree. This is its first iteration, with the audit's folds instead of two
halves. Among the rows that are not selected, those with the largest loss, which the paper removes, come first. The
paper's further iterations train again on the selected rows.
"""

from __future__ import annotations

import numpy as np

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.evidence import Evidence
from noisewise.judgement.entries import at_labels, best_other


def agrees(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) bool, the rows selected by one iteration: no other label is more probable than the given one."""
    return at_labels(probabilities, labels) >= best_other(probabilities, labels)


def score(evidence: Evidence) -> np.ndarray:
    """(n,) scores in [0, 2]; above one for the rows that are not selected."""
    probabilities, labels = evidence.probabilities, evidence.labels
    assert probabilities is not None
    return ~agrees(probabilities, labels) + 1 - at_labels(probabilities, labels)


INCV = Detector(
    DetectorCard(
        "incv",
        "Rows whose out-of-fold prediction is another label come first; one iteration of the cross-validation.",
        ("probabilities",),
        "Chen et al., Understanding and Utilizing Deep Neural Networks Trained with Noisy Labels, ICML",
        2019,
        "[argmax_j p[j] != y] + 1 - p[y]",
        threshold=1.0,
    ),
    score,
)
