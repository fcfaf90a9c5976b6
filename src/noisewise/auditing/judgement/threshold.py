"""Where to draw the line: the threshold that promises the best F1."""

from __future__ import annotations

import numpy as np

LOWEST = 0.25


def best_threshold(suspicion: np.ndarray) -> float:
    """The threshold t for which calling rows with suspicion > t wrong has the largest expected F1.

    With s the probabilities (n,) of being wrong, naming the k most suspect rows has the expected F1 (as the ratio of
    expectations) 2 sum_{named} s / (k + sum_all s). The best threshold is half the best F1, so it is at most one half:
    Lipton, Elkan and Narayanaswamy, Optimal Thresholding of Classifiers to Maximize F1 Measure, ECML 2014, theorem 1.

    Rows of equal suspicion are named together or not at all. Rows up to a suspicion of 0.25 are never named: on nearly
    clean data the best F1 is so poor that its threshold would name anything.
    """
    suspicion = np.asarray(suspicion, dtype=float)
    ordered = np.sort(suspicion[suspicion > LOWEST])[::-1]
    if not len(ordered):
        return 0.5
    f1 = 2 * np.cumsum(ordered) / (np.arange(1, len(ordered) + 1) + suspicion.sum())
    last_of_equals = np.append(ordered[1:] < ordered[:-1], True)
    best = int(np.argmax(np.where(last_of_equals, f1, -1)))
    below = ordered[best + 1] if best + 1 < len(ordered) else LOWEST
    return float((ordered[best] + below) / 2)
