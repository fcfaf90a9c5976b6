"""Nearest neighbours among the rows of nearby cells: an inverted file, for more rows than can all be compared."""

from __future__ import annotations

import numpy as np

ROWS_A_CELL = 200
SEARCHED = 48
TRAINED_ON, STEPS = 64, 6  # rows per cell of which centres are the means, and steps of Lloyd's algorithm
LARGEST = 8  # times as many rows as a cell holds on average, from which on it is cut
STRIPES = 32  # of columns, of which the largest are found first


def in_cells(features: np.ndarray, k: int) -> np.ndarray:
    """(n, k) positions of about the nearest other rows of every row, in no order.

    Rows are grouped around k-means centres, and each is compared with the rows of the cells whose centres are nearest
    to that of its own (Sivic and Zisserman, Video Google, ICCV 2003). Centres are found in two levels, so that time
    grows with n and not with n times the number of cells.

    Args:
        features: (n, d) float32, compared by Euclidean distance.
        k: number of neighbours, less than n.
    """
    order, ends = _cells(features)
    starts = np.concatenate([[0], ends[:-1]])
    rows = features[order]
    halves = 0.5 * np.einsum("nd,nd->n", rows, rows)
    centres = np.add.reduceat(rows, starts, axis=0) / (ends - starts)[:, None]
    positions = np.empty((*features.shape[:1], k), dtype=np.int64)
    for cell, near in enumerate(_near_cells(centres)):
        own = slice(starts[cell], ends[cell])
        listed = [own, *(slice(starts[other], ends[other]) for other in near.tolist() if other != cell)]
        others = np.concatenate([np.arange(part.start, part.stop) for part in listed])
        if len(others) <= k:  # fewer rows than neighbours in all of these cells
            others = np.concatenate([others, np.setdiff1d(np.arange(len(rows)), others)[: k + 1]])
        closeness = rows[own] @ rows[others].T
        closeness -= halves[others]
        np.fill_diagonal(closeness, -np.inf)
        positions[order[own]] = order[others[largest(closeness, k)]]
    return positions


def largest(values: np.ndarray, k: int) -> np.ndarray:
    """(b, k) columns of the k largest of each row of (b, c) values, in no order.

    The columns lie in `STRIPES` stripes. The k largest are among the k places whose maximum over the stripes is
    largest, so that only these are sorted.
    """
    width = values.shape[1] // STRIPES
    if width <= k:
        return np.argpartition(values, -k, axis=1)[:, -k:] if k < values.shape[1] else _all_columns(values)
    cut = width * STRIPES
    highest = values[:, :cut].reshape(len(values), STRIPES, width).max(axis=1)
    places = np.argpartition(highest, -k, axis=1)[:, -k:]
    columns = (places[:, :, None] + width * np.arange(STRIPES)).reshape(len(values), -1)
    rest = np.broadcast_to(np.arange(cut, values.shape[1]), (len(values), values.shape[1] - cut))
    columns = np.concatenate([columns, rest], axis=1)
    chosen = np.argpartition(np.take_along_axis(values, columns, axis=1), -k, axis=1)[:, -k:]
    return np.take_along_axis(columns, chosen, axis=1)


def _all_columns(values: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.arange(values.shape[1]), values.shape)


def _near_cells(centres: np.ndarray) -> np.ndarray:
    """(cells, m) the cells with the nearest centres, itself among them."""
    halves = 0.5 * np.einsum("nd,nd->n", centres, centres)
    most = min(SEARCHED, len(centres))
    size = max(2**22 // len(centres), 1)
    parts = [
        largest(centres[start : start + size] @ centres.T - halves, most) for start in range(0, len(centres), size)
    ]
    return np.concatenate(parts)


def _cells(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows in the order of their cells, (n,), and where each cell ends."""
    draw = np.random.default_rng(0)
    cells = max(len(features) // ROWS_A_CELL, 1)
    first = _nearest(features, _centres(features, max(round(np.sqrt(cells)), 1), draw))
    order, ends = [], []
    for group in np.split(np.argsort(first, kind="stable"), np.cumsum(np.bincount(first))[:-1]):
        if not len(group):
            continue
        own = features[group]
        cell = _nearest(own, _centres(own, max(len(group) // ROWS_A_CELL, 1), draw))
        sizes = np.bincount(cell)
        order.append(group[np.argsort(cell, kind="stable")])
        for size in sizes[sizes > 0].tolist():
            whole, rest = divmod(size, LARGEST * ROWS_A_CELL)
            ends += [LARGEST * ROWS_A_CELL] * whole + [rest] * (rest > 0)
    return np.concatenate(order), np.cumsum(ends)


def _centres(rows: np.ndarray, count: int, draw: np.random.Generator) -> np.ndarray:
    """(count, d) means of groups of rows, by Lloyd's algorithm on some of them."""
    rows = rows[np.sort(draw.choice(len(rows), min(len(rows), TRAINED_ON * count), replace=False))]
    centres = rows[draw.choice(len(rows), count, replace=False)]
    for _ in range(STEPS if count > 1 else 1):
        nearest = _nearest(rows, centres)
        sizes = np.bincount(nearest, minlength=count)
        held = np.flatnonzero(sizes)
        starts = (np.cumsum(sizes) - sizes)[held]
        centres[held] = np.add.reduceat(rows[np.argsort(nearest, kind="stable")], starts, axis=0)
        centres[held] /= sizes[held, None]
    return centres


def _nearest(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(n,) the centre nearest to each row."""
    halves = 0.5 * np.einsum("nd,nd->n", centres, centres)
    size = max(2**20 // len(centres), 1)
    parts = [(rows[at : at + size] @ centres.T - halves).argmax(axis=1) for at in range(0, len(rows), size)]
    return np.concatenate(parts)
