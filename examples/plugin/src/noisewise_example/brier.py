"""The Brier score of the given label (Brier, Verification of Forecasts, Monthly Weather Review 1950), equation 2.

s_i = sum_k (p_ik - 1[k = y_i])^2
"""

from __future__ import annotations

import numpy as np

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.evidence import Evidence


def brier(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) squared distances between probabilities (n, K) and the one-hot vectors of labels (n,)."""
    at_label = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    return (probabilities**2).sum(axis=1) - 2 * at_label + 1


def score(evidence: Evidence) -> np.ndarray:
    """(n,) scores in [0, 2]."""
    assert evidence.probabilities is not None
    return brier(evidence.probabilities, evidence.labels)


BRIER = Detector(
    DetectorCard(
        "brier",
        "The squared distance between the predicted probabilities and the given label.",
        ("probabilities",),
        "Brier, Verification of Forecasts Expressed in Terms of Probability, Monthly Weather Review",
        1950,
        "sum_k (p_k - 1[k = y])^2",
        rowwise=True,
    ),
    score,
)
