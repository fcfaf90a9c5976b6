"""Normalised margin: how much more probable another label is by an out-of-fold model.

    s_i = (1 + max_{j != y_i} p_i[j] - p_i[y_i]) / 2

Northcutt, Jiang and Chuang, Confident Learning, JAIR 2021, section 3.3 ("normalised margin"), shifted into [0, 1]:
above 0.5 another label is more probable than the given one.
"""

from __future__ import annotations

import numpy as np

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.evidence import Evidence
from noisewise.judgement.entries import at_labels, best_other


def normalised_margin(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) scores of probabilities (n, K) and labels (n,)."""
    return (1 + best_other(probabilities, labels) - at_labels(probabilities, labels)) / 2


def score(evidence: Evidence) -> np.ndarray:
    """(n,) scores in [0, 1]."""
    assert evidence.probabilities is not None
    return normalised_margin(evidence.probabilities, evidence.labels)


NORMALISED_MARGIN = Detector(
    DetectorCard(
        "normalised-margin",
        "How far the out-of-fold probability of the best other label exceeds that of the given one.",
        ("probabilities",),
        "Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR",
        2021,
        "(1 + max_{j != y} p[j] - p[y]) / 2",
        rowwise=True,
    ),
    score,
)
