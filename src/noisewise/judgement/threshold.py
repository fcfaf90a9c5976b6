"""The threshold with the best expected F1."""

from __future__ import annotations

import numpy as np

LOWEST = 0.25  # no row of lower suspicion is ever called an issue


def best_threshold(suspicion: np.ndarray) -> float:
    """The threshold t for which calling rows with suspicion > t wrong has the largest expected F1.

    With s the probabilities of being wrong, calling the k most suspect rows issues has the expected F1 (as the ratio of
    expectations) 2 sum_{issues} s / (k + sum_all s). The best threshold is half the best F1, so it is at most one half:
    Lipton, Elkan and Narayanaswamy, Optimal Thresholding of Classifiers to Maximize F1 Measure, ECML 2014, theorem 1.

    Rows of equal suspicion are called issues together or not at all. Rows up to a suspicion of 0.25 are never called
    issues: on nearly clean data even the best F1 is so poor that its threshold would accept any row.

    Args:
        suspicion: (n,) probabilities of being wrong.
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
