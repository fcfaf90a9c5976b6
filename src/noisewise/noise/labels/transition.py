"""Noise that depends on the class alone: drawing labels from a transition matrix.

A transition T is (K, K) with T[i, j] = P(given = j | before = i) and rows that sum to 1.

A draw has two parts: who leaves its class, and where to. Both use one uniform number per row whatever T is, so that
under one seed the rows that a lower rate changes are among those that a higher rate of the same noise changes.
"""

from __future__ import annotations

import numpy as np


def map_matrix(rate: float, targets: np.ndarray) -> np.ndarray:
    """(K, K): class i becomes `targets[i]` with probability `rate`; classes that are their own target keep theirs.

    Args:
        rate: probability in [0, 1].
        targets: (K,) classes.
    """
    moved = np.eye(len(targets))[targets]
    return (1 - rate) * np.eye(len(targets)) + rate * moved


def draw(labels: np.ndarray, transition: np.ndarray, rng: np.random.Generator, exact: bool = False) -> np.ndarray:
    """(n,) labels drawn from the rows of `transition` that (n,) `labels` name; independent from row to row.

    With `exact`, the number of rows of class i that change is not random but n_i (1 - T[i, i]), rounded; which rows
    and, among the wrong classes, where to, is still drawn.
    """
    wrong = np.where(np.eye(len(transition), dtype=bool), 0.0, transition)
    totals = wrong.sum(axis=1)
    rates = totals / (totals + np.diagonal(transition))
    leaves = leaving_exactly(labels, rates, rng) if exact else rng.random(len(labels)) < rates[labels]
    where = rng.random(len(labels))
    result = labels.copy()
    for label in np.unique(labels[leaves]):
        rows = np.flatnonzero(leaves & (labels == label))
        result[rows] = pick(wrong[label], where[rows])
    return result


def leaving_exactly(
    labels: np.ndarray, rates: np.ndarray, rng: np.random.Generator, weights: np.ndarray | None = None
) -> np.ndarray:
    """(n,) bool: in every class k, exactly round(n_k `rates[k]`) rows, drawn without replacement.

    The rows with the smallest of n exponential numbers divided by `weights` are drawn (Efraimidis and Spirakis, 2006,
    algorithm A): one after the other, each with probability in proportion to its weight among those left.

    Args:
        labels: (n,) classes.
        rates: (K,) in [0, 1].
        rng: the source of randomness.
        weights: (n,) from 0, or None for equal ones.
    """
    keys = rng.exponential(size=len(labels))
    if weights is not None:
        keys /= np.maximum(weights, 1e-300)
    order = np.lexsort((keys, labels))
    sizes = np.bincount(labels, minlength=len(rates))
    first = np.cumsum(sizes) - sizes
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[order] = np.arange(len(labels)) - first[labels[order]]
    return ranks < np.rint(rates * sizes)[labels]


def pick(probabilities: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(m,) classes: the inverse of the cumulative distribution at `where`.

    Args:
        probabilities: (K,), or (m, K) with one distribution per row; they need not sum to 1.
        where: (m,) uniform numbers in [0, 1).
    """
    cumulative = np.cumsum(probabilities, axis=-1)
    cumulative /= cumulative[..., -1:]
    if cumulative.ndim == 1:
        return np.searchsorted(cumulative, where, side="right")
    return (cumulative <= where[:, None]).sum(axis=1)
