"""Nearest neighbours: exact in tiles and bounded memory, or in nearby cells where there are many rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from noisewise.auditing.rows.cells import in_cells, largest
from noisewise.errors import BadInput

NEIGHBOURS = 10
LIMIT = 100_000  # rows up to which neighbours are found exactly
BLOCK_NUMBERS = 2**23  # numbers held at a time
COLUMNS = 2**15  # rows that a block is compared with at a time
SMALLEST_NORM = 1e-12
LARGEST = 1e15  # of a number whose square may be added up in float32
METRICS = ("cosine", "euclidean")
INDICES = ("auto", "exact", "cells")


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest other rows of every row, nearest first.

    Attributes:
        positions: (n, k) int64.
        distances: (n, k) float32, Euclidean; with the cosine metric, between the rows scaled to length one.
    """

    positions: np.ndarray
    distances: np.ndarray


def find_neighbours(
    features: np.ndarray, k: int = NEIGHBOURS, *, metric: str = "cosine", index: str = "auto"
) -> Neighbours:
    """Each row's k nearest other rows.

    An exact search reads features in blocks, so that a memory-mapped array stays on disk; a block of distances holds at
    most about 8 million numbers. A search in cells holds the features as float32 and compares a row with those of the
    48 cells around its own, so that it may miss some neighbours (see `in_cells`).

    Args:
        features: (n, d) numbers, at least two rows.
        k: number of neighbours, at most n - 1.
        metric: cosine or euclidean.
        index: exact, cells, or auto: exact up to 100,000 rows.

    Raises:
        BadInput: an argument out of range.
    """
    if getattr(features, "ndim", 0) != 2 or len(features) < 2:
        raise BadInput(f"features have shape {np.shape(features)}, but neighbours need (n, d) with at least 2 rows")
    if k < 1:
        raise BadInput(f"k={k} must be at least 1")
    for name, value, legal in (("metric", metric, METRICS), ("index", index, INDICES)):
        if value not in legal:
            raise BadInput(f"{name}={value!r} must be one of {', '.join(legal)}")
    rows = _Rows(features, metric)
    search = _in_cells if index == "cells" or (index == "auto" and len(features) > LIMIT) else _exact
    return search(rows, min(k, len(features) - 1))


def nearest_neighbours(features: np.ndarray, k: int = NEIGHBOURS) -> np.ndarray:
    """(n, k) positions of each row's most similar other rows by cosine, most similar first; k is at most n - 1."""
    if len(features) < 2:
        return np.empty((len(features), 0), dtype=np.int64)
    return find_neighbours(features, k).positions


def neighbour_shares(features: np.ndarray, labels: np.ndarray, classes: int, k: int = NEIGHBOURS) -> np.ndarray:
    """(n, K) shares of the labels among each row's neighbours, without the row itself.

    Args:
        features: (n, d).
        labels: (n,) class numbers.
        classes: K.
        k: number of neighbours.
    """
    voted = labels[nearest_neighbours(features, k)]
    rows, votes = voted.shape
    flat = (np.arange(rows)[:, None] * classes + voted).ravel()
    return np.bincount(flat, minlength=rows * classes).reshape(rows, classes) / max(votes, 1)


class _Rows:
    """Blocks of the features as float32, scaled to length one for the cosine.

    Attributes:
        scale: what the numbers are divided by, so that sums of their squares are finite; 1 but for huge ones.
    """

    def __init__(self, features: np.ndarray, metric: str) -> None:
        self.features, self.cosine, self.scale = features, metric == "cosine", 1.0
        blocks = [block for _, block in self._read(COLUMNS) if block.size]
        largest = max((float(max(block.max(), -block.min())) for block in blocks), default=0.0)
        if largest > LARGEST:
            self.scale = largest

    def __len__(self) -> int:
        return len(self.features)

    @property
    def width(self) -> int:
        return self.features.shape[1]

    def __getitem__(self, chosen: slice | np.ndarray) -> np.ndarray:
        block = np.array(self.features[chosen], dtype=np.float32, order="C")
        if self.scale != 1.0:
            block /= np.float32(self.scale)
        if self.cosine:
            block /= np.maximum(np.linalg.norm(block, axis=-1, keepdims=True), SMALLEST_NORM)
        return block

    def blocks(self, size: int) -> Iterator[tuple[int, np.ndarray]]:
        """Each block with its first position."""
        for start in range(0, len(self), size):
            yield start, self[start : start + size]

    def _read(self, size: int) -> Iterator[tuple[int, np.ndarray]]:
        """The features as they are, likewise."""
        for start in range(0, len(self), size):
            yield start, self.features[start : start + size]


def _exact(rows: _Rows, k: int) -> Neighbours:
    n = len(rows)
    columns = min(n, COLUMNS)
    size = max(1, BLOCK_NUMBERS // columns)
    if columns < n:
        size = min(n, 16 * size)
        columns = max(1, BLOCK_NUMBERS // size)
    held = list(rows.blocks(columns)) if columns >= n else None
    positions = np.empty((n, k), dtype=np.int64)
    for start, block in rows.blocks(size):
        best = np.full((len(block), 0), -np.inf, dtype=np.float32)
        found = np.zeros((len(block), 0), dtype=np.int64)
        for at, other in held or rows.blocks(columns):
            best, found = _merged(best, found, _closeness(block, other, start - at), at, k)
        positions[start : start + len(block)] = found
    return _measured(rows, positions)


def _closeness(block: np.ndarray, other: np.ndarray, shift: int) -> np.ndarray:
    """(b, c) x·y - |y|²/2, which grows as y comes closer to x; -inf for a row and itself."""
    near: np.ndarray = block @ other.T
    near -= 0.5 * np.einsum("nd,nd->n", other, other)
    here = np.arange(len(block))
    there = here + shift
    inside = (there >= 0) & (there < len(other))
    near[here[inside], there[inside]] = -np.inf
    return near


def _merged(best: np.ndarray, found: np.ndarray, near: np.ndarray, at: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k closest of those known and those in the tile that begins at column `at`."""
    columns = largest(near, min(k, near.shape[1]))
    values = np.concatenate([best, np.take_along_axis(near, columns, axis=1)], axis=1)
    columns = np.concatenate([found, columns + at], axis=1)
    order = largest(values, min(k, values.shape[1]))
    return np.take_along_axis(values, order, axis=1), np.take_along_axis(columns, order, axis=1)


def _measured(rows: _Rows, positions: np.ndarray) -> Neighbours:
    """Distances from differences, since those from products are inexact between rows that are almost equal."""
    n, k = positions.shape
    distances = np.empty((n, k), dtype=np.float32)
    size = max(1, BLOCK_NUMBERS // (4 * k * rows.width))
    for start, block in rows.blocks(size):
        others = rows[positions[start : start + len(block)].ravel()].reshape(len(block), k, -1)
        distances[start : start + len(block)] = np.linalg.norm(others - block[:, None], axis=2)
    if not rows.cosine and rows.scale != 1.0:
        with np.errstate(over="ignore"):  # of numbers near the largest there are
            distances *= np.float32(rows.scale)
    order = np.argsort(distances, axis=1, kind="stable")
    return Neighbours(np.take_along_axis(positions, order, axis=1), np.take_along_axis(distances, order, axis=1))


def _in_cells(rows: _Rows, k: int) -> Neighbours:
    return _measured(rows, in_cells(rows[:], k))
