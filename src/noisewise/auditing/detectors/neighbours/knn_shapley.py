"""KNN-Shapley: the value of the row to a nearest-neighbour classifier of all other rows.

    v_N = [y_N = y] / N,   v_i = v_{i+1} + ([y_i = y] - [y_{i+1} = y]) / k * min(k, i) / i,   s = -mean over tests of v

for every test row with label y, the N other rows sorted from the nearest (i = 1) to the farthest. Jia et al., Efficient
Task-Specific Data Valuation for Nearest Neighbor Algorithms, VLDB 2019, theorem 1 and algorithm 1: the exact Shapley
value of the rows for the likelihood of the right label by the k = 10 nearest rows, in O(N log N) per test row. The test
rows of a row are all other rows, with their given labels; of more than 5,000 rows, 5,000 evenly spaced ones. Distance
is by cosine similarity. With fewer than k rows v_N is [y_N = y] / k.
"""

from __future__ import annotations

import numpy as np

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.rows.neighbours import BLOCK_NUMBERS, NEIGHBOURS, SMALLEST_NORM

MOST_TESTS = 5000


def shapley_values(matches: np.ndarray, k: int) -> np.ndarray:
    """(t, N) exact values of N rows for t test rows.

    Args:
        matches: (t, N) bool, whether the i-th nearest row has the test row's label, nearest first.
        k: number of neighbours that vote.
    """
    count = matches.shape[1]
    hits = matches.astype(np.float64)
    place = np.arange(1, count)
    steps = (hits[:, :-1] - hits[:, 1:]) / k * np.minimum(k, place) / place
    tail = hits[:, -1:] * min(k, count) / (count * k)
    return np.concatenate([steps[:, ::-1].cumsum(axis=1)[:, ::-1] + tail, tail], axis=1)


def values(features: np.ndarray, labels: np.ndarray, k: int = NEIGHBOURS, most: int = MOST_TESTS) -> np.ndarray:
    """Mean value of every row for the other rows, in blocks of bounded memory.

    Args:
        features: (n, d), in which similar rows are close.
        labels: (n,) given labels.
        k: number of neighbours that vote.
        most: the most test rows.

    Returns:
        (n,).
    """
    n = len(labels)
    if n < 2:
        return np.zeros(n)
    tests = np.arange(min(n, most)) * n // min(n, most)
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), SMALLEST_NORM)
    total, counts = np.zeros(n), np.full(n, len(tests))
    counts[tests] -= 1  # a row is no test of itself
    for rows in np.array_split(tests, -(-len(tests) * n // BLOCK_NUMBERS)):
        far = -(unit[rows] @ unit.T)
        far[np.arange(len(rows)), rows] = np.inf
        order = np.argsort(far, axis=1)[:, :-1]
        found = shapley_values(labels[order] == labels[rows, None], k)
        total += np.bincount(order.ravel(), found.ravel(), minlength=n)
    return total / counts


def score(evidence: Evidence) -> np.ndarray:
    """(n,) values with the sign reversed."""
    assert evidence.features is not None
    return -values(evidence.features, evidence.labels)


KNN_SHAPLEY = Detector(
    DetectorCard(
        "knn-shapley",
        "How little the row is worth to a nearest-neighbour classifier of all other rows, by its Shapley value.",
        ("features",),
        "Jia et al., Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms, VLDB",
        2019,
        "-mean over tests of its exact Shapley value",
        cost="a pass for features where none are given; a sort of all rows per test row",
        on_request=True,
    ),
    score,
)
