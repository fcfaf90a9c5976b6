"""Confident learning: the class that a model confidently assigns to a row (Northcutt, Jiang and Chuang, JAIR 2021)."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from noisewise.judgement.entries import at_labels, blocks
from noisewise.judgement.margins import Margins

ROUNDING = 1e-9


class Table(Protocol):
    """Predictions of which chosen rows can be read: an array, or what reads a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, K)."""
        ...

    def __getitem__(self, rows: np.ndarray, /) -> np.ndarray:
        """(m, K) the predictions of the rows at (m,) positions."""
        ...


def thresholds(given: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """(K,) mean probability of class j over the rows given j; infinite for classes that do not occur (equation 2).

    Args:
        given: (n,) probabilities of the given labels.
        labels: (n,) given labels.
        classes: K.
    """
    count = np.bincount(labels, minlength=classes)
    total = np.bincount(labels, given, minlength=classes)
    return np.divide(total, count, out=np.full(classes, np.inf), where=count > 0)


def confident_class(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) the most probable class among those above their thresholds; -1 where none is above (equation 1)."""
    limits = thresholds(at_labels(probabilities, labels), labels, probabilities.shape[1]) - ROUNDING
    found = np.empty(len(labels), np.int64)
    for rows in blocks(*probabilities.shape):
        found[rows] = _above(probabilities[rows], limits)
    return found


def confidently_other(table: Table, labels: np.ndarray, margins: Margins) -> np.ndarray:
    """(n,) bool, the rows whose `confident_class` and whose prediction are both another class than the given one.

    Where the prediction is above its threshold it is the confident class, so that only the other rows are read again.

    Args:
        table: (n, K) predictions.
        labels: (n,) given labels.
        margins: of these predictions.
    """
    limits = thresholds(margins.given, labels, table.shape[1]) - ROUNDING
    differs = margins.other > margins.given
    found = differs & (margins.other >= limits[margins.best_other])
    unknown = np.flatnonzero(differs & ~found & (margins.other >= limits.min()))
    for part in blocks(len(unknown), table.shape[1]):
        rows = unknown[part]
        chosen = _above(table[rows], limits)
        found[rows] = (chosen >= 0) & (chosen != labels[rows])
    return found


def _above(probabilities: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """(m,) the most probable class of each row among those above the limits (K,); -1 where none is above."""
    above = probabilities >= limits
    best = np.where(above, probabilities, -1).argmax(axis=1)
    return np.where(above[np.arange(len(best)), best], best, -1)
