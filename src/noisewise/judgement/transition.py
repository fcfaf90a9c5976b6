"""How labels go wrong: P(given = j | true = i), as the judgement of every row has it."""

from __future__ import annotations

import numpy as np


def judged_transition(
    labels: np.ndarray, best_other: np.ndarray, suspicion: np.ndarray, suggestion_right: np.ndarray, classes: int
) -> np.ndarray:
    """(K, K) estimated P(given = j | true = i), whose wrong labels are as many as the noise rate says.

    With s the suspicion and p the probability that the suggestion is right if the label is wrong, a row given j is of
    class j with probability 1 - s, of the suggested class with probability s p, and of any other class with an equal
    part of s (1 - p). A class without any probability keeps its labels.

    Args:
        labels: (n,) given labels.
        best_other: (n,) suggested classes.
        suspicion: (n,) s.
        suggestion_right: (n,) p.
        classes: K.
    """
    right = suspicion * suggestion_right
    elsewhere = (suspicion - right) / max(classes - 2, 1)  # in each class other than the given and the suggested one
    suggested = right - elsewhere if classes > 2 else right
    mass: np.ndarray = np.bincount(best_other * classes + labels, suggested, minlength=classes**2)
    mass = mass.reshape(classes, classes)
    if classes > 2:
        mass += np.bincount(labels, elsewhere, minlength=classes)
    np.fill_diagonal(mass, np.bincount(labels, 1 - suspicion, minlength=classes))
    mass = np.maximum(mass, 0)
    total = mass.sum(axis=1, keepdims=True)
    return np.where(total > 0, mass / np.where(total > 0, total, 1), np.eye(classes))
