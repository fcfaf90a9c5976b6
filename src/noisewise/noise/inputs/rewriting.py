"""Rewriting of inputs for corruptions: checks of the data, iteration over blocks of rows, and the provenance record.

Inputs are changed block by block into a new array in memory. The given labels and the truth do not change. The
readable columns of a table (`described`) no longer match its rows and are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from noisewise.data.dataset import Dataset, Inputs
from noisewise.errors import BadInput

BLOCK_NUMBERS = 2**22  # 32 MiB of float64 at a time


def check_not_text(corruption: str, data: Dataset) -> None:
    """Check that the inputs are numbers.

    Raises:
        BadInput: they are texts.
    """
    if data.kind == "text":
        raise BadInput(f"{corruption!r} changes images, tables and vectors, but {data.name!r} holds texts")


def check_images(corruption: str, data: Dataset) -> None:
    """Check that the inputs are images.

    Raises:
        BadInput: they are not.
    """
    if data.kind != "image" or len(data.shape) != 3:
        raise BadInput(f"{corruption!r} changes images, but {data.name!r} holds inputs of kind {data.kind!r}")


def blocks(inputs: Inputs) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Iterate over positions (b,) of rows and the rows (b, ...), in order, a few million numbers at a time."""
    size = max(1, BLOCK_NUMBERS // max(int(np.prod(inputs.shape[1:])), 1))
    for start in range(0, len(inputs), size):
        positions = np.arange(start, min(start + size, len(inputs)))
        yield positions, np.asarray(inputs[positions])


def rewrite(data: Dataset, change: Callable[[np.ndarray], np.ndarray]) -> Dataset:
    """Return the data set with new inputs and a record of `inputs_changed`, the share of rows that differ from before.

    Args:
        data: n rows.
        change: maps a block of rows (b, ...) to a block of the same shape.
    """
    inputs = np.empty(data.inputs.shape, data.inputs.dtype)
    changed = 0
    for positions, block in blocks(data.inputs):
        inputs[positions] = change(block)
        changed += count_changed(block, inputs[positions])
    return reinput(data, inputs, {"step": "corrupt", "inputs_changed": changed / max(len(data), 1)})


def count_changed(before: np.ndarray, after: np.ndarray) -> int:
    """Count the rows of (b, ...) arrays that differ in any number."""
    return int((before != after).any(axis=tuple(range(1, before.ndim))).sum())


def reinput(data: Dataset, inputs: np.ndarray, record: dict[str, object]) -> Dataset:
    """Return the data set with new inputs (n, ...) and one more provenance record."""
    described = data.described if data.kind == "image" else None
    return replace(data, inputs=inputs, described=described, provenance=(*data.provenance, record))


def moments(inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the standard deviation (C,) of every channel or feature, the last axis of n >= 1 rows."""
    channels = inputs.shape[-1]
    total, count = np.zeros(channels), 0
    for _, block in blocks(inputs):
        values = block.reshape(-1, channels)
        total += values.sum(axis=0, dtype=np.float64)
        count += len(values)
    mean, spread = total / count, np.zeros(channels)
    for _, block in blocks(inputs):
        spread += np.square(block.reshape(-1, channels) - mean).sum(axis=0)
    return mean, np.sqrt(spread / count)


def to_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Convert float values to the type of the inputs; bytes are rounded and clipped to 0..255."""
    return np.clip(np.rint(values), 0, 255).astype(dtype) if dtype == np.uint8 else values.astype(dtype)
