"""Confident learning: the class that a model confidently assigns to a row (Northcutt, Jiang and Chuang, JAIR 2021)."""

from __future__ import annotations

import numpy as np

from noisewise.judgement.entries import at_labels

ROUNDING = 1e-9


def thresholds(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(K,) mean probability of class j over the rows given j; infinite for classes that do not occur (equation 2)."""
    k = probabilities.shape[1]
    count = np.bincount(labels, minlength=k)
    total = np.bincount(labels, at_labels(probabilities, labels), minlength=k)
    return np.divide(total, count, out=np.full(k, np.inf), where=count > 0)


def confident_class(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) the most probable class among those above their thresholds; -1 where none is above (equation 1)."""
    above = probabilities >= thresholds(probabilities, labels) - ROUNDING
    best = np.where(above, probabilities, -1).argmax(axis=1)
    return np.where(above.any(axis=1), best, -1)
