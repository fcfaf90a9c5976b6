"""Nearest neighbours in bounded memory: exact in tiles, or by an approximate index beyond a million rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import torch

from noisewise.errors import BadInput

NEIGHBOURS = 10
LIMIT = 1_000_000  # rows up to which neighbours are found exactly
BLOCK_NUMBERS = 2**23  # numbers held at a time
COLUMNS = 2**15  # rows that a block is compared with at a time
SMALLEST_NORM = 1e-12
METRICS = ("cosine", "euclidean")
INDICES = ("auto", "exact", "approximate")
ROWS_A_CELL, MOST_CELLS, CELLS_SEARCHED, TRAINED_ON = 200, 4096, 32, 64


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

    Features are read in blocks, so a memory-mapped array stays on disk; a block of distances holds at most about 8
    million numbers. The approximate index is faiss's inverted file with the features as float32: k-means cells, of
    which the 32 nearest to a row are searched (Sivic and Zisserman, ICCV 2003).

    Args:
        features: (n, d) numbers, at least two rows.
        k: number of neighbours, at most n - 1.
        metric: cosine or euclidean.
        index: exact, approximate (the extra `ann`), or auto: exact up to a million rows.

    Raises:
        BadInput: an argument out of range, or an approximate index without the extra `ann`.
    """
    if getattr(features, "ndim", 0) != 2 or len(features) < 2:
        raise BadInput(f"features have shape {np.shape(features)}, but neighbours need (n, d) with at least 2 rows")
    if k < 1:
        raise BadInput(f"k={k} must be at least 1")
    for name, value, legal in (("metric", metric, METRICS), ("index", index, INDICES)):
        if value not in legal:
            raise BadInput(f"{name}={value!r} must be one of {', '.join(legal)}")
    approximate = index == "approximate" or (index == "auto" and len(features) > LIMIT)
    rows = _Rows(features, metric)
    search = _approximate if approximate else _exact
    return search(rows, min(k, len(features) - 1))


def has_approximate() -> bool:
    """Whether the extra `ann` is installed."""
    return find_spec("faiss") is not None


def nearest_neighbours(features: np.ndarray, k: int = NEIGHBOURS) -> np.ndarray:
    """(n, k) positions of each row's most similar other rows by cosine, most similar first; k is at most n - 1.

    Raises:
        BadInput: more than a million rows without the extra `ann`.
    """
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
    """Blocks of the features as float32, scaled to length one for the cosine."""

    def __init__(self, features: np.ndarray, metric: str) -> None:
        self.features, self.cosine = features, metric == "cosine"

    def __len__(self) -> int:
        return len(self.features)

    @property
    def width(self) -> int:
        return self.features.shape[1]

    def __getitem__(self, chosen: slice | np.ndarray) -> np.ndarray:
        block = np.array(self.features[chosen], dtype=np.float32, order="C")
        if self.cosine:
            block /= np.maximum(np.linalg.norm(block, axis=-1, keepdims=True), SMALLEST_NORM)
        return block

    def blocks(self, size: int) -> Iterator[tuple[int, np.ndarray]]:
        """Each block with its first position."""
        for start in range(0, len(self), size):
            yield start, self[start : start + size]


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
        best = torch.full((len(block), 0), -torch.inf)
        found = torch.zeros((len(block), 0), dtype=torch.int64)
        for at, other in held or rows.blocks(columns):
            best, found = _merged(best, found, _closeness(block, other, start - at), at, k)
        positions[start : start + len(block)] = found.numpy()
    return _measured(rows, positions)


def _closeness(block: np.ndarray, other: np.ndarray, shift: int) -> torch.Tensor:
    """(b, c) x·y - |y|²/2, which grows as y comes closer to x; -inf for a row and itself."""
    near = torch.from_numpy(block) @ torch.from_numpy(other).T
    near -= torch.from_numpy(0.5 * np.einsum("nd,nd->n", other, other))
    here = np.arange(len(block))
    there = here + shift
    inside = (there >= 0) & (there < len(other))
    near[torch.from_numpy(here[inside]), torch.from_numpy(there[inside])] = -torch.inf
    return near


def _merged(
    best: torch.Tensor, found: torch.Tensor, near: torch.Tensor, at: int, k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The k closest of those known and those in the tile that begins at column `at`."""
    values, columns = near.topk(min(k, near.shape[1]), dim=1)
    values, columns = torch.cat([best, values], dim=1), torch.cat([found, columns + at], dim=1)
    values, order = values.topk(min(k, values.shape[1]), dim=1)
    return values, columns.gather(1, order)


def _measured(rows: _Rows, positions: np.ndarray) -> Neighbours:
    """Distances from differences, since those from products are inexact between rows that are almost equal."""
    n, k = positions.shape
    distances = np.empty((n, k), dtype=np.float32)
    size = max(1, BLOCK_NUMBERS // (4 * k * rows.width))
    for start, block in rows.blocks(size):
        others = rows[positions[start : start + len(block)].ravel()].reshape(len(block), k, -1)
        distances[start : start + len(block)] = np.linalg.norm(others - block[:, None], axis=2)
    order = np.argsort(distances, axis=1, kind="stable")
    return Neighbours(np.take_along_axis(positions, order, axis=1), np.take_along_axis(distances, order, axis=1))


def _approximate(rows: _Rows, k: int) -> Neighbours:
    faiss = _faiss(len(rows))
    n, width = len(rows), rows.width
    cells = int(np.clip(n // ROWS_A_CELL, 1, MOST_CELLS))
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(width), width, cells, faiss.METRIC_L2)
    index.cp.max_points_per_centroid, index.cp.min_points_per_centroid = TRAINED_ON, 1
    index.nprobe = CELLS_SEARCHED
    chosen = np.sort(np.random.default_rng(0).choice(n, min(n, TRAINED_ON * cells), replace=False))
    index.train(rows[chosen])
    size = max(1, BLOCK_NUMBERS // width)
    for _, block in rows.blocks(size):
        index.add(block)
    positions = np.empty((n, k), dtype=np.int64)
    for start, block in rows.blocks(size):
        found = index.search(block, k + 1)[1]
        positions[start : start + len(block)] = _others(found, np.arange(start, start + len(block)), n)
    return _measured(rows, positions)


def _others(found: np.ndarray, own: np.ndarray, n: int) -> np.ndarray:
    """(b, k) of the (b, k + 1) positions found, without the row itself; gaps are filled with the nearest row."""
    itself = found == own[:, None]
    itself[~itself.any(axis=1), -1] = True
    others = found[~itself].reshape(len(found), -1)
    first = np.where(others[:, :1] >= 0, others[:, :1], ((own + 1) % n)[:, None])
    return np.where(others >= 0, others, first)


def _faiss(n: int) -> ModuleType:
    try:
        import faiss
    except ImportError as error:
        raise BadInput(
            f"an approximate index, required beyond {LIMIT:,} rows (here {n:,}), needs the extra ann: "
            "pip install noisewise[ann]"
        ) from error
    return faiss
