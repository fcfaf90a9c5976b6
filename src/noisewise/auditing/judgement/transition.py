"""How labels go wrong: P(given = j | true = i), counted on the rows whose true class is nearly certain."""

from __future__ import annotations

import numpy as np

ANCHOR_SHARE = 0.3
FEWEST_ANCHORS = 10


def anchors(
    predicted: np.ndarray, confidence: np.ndarray, classes: int, share: float = ANCHOR_SHARE
) -> list[np.ndarray]:
    """Per class, the positions of the most confident rows among those predicted as that class.

    At least 10 rows per class are taken, or all where fewer are predicted.

    Args:
        predicted: (n,) most probable classes.
        confidence: (n,) their probabilities.
        classes: K.
        share: of the rows predicted as a class, that are taken.
    """
    order = np.lexsort((-confidence, predicted))
    ends = np.cumsum(np.bincount(predicted, minlength=classes))
    chosen = []
    for start, end in zip(np.append(0, ends[:-1]), ends, strict=True):
        chosen.append(order[start : min(end, start + max(FEWEST_ANCHORS, round(share * (end - start))))])
    return chosen


def anchor_transition(labels: np.ndarray, chosen: list[np.ndarray], weights: np.ndarray | None = None) -> np.ndarray:
    """(K, K) estimated P(given = j | true = i): the given labels of the rows `chosen` as anchors of class i.

    Anchor points are those of Patrini et al., Making Deep Neural Networks Robust to Label Noise, CVPR 2017, equation
    12; here the labels of many anchors are counted where the paper reads one anchor's predicted probabilities. Half a
    row is added to the wrong labels of a class, and one row, spread evenly, to how they divide, so that nothing is
    impossible merely because it was not seen. For a class without anchors all labels count as right.

    Args:
        labels: (n,) given labels.
        chosen: per class, the positions of its anchors.
        weights: (n,) how often each row counts; None is once.
    """
    k = len(chosen)
    weights = np.ones(len(labels)) if weights is None else weights
    matrix = np.eye(k)
    for label, rows in enumerate(chosen):
        counts = np.bincount(labels[rows], weights[rows], minlength=k)
        total = counts.sum()
        if total > 0:
            wrong = np.delete(counts, label)
            rate = (wrong.sum() + 0.5) / (total + 1)
            spread = (wrong + 1 / (k - 1)) / (wrong.sum() + 1)
            matrix[label] = np.insert(rate * spread, label, 1 - rate)
    return matrix
