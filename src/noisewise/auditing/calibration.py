"""Predictions that mean what they say: as probabilities of the given label."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from noisewise.auditing.detectors.detector import at_labels

SMALLEST = 1e-6
POWERS = (0.1, 6.0)


def tempered(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n, K) proportional to p^a, with the power a under which the labels (n,) are most likely.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 4.2, with a = 1 / temperature. The labels
    are the given ones, so the result is a posterior of the given label, noise included.
    """
    logs = np.log(np.maximum(probabilities, SMALLEST))

    def loss(power: float) -> float:
        return -float(at_labels(log_softmax(power * logs, axis=1), labels).mean())

    power = minimize_scalar(loss, bounds=POWERS, method="bounded", options={"xatol": 1e-3}).x
    return softmax(power * logs, axis=1)


def pooled(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n, K) normalised geometric mean of two predictions."""
    return softmax((np.log(np.maximum(first, SMALLEST)) + np.log(np.maximum(second, SMALLEST))) / 2, axis=1)
