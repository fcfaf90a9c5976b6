"""Nearest neighbours by cosine similarity: exact, in blocks of bounded memory."""

from __future__ import annotations

import numpy as np

NEIGHBOURS = 10
BLOCK_NUMBERS = 2**23
SMALLEST_NORM = 1e-12


def nearest_neighbours(features: np.ndarray, k: int = NEIGHBOURS) -> np.ndarray:
    """(n, k) positions of each row's k most similar other rows, in no particular order; k is at most n - 1.

    Similarity is the cosine of the features (n, d). A block of similarities holds at most about 8 million numbers.
    """
    n = len(features)
    k = min(k, n - 1)
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    unit = (features / np.maximum(norms, SMALLEST_NORM)).astype(np.float32)
    found = np.empty((n, k), dtype=np.int64)
    size = max(1, BLOCK_NUMBERS // n)
    for start in range(0, n, size):
        rows = np.arange(start, min(start + size, n))
        similarity = unit[rows] @ unit.T
        similarity[np.arange(len(rows)), rows] = -np.inf
        found[rows] = np.argpartition(similarity, n - k, axis=1)[:, n - k :]
    return found


def neighbour_shares(features: np.ndarray, labels: np.ndarray, classes: int, k: int = NEIGHBOURS) -> np.ndarray:
    """(n, K) shares of the given labels among each row's neighbours; the row itself does not vote."""
    voted = labels[nearest_neighbours(features, k)]
    rows, votes = voted.shape
    flat = (np.arange(rows)[:, None] * classes + voted).ravel()
    return np.bincount(flat, minlength=rows * classes).reshape(rows, classes) / max(votes, 1)
