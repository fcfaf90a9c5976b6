"""Cross-validation folds that keep the rows of a group together."""

from __future__ import annotations

import numpy as np


def grouped_folds(labels: np.ndarray, groups: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) int64 fold numbers 0..k-1, equal within a group; classes and sizes as balanced as the groups allow.

    Groups are assigned from large to small, each to the fold in which its classes are rarest so far; ties go to the
    smallest fold. Single rows, and rows of groups that `must_be_split`, then balance the folds class by class.

    Args:
        labels: (n,) class numbers from 0.
        groups: (n,) group numbers, equal for rows that belong together.
        k: number of folds, from 2 to n.
        rng: breaks ties.
    """
    _, group = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group)
    alone = (sizes == 1) | must_be_split(labels, group, k)
    counts = np.zeros((k, int(labels.max()) + 1), dtype=np.int64)
    found = np.empty(len(labels), dtype=np.int64)
    order = np.lexsort((rng.random(len(labels)), group))
    starts = np.append(0, np.cumsum(sizes))
    places = np.flatnonzero(~alone)
    for place in places[np.lexsort((rng.random(len(places)), -sizes[places]))]:
        rows = order[starts[place] : starts[place + 1]]
        rarest = np.lexsort((counts.sum(axis=1), counts[:, labels[rows]].sum(axis=1)))[0]
        np.add.at(counts[rarest], labels[rows], 1)
        found[rows] = rarest
    rest = np.flatnonzero(alone[group])
    rest = rest[np.lexsort((rng.random(len(rest)), labels[rest]))]
    for part in np.split(rest, np.flatnonzero(np.diff(labels[rest])) + 1):
        if len(part):
            more = _fill_evenly(counts[:, labels[part[0]]], counts.sum(axis=1), len(part))
            counts[:, labels[part[0]]] += more
            found[part] = np.repeat(np.arange(k), more)
    return found


def must_be_split(labels: np.ndarray, group: np.ndarray, k: int) -> np.ndarray:
    """(groups,) bool, whether a group cannot be kept in one fold.

    This holds if it has more rows than a fold, or if it has several rows of a class and more than half of that class;
    the class could not be learned without the group.

    Args:
        labels: (n,) class numbers from 0.
        group: (n,) numbers of the groups, from 0 without gaps.
        k: number of folds.
    """
    classes = int(labels.max()) + 1
    pairs, inside = np.unique(group * classes + labels, return_counts=True)
    half = (inside > 1) & (2 * inside > np.bincount(labels, minlength=classes)[pairs % classes])
    large = np.bincount(group) > len(labels) // k
    large[pairs[half] // classes] = True
    return large


def _fill_evenly(counts: np.ndarray, sizes: np.ndarray, rows: int) -> np.ndarray:
    """(k,) how many of `rows` each fold receives so that `counts` become as even as possible, small folds first."""
    rising = np.sort(counts)
    needed = rising * np.arange(len(counts)) - np.append(0, np.cumsum(rising)[:-1])
    reached = int(np.searchsorted(needed, rows, side="right"))
    level = (rows + int(rising[:reached].sum())) // reached
    more = np.maximum(level - counts, 0)
    open_folds = np.flatnonzero(counts <= level)
    smallest = open_folds[np.argsort((sizes + more)[open_folds], kind="stable")]
    more[smallest[: rows - int(more.sum())]] += 1
    return more
