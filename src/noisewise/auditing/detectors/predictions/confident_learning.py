"""Confident learning: count the rows that a model confidently assigns to another class than the given one.

    t_j = mean of p_i[j] over rows given j                                             (equation 2)
    C[j, k] = number of rows given j whose confident class is k: the most probable k of those with p_i[k] >= t_k  (1)
    Q[j, k] proportional to (C[j, k] / sum_k C[j, k]) n_j                              (equation 3)

Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021. The first axis is
the given label, the second the latent true one, as in the paper.
"""

from __future__ import annotations

import numpy as np

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.detectors.predictions.normalised_margin import normalised_margin
from noisewise.auditing.evidence import Evidence
from noisewise.judgement.confident import confident_class


def confident_joint(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(K, K) counts of rows by given label and confident class."""
    k = probabilities.shape[1]
    chosen = confident_class(probabilities, labels)
    known = chosen >= 0
    return np.bincount(labels[known] * k + chosen[known], minlength=k * k).reshape(k, k)


def joint(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(K, K) estimated P(given = j, true = k), calibrated to the observed shares of given labels."""
    counts = confident_joint(probabilities, labels).astype(float)
    empty = counts.sum(axis=1) == 0
    counts[empty, empty] = 1
    share = np.bincount(labels, minlength=len(counts)) / len(labels)
    return counts / counts.sum(axis=1, keepdims=True) * share[:, None]


def noise_rate(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of wrong labels: the mass of the joint outside its diagonal."""
    return float(1 - np.trace(joint(probabilities, labels)))


def transition(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(K, K) estimated P(given = j | true = i); a row of the identity for classes estimated never to occur."""
    mass = joint(probabilities, labels).T
    total = mass.sum(axis=1, keepdims=True)
    return np.where(total > 0, mass / np.where(total > 0, total, 1), np.eye(len(mass)))


def score(evidence: Evidence) -> np.ndarray:
    """(n,) scores in [0, 2]: rows off the diagonal of the confident joint come first, by normalised margin within."""
    probabilities, labels = evidence.probabilities, evidence.labels
    assert probabilities is not None
    chosen = confident_class(probabilities, labels)
    return ((chosen >= 0) & (chosen != labels)) + normalised_margin(probabilities, labels)


CONFIDENT_LEARNING = Detector(
    DetectorCard(
        "confident-learning",
        "Rows that the out-of-fold model confidently assigns to another class come first.",
        ("probabilities",),
        "Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR",
        2021,
        "[argmax_{j: p[j] >= t_j} p[j] != y] + (1 + max_{j != y} p[j] - p[y]) / 2",
        threshold=1.0,
    ),
    score,
)
