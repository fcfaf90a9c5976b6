"""Reader of `.npy` files of labels only, for audits with probabilities or features from another tool."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.data.readers.npy import read_npy
from noisewise.data.reading import DEFAULT, Reading
from noisewise.errors import BadInput
from noisewise.memory import need

# Larger numbers are probably identifiers, not classes; K x K tables of that size would not fit into memory.
LARGEST = 1_000_000
TABLES = 3  # of K x K numbers, which audits and trainings hold at a time


def read_labels(path: str | Path, reading: Reading = DEFAULT) -> Dataset:
    """Read a `.npy` file of class numbers as a data set of n rows without inputs.

    The classes are called "0", "1" and so on up to the largest label.

    Args:
        path: the file, with (n,) whole numbers from 0.
        reading: must state nothing, since the file has no columns.

    Raises:
        BadInput: the file is of another kind, or has fewer than two classes.
    """
    path = Path(path)
    reading.refuse(path)
    given = read_npy(path)
    if given.ndim != 1 or given.dtype.kind not in "iu" or not len(given):
        raise BadInput(f"{path} must hold (n,) class numbers, but holds {given.dtype} of shape {given.shape}")
    low, high = int(given.min()), int(given.max())
    if low < 0 or not 1 <= high < LARGEST:
        raise BadInput(f"{path} must hold class numbers from 0 of at least two classes, but holds {low} to {high}")
    need(TABLES * 8 * (high + 1) ** 2, f"{path} with {high + 1:,} classes")
    return Dataset(
        np.empty((len(given), 0), dtype=np.float32),
        given.astype(np.int64),
        tuple(map(str, range(high + 1))),
        name=path.name,
        provenance=({"step": "load", "source": path.name, "format": "npy"},),
    )
