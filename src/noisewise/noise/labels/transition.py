"""Class-conditional noise: labels are drawn from a transition matrix.

A transition matrix T is (K, K) with T[i, j] = P(given = j | before = i) and rows that sum to 1.

A draw has two parts: which rows change their class, and to which class. Each part uses one uniform number per row for
any T. For a fixed seed, the rows changed at a lower rate are thus a subset of those changed at a higher rate.
"""

from __future__ import annotations

import numpy as np


def map_matrix(rate: float, targets: np.ndarray) -> np.ndarray:
    """(K, K) transition matrix: class i becomes `targets[i]` with probability `rate`.

    Args:
        rate: probability in [0, 1].
        targets: (K,) classes; a class that is its own target does not change.
    """
    moved = np.eye(len(targets))[targets]
    return (1 - rate) * np.eye(len(targets)) + rate * moved


def draw(labels: np.ndarray, transition: np.ndarray, rng: np.random.Generator, exact: bool = False) -> np.ndarray:
    """(n,) labels, each drawn independently from its class's row of `transition`.

    With `exact`, the number of rows of class i that change is not random but n_i (1 - T[i, i]), rounded. Which rows
    change, and to which wrong class, is still random.

    Args:
        labels: (n,) classes before the corruption.
        transition: (K, K) transition matrix.
        rng: source of randomness.
        exact: whether to fix the number of changed rows per class.
    """
    wrong = np.where(np.eye(len(transition), dtype=bool), 0.0, transition)
    totals = wrong.sum(axis=1)
    rates = totals / (totals + np.diagonal(transition))
    leaves = choose_exactly(labels, rates, rng) if exact else rng.random(len(labels)) < rates[labels]
    where = rng.random(len(labels))
    result = labels.copy()
    for label in np.unique(labels[leaves]):
        rows = np.flatnonzero(leaves & (labels == label))
        result[rows] = pick(wrong[label], where[rows])
    return result


def choose_exactly(
    labels: np.ndarray, rates: np.ndarray, rng: np.random.Generator, weights: np.ndarray | None = None
) -> np.ndarray:
    """(n,) bool: exactly round(n_k `rates[k]`) rows of every class k, drawn without replacement.

    Chosen are the rows with the smallest exponential numbers divided by `weights` (Efraimidis and Spirakis, 2006,
    algorithm A). This equals drawing one row after another with probability proportional to the remaining weights.

    Args:
        labels: (n,) classes.
        rates: (K,) shares of rows, in [0, 1].
        rng: source of randomness.
        weights: (n,) non-negative weights, or None for equal weights.
    """
    keys = rng.exponential(size=len(labels))
    if weights is not None:
        keys /= np.maximum(weights, 1e-300)  # weights of 0 come last, without dividing by zero
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
