"""Rows with equal bytes."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from noisewise.auditing.rows.visual_features import whole_rows
from noisewise.data.dataset import Dataset

BLOCK_BYTES = 2**20
WORD = 8


def equal_rows(data: Dataset) -> np.ndarray:
    """(n,) the position of the first row with the same inputs, byte for byte; images keep their shape.

    Rows with another sum of their bytes differ. The others are compared by a cryptographic digest.
    """
    sums = np.empty(len(data), dtype=np.uint64)
    size = max(1, BLOCK_BYTES // (WORD * max(1, int(np.prod(data.shape)))))
    for start in range(0, len(data), size):
        rows = np.arange(start, min(start + size, len(data)))
        sums[rows] = _sums(whole_rows(data, rows))
    _, group, sizes = np.unique(sums, return_inverse=True, return_counts=True)
    alike = np.flatnonzero(sizes[group] > 1)
    seen: dict[bytes, int] = {}
    first = np.arange(len(data))
    for start in range(0, len(alike), size):
        rows = alike[start : start + size]
        for at, row in zip(rows.tolist(), whole_rows(data, rows), strict=True):
            first[at] = seen.setdefault(hashlib.blake2b(_bytes(row), digest_size=16).digest(), at)
    return first


def _sums(rows: Any) -> np.ndarray:
    """(m,) a number of each row, equal for rows with equal bytes and for few others."""
    if not (isinstance(rows, np.ndarray) and rows.dtype.kind in "biuf"):
        return np.array([hash(_bytes(row)) for row in rows], dtype=np.int64).view(np.uint64)
    held = np.ascontiguousarray(rows).reshape(len(rows), -1).view(np.uint8)
    words = np.zeros((len(held), -(-held.shape[1] // WORD)), dtype=np.uint64)
    words.view(np.uint8)[:, : held.shape[1]] = held
    weights = np.random.default_rng(0).integers(2**64, size=words.shape[1], dtype=np.uint64) | np.uint64(1)
    words ^= words >> np.uint64(29)  # whose high bits a product would keep to itself
    words *= weights
    return words.sum(axis=1, dtype=np.uint64)


def _bytes(row: Any) -> bytes:
    return row.encode("utf-8", "replace") if isinstance(row, str) else np.ascontiguousarray(row).tobytes()
