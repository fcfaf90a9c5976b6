"""Conditions of rows other than label errors: duplicates, outliers, ambiguous rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from noisewise.auditing.rows.equal import equal_rows
from noisewise.auditing.rows.neighbours import NEIGHBOURS, Neighbours, find_neighbours
from noisewise.auditing.rows.visual_features import is_coarse, visual_features, whole_rows
from noisewise.data.dataset import Dataset
from noisewise.data.row_names import named
from noisewise.judgement.entries import blocks

CONDITIONS = ("conflicting-duplicate", "duplicate", "outlier", "ambiguous")
COLUMNS = ("index", "condition", "score", "group")
FEWEST = 50
EXACT_LIMIT = 20_000  # rows up to which all pairs are compared
NEAR = 0.4
FAR, FARTHER = 2.0, 1.6
MOST_NAMED = 0.01
TIED, THIRD = 0.8, 1 / 3
ALONE = -1


def find_conditions(
    data: Dataset,
    is_issue: np.ndarray,
    *,
    probabilities: np.ndarray | None = None,
    features: np.ndarray | None = None,
) -> pd.DataFrame:
    """Find duplicates, outliers and ambiguous rows; a row may have several conditions.

    - `duplicate`: the same bytes as another row, or closer to it than chance explains (see `near_pairs`). The score is
      1 for equal bytes, otherwise 1 minus the ratio of its distance to that of the tenth neighbour.
    - `conflicting-duplicate`: a duplicate in a group whose given labels differ; at least one of them is wrong, or the
      row belongs to several classes.
    - `outlier`: far from its nearest neighbours; the score is the mean distance to ten of them divided by the median of
      that distance over all rows (see `outlying`).
    - `ambiguous`: not an issue, but two classes are about equally probable; the score is the ratio of the second
      probability to the first (see `ambiguous`).

    Neighbours are found in `features` where they are given, otherwise in the `visual_features` of the inputs: exactly
    up to 20,000 rows, beyond that in nearby cells, which miss about two in a hundred neighbours (see `in_cells`). With
    fewer than 50 rows only equal bytes count as duplicates, and outliers are not sought. Data of labels alone have
    neither.

    Args:
        data: n rows; the truth is not used.
        is_issue: (n,) bool, the rows that the audit calls issues.
        probabilities: (n, K) predictions that have not seen the given labels; without them no row is ambiguous.
        features: (n, d) embeddings; None compares the inputs.

    Returns:
        One line per row and condition, worst first within each condition: `index`, what the row is called (see
        `noisewise.data.row_names.named`), `condition`, `score`, and `group`,
        which numbers the groups of duplicates from 0 and is -1 for all other conditions.
    """
    bare = data.shape == (0,)
    first = np.arange(len(data)) if bare else equal_rows(data)
    twins = np.flatnonzero(first != np.arange(len(data)))
    pairs = [np.stack([twins, first[twins]], axis=1)]
    shares = [np.zeros(len(twins))]
    far = np.empty(0, dtype=np.int64), np.empty(0)
    if len(data) >= FEWEST and (features is not None or not bare):
        space, metric = (features, "cosine") if features is not None else (visual_features(data), "euclidean")
        index = "exact" if len(data) <= EXACT_LIMIT else "cells"
        found = find_neighbours(space, NEIGHBOURS, metric=metric, index=index)
        near, share = near_pairs(found)
        coarse = features is None and is_coarse(data)
        sure = _verified(data, near, found, first) if coarse else np.ones(len(near), dtype=bool)
        pairs.append(near[sure])
        shares.append(share[sure])
        far = outlying(found)
    copies = _grouped(data, np.concatenate(pairs), np.concatenate(shares))
    unsure = ambiguous(probabilities, is_issue) if probabilities is not None else (far[0][:0], far[1][:0])
    alone = [_lines(data, "outlier", *far), _lines(data, "ambiguous", *unsure)]
    return named(pd.concat([copies, *alone], ignore_index=True), data)


def counts(conditions: pd.DataFrame) -> dict[str, int]:
    """The number of rows per condition, and the number of groups of duplicates as `duplicate_groups`."""
    named = conditions["condition"]
    groups = conditions["group"]
    found = {name: int((named == name).sum()) for name in CONDITIONS}
    return {**found, "duplicate_groups": int(groups[groups != ALONE].nunique())}


def near_pairs(found: Neighbours) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows that are closer to each other than chance explains.

    Where rows are spread evenly in D dimensions, (r_1 / r_k)^D, with the distances to the first and the k-th neighbour,
    is the smallest of k - 1 uniform numbers. A pair is near when fewer than one of the n rows is expected to have a
    ratio that small. D is estimated from the distances themselves: Levina and Bickel, Maximum Likelihood Estimation of
    Intrinsic Dimension, NeurIPS 2004, equation 8, with the inverses averaged over rows.

    Args:
        found: the neighbours of n rows.

    Returns:
        (m, 2) positions, and (m,) ratios of their distance to that of the k-th neighbour.
    """
    reach = found.distances[:, -1:]
    known = (reach[:, 0] > 0) & (found.distances[:, 0] > 0)
    share = np.divide(found.distances, reach, out=np.ones_like(found.distances), where=reach > 0)
    n, k = share.shape
    if k < 3 or not known.any():
        return np.empty((0, 2), dtype=np.int64), np.empty(0)
    inverse = float(-np.log(share[known, :-1].astype(float)).mean())
    limit = (n * (k - 1)) ** -inverse
    rows, places = np.nonzero(share[:, :-1] < limit)
    return np.stack([rows, found.positions[rows, places]], axis=1), share[rows, places].astype(float)


