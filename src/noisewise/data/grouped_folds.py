"""Folds in which the rows of a group lie together."""

from __future__ import annotations

import numpy as np


def folds_together(labels: np.ndarray, groups: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) int64 fold numbers 0..k-1, equal within a group; classes and sizes as even as the groups allow.

    Groups are placed from large to small, each where its classes are rarest so far, then where the fold is smallest.
    Rows alone then fill up what is missing, class by class. `torn` says which groups are rows alone too.

    Args:
        labels: (n,) class numbers from 0.
        groups: (n,) equal numbers for rows that belong together.
        k: how many folds, from 2 to n.
        rng: decides between equals.
    """
    _, group = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group)
    alone = (sizes == 1) | torn(labels, group, k)
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
            more = _filled(counts[:, labels[part[0]]], counts.sum(axis=1), len(part))
            counts[:, labels[part[0]]] += more
            found[part] = np.repeat(np.arange(k), more)
    return found


def torn(labels: np.ndarray, group: np.ndarray, k: int) -> np.ndarray:
    """(groups,) whether a group cannot lie in one fold.

    That is so where it has more rows than a fold, or where it has several rows of a class and more than half of that
    class: nothing could learn the class then without it.

    Args:
        labels: (n,) class numbers from 0.
        group: (n,) numbers of the groups, from 0 without gaps.
        k: how many folds.
    """
    classes = int(labels.max()) + 1
    pairs, inside = np.unique(group * classes + labels, return_counts=True)
    half = (inside > 1) & (2 * inside > np.bincount(labels, minlength=classes)[pairs % classes])
    large = np.bincount(group) > len(labels) // k
    large[pairs[half] // classes] = True
    return large


def _filled(counts: np.ndarray, sizes: np.ndarray, rows: int) -> np.ndarray:
    """(k,) how many of `rows` each fold is given so that `counts` become as even as possible, small folds first."""
    rising = np.sort(counts)
    needed = rising * np.arange(len(counts)) - np.append(0, np.cumsum(rising)[:-1])
    reached = int(np.searchsorted(needed, rows, side="right"))
    level = (rows + int(rising[:reached].sum())) // reached
    more = np.maximum(level - counts, 0)
    open_folds = np.flatnonzero(counts <= level)
    smallest = open_folds[np.argsort((sizes + more)[open_folds], kind="stable")]
    more[smallest[: rows - int(more.sum())]] += 1
    return more
