"""Entries of a table of rows and classes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BLOCK = 2**17  # numbers of a table that stay in a processor's cache from one operation to the next


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """The rows of a table in order, as many at a time as stay in a processor's cache."""
    size = max(BLOCK // max(columns, 1), 1)
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


def at_labels(table: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) the entries of an (n, K) table at the labels (n,)."""
    return table[np.arange(len(labels)), labels]


def best_other(table: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) the largest entry of each row of an (n, K) table other than that at the labels (n,)."""
    largest = np.empty(len(labels), table.dtype)
    for rows in blocks(*table.shape):
        others = table[rows].copy()
        others[np.arange(len(others)), labels[rows]] = -np.inf
        largest[rows] = others.max(axis=1)
    return largest