def outlying(found: Neighbours) -> tuple[np.ndarray, np.ndarray]:
    """Positions of outliers, farthest first, and their scores: mean distance to the neighbours divided by its median.

    The ranking by distance to nearest neighbours is that of Ramaswamy, Rastogi and Shim, Efficient Algorithms for
    Mining Outliers from Large Data Sets, SIGMOD 2000, section 2. A row is an outlier when its score is above 1.6 and,
    on a logarithmic scale, 2 robust standard deviations (estimated from the upper quartile) above the median. At most
    one row in a hundred is returned.
    """
    mean = found.distances.mean(axis=1, dtype=float)
    middle, upper = np.quantile(mean, [0.5, 0.75])
    if middle <= 0:
        return np.empty(0, dtype=np.int64), np.empty(0)
    score = mean / middle
    deviation = np.log(upper / middle) / 0.6745  # a normal variable's upper quartile, in standard deviations
    return _most(score, score > max(FARTHER, np.exp(FAR * deviation)))


def ambiguous(probabilities: np.ndarray, is_issue: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of rows between two classes, most ambiguous first, and the ratio of the second probability to the
    first.

    A row is ambiguous when this ratio is above 0.8, the third probability is less than a third of the second (if there
    are three classes), and the row is not an issue. At most one row in a hundred is returned.

    Args:
        probabilities: (n, K) predictions that have not seen the given labels.
        is_issue: (n,) bool.
    """
    score, between = np.empty(len(probabilities)), ~np.asarray(is_issue, dtype=bool)
    for rows in blocks(*probabilities.shape):
        table = probabilities[rows].astype(float)  # a copy, in which the largest are crossed out
        first, second = _take_largest(table), _take_largest(table)
        score[rows] = second / np.maximum(first, np.finfo(float).tiny)
        between[rows] &= (score[rows] > TIED) & (table.max(axis=1) < THIRD * second)
    return _most(score, between)


def _take_largest(table: np.ndarray) -> np.ndarray:
    """(n,) the largest entry of each row, which becomes minus infinity."""
    at = np.arange(len(table)), table.argmax(axis=1)
    found = table[at]
    table[at] = -np.inf
    return found


def _most(score: np.ndarray, named: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    positions = np.flatnonzero(named)
    order = np.argsort(-score[positions], kind="stable")[: max(1, int(MOST_NAMED * len(score)))]
    return positions[order], score[positions[order]]


def _verified(data: Dataset, pairs: np.ndarray, found: Neighbours, first: np.ndarray) -> np.ndarray:
    """(m,) whether a pair is also near in the full inputs: below 0.4 of the distance to each row's last neighbour."""
    last = found.positions[:, -1]
    sure = np.ones(len(pairs), dtype=bool)
    for at, (one, other) in enumerate(pairs):
        if first[one] != first[other]:
            rows = whole_rows(data, np.array([one, other, last[one], last[other]]), numbers=True)
            apart = [float(np.linalg.norm(rows[a] - rows[b])) for a, b in ((0, 1), (0, 2), (1, 3))]
            sure[at] = apart[0] < NEAR * min(apart[1:])
    return sure


def _grouped(data: Dataset, pairs: np.ndarray, shares: np.ndarray) -> pd.DataFrame:
    apart = pairs[:, 0] != pairs[:, 1]
    rows, linked = np.unique(pairs[apart], return_inverse=True)
    linked, n = linked.reshape(-1, 2), len(rows)
    _, part = connected_components(coo_array((np.ones(len(linked)), linked.T), shape=(n, n)), directed=False)
    nearest = np.ones(n)
    for side in (0, 1):
        np.minimum.at(nearest, linked[:, side], shares[apart])
    differ = pd.Series(data.given[rows]).groupby(part).nunique().to_numpy()[part] > 1
    table = pd.DataFrame({"position": rows, "part": part, "score": 1 - nearest, "agree": ~differ})
    table["best"] = table.groupby("part")["score"].transform("max")
    table = table.sort_values(["agree", "best", "part", "position"], ascending=[True, False, True, True])
    groups = pd.factorize(table["part"])[0].astype(np.int64)
    names = np.where(table["agree"], "duplicate", "conflicting-duplicate").astype(object)
    return _lines(data, names, table["position"].to_numpy(), table["score"].to_numpy(), groups)


def _lines(
    data: Dataset, condition: str | np.ndarray, rows: np.ndarray, scores: np.ndarray, groups: np.ndarray | int = ALONE
) -> pd.DataFrame:
    named = np.full(len(rows), condition, dtype=object)
    group = np.full(len(rows), groups, dtype=np.int64)
    values = (data.index[rows], named, np.round(scores.astype(float), 6), group)
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True))).astype({"condition": str})
