"""Entries of a table of rows and classes."""

from __future__ import annotations

import numpy as np


def at_labels(table: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) the entries of an (n, K) table at the labels (n,)."""
    return table[np.arange(len(labels)), labels]


def best_other(table: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) the largest entry of each row of an (n, K) table other than that at the labels (n,)."""
    others = table.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    return others.max(axis=1)
