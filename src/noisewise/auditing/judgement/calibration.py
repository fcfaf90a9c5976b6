"""Calibration: predictions as probabilities of the given label."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax

from noisewise.auditing.detectors.detector import at_labels

SMALLEST = 1e-6
POWERS = (0.1, 6.0)
FARTHEST = 40.0  # by which log-odds are shifted at most
HELD_OUT_WEIGHT = 0.35  # of held-out against in-training predictions; measured, see `pooled`


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

    In-training predictions have seen the label but contain more information about the row. A weight of about a third on
    the held-out ones ranked wrong labels best on 13 sets with known truth, by at most 0.01 of average precision.

    Args:
        held_out: (n, K), by models that did not train on the row.
        trained: (n, K), by models that did.

    Returns:
        (n, K).
    """
    logs = (np.log(np.maximum(part, SMALLEST)) for part in (held_out, trained))
    return softmax(sum(w * part for w, part in zip((HELD_OUT_WEIGHT, 1 - HELD_OUT_WEIGHT), logs, strict=True)), axis=1)


def mixed_log_odds(one: np.ndarray, other: np.ndarray, weight: float) -> np.ndarray:
    """Weighted mean of two probabilities on the scale of log-odds.

    Args:
        one: (n,) probabilities.
        other: (n,) probabilities.
        weight: of `other`, in [0, 1]; `one` has the rest.

    Returns:
        (n,) probabilities.
    """
    first, second = (logit(np.clip(part, SMALLEST, 1 - SMALLEST)) for part in (one, other))
    return expit((1 - weight) * first + weight * second)


def with_mean(chances: np.ndarray, mean: float) -> np.ndarray:
    """(n,) the probabilities with this mean: all log-odds are shifted by one amount, so that the order stays.

    A mean that no shift of at most 40 reaches, such as 0, makes all probabilities equal to it.
    """
    odds = logit(np.clip(chances, SMALLEST, 1 - SMALLEST))
    if not len(odds) or not expit(odds.max() - FARTHEST) < mean < expit(odds.min() + FARTHEST):
        return np.full(len(odds), np.clip(mean, 0.0, 1.0))
    shift = brentq(lambda by: float(expit(odds + by).mean()) - mean, -FARTHEST, FARTHEST)
    return expit(odds + shift)
