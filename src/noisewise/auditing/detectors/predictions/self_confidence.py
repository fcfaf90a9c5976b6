"""Self-confidence: one minus the out-of-fold probability of the given label.

    s_i = 1 - p_i[y_i]

Northcutt, Jiang and Chuang, Confident Learning, JAIR 2021, section 3.3 ("self-confidence" ranking).
"""

from __future__ import annotations

import numpy as np

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.evidence import Evidence
from noisewise.judgement.entries import at_labels


def self_confidence(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) 1 - p[label] of probabilities (n, K) and labels (n,)."""
    return 1 - at_labels(probabilities, labels)


def score(evidence: Evidence) -> np.ndarray:
    """(n,) scores in [0, 1]."""
    assert evidence.probabilities is not None
    return self_confidence(evidence.probabilities, evidence.labels)


SELF_CONFIDENCE = Detector(
    DetectorCard(
        "self-confidence",
        "One minus the out-of-fold probability of the given label.",
        ("probabilities",),
        "Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR",
        2021,
        "1 - p[y]",
        rowwise=True,
    ),
    score,
)
