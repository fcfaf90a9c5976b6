"""Calibration: predictions as probabilities of the given label."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from noisewise.judgement.constants import HELD_OUT_WEIGHT
from noisewise.judgement.entries import at_labels

SMALLEST = 1e-6
POWERS = (0.1, 6.0)


def best_power(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The power a under which p^a, normalised, makes the labels most likely.

    Temperature scaling (Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 4.2) with a =
    1 / temperature. The labels are the given ones, so the result is a posterior of the given label, noise included.

    Args:
        probabilities: (n, K).
        labels: (n,) given labels.
    """
    logs = np.log(np.maximum(probabilities, SMALLEST))

    def loss(power: float) -> float:
        return -float(at_labels(log_softmax(power * logs, axis=1), labels).mean())

    return float(minimize_scalar(loss, bounds=POWERS, method="bounded", options={"xatol": 1e-3}).x)


def powered(probabilities: np.ndarray, power: float) -> np.ndarray:
    """(n, K) probabilities proportional to p^power."""
    return softmax(power * np.log(np.maximum(probabilities, SMALLEST)), axis=1)


def tempered(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n, K) probabilities calibrated to the labels (n,): `powered` by their `best_power`."""
    return powered(probabilities, best_power(probabilities, labels))


def pooled(held_out: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """Normalised weighted geometric mean of held-out and in-training predictions.

    In-training predictions have seen the label but contain more information about the row.

    Args:
        held_out: (n, K), by models that did not train on the row.
        trained: (n, K), by models that did.

    Returns:
        (n, K).
    """
    logs = (np.log(np.maximum(part, SMALLEST)) for part in (held_out, trained))
    return softmax(sum(w * part for w, part in zip((HELD_OUT_WEIGHT, 1 - HELD_OUT_WEIGHT), logs, strict=True)), axis=1)
