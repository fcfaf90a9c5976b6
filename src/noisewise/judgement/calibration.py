"""Calibration: predictions as probabilities of the given label."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from noisewise.judgement.constants import HELD_OUT_WEIGHT
from noisewise.judgement.entries import at_labels, blocks

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
    logs -= at_labels(logs, labels)[:, None]

    def loss(power: float) -> float:
        """The mean of log sum_j (p_j / p_label)^a; no sum overflows, since no probability is below `SMALLEST`."""
        found = 0.0
        for rows in blocks(*logs.shape):
            found += float(np.log(np.exp(power * logs[rows]).sum(axis=1)).sum())
        return found / len(labels)

    return float(minimize_scalar(loss, bounds=POWERS, method="bounded", options={"xatol": 1e-3}).x)


def powered(probabilities: np.ndarray, power: float) -> np.ndarray:
    """(n, K) probabilities proportional to p^power."""
    found = np.empty(probabilities.shape)
    for rows in blocks(*probabilities.shape):
        found[rows] = _softmax(power * np.log(np.maximum(probabilities[rows], SMALLEST)))
    return found


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
    found = np.empty(held_out.shape)
    for rows in blocks(*held_out.shape):
        unseen, seen = (np.log(np.maximum(part[rows], SMALLEST)) for part in (held_out, trained))
        found[rows] = _softmax(HELD_OUT_WEIGHT * unseen + (1 - HELD_OUT_WEIGHT) * seen)
    return found


def _softmax(logits: np.ndarray) -> np.ndarray:
    """(n, K) softmax of logits, which are overwritten."""
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits
