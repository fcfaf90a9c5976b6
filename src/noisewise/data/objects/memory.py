"""Data in memory as a Dataset: frames, pairs of inputs and labels, tensors, and data sets of torch and of the hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from noisewise.data.dataset import Dataset
from noisewise.data.objects.pairs import items_of, of_arrays, of_pair
from noisewise.data.readers.tables import from_frame
from noisewise.data.reading import Reading
from noisewise.errors import BadInput, shown

KINDS = (
    "a DataFrame (of pandas, polars or pyarrow), a list of dicts, a pair (X, y) of arrays, tensors, frames or lists, "
    "a torch Dataset of such pairs, or a data set of the library datasets"
)


def in_memory(source: object) -> bool:
    """Whether a source is data in memory other than a Dataset."""
    if isinstance(source, (str, bytes, Path, Dataset)):
        return False
    return _is_frame(source) or _is_hub(source) or _is_pair(source) or _is_torch(source)


def name_of(source: object) -> str:
    """How data in memory are called."""
    if _are_records(source):
        return "rows"
    return "(X, y)" if isinstance(source, (tuple, list)) else type(source).__name__


def from_memory(source: Any, reading: Reading) -> Dataset:
    """Make a Dataset of data in memory.

    - A frame is a table (see `read_table`): one of its columns holds the labels, and a named index names the rows.
    - X of a pair may be a frame, (n, d) vectors, (n, H, W) or (n, H, W, C) or (n, C, H, W) images, or n texts; y holds
      n labels. Two objects of pandas are matched by their index.
    - Of a torch Dataset every item is an input and its label; its attribute `classes`, if any, names the classes.

    Args:
        source: the data.
        reading: how; frames take all that tables take, the others `na`, which says which rows have no label.

    Raises:
        BadInput: these are no such data, or they cannot be used.
    """
    name = name_of(source)
    if _is_frame(source):
        return from_frame(_as_frame(source), name, name, reading)
    if _is_hub(source):
        from noisewise.data.readers.hub import from_splits

        parts = source.values() if isinstance(source, Mapping) else [source]
        if not all(hasattr(part, "__len__") for part in parts):
            raise BadInput(f"the {name} is streamed: load it with streaming=False")
        return from_splits(source if isinstance(source, Mapping) else {"train": source}, name, reading)
    if _is_pair(source):
        return of_pair(source[0], source[1], name, reading)
    if _is_torch(source):
        inputs, labels = items_of(source, name)
        return of_arrays(inputs, labels, name, reading, getattr(source, "classes", None))
    raise BadInput(f"source={shown(source)} is no data: give a name, a path, a Dataset, or {KINDS}")


def _is_frame(source: object) -> bool:
    return (
        isinstance(source, pd.DataFrame)
        or _are_records(source)
        or (hasattr(source, "to_pandas") and not _is_hub(source))
    )


def _are_records(source: object) -> bool:
    return isinstance(source, list) and bool(source) and all(isinstance(row, dict) for row in source)


def _is_hub(source: object) -> bool:
    parts = source.values() if isinstance(source, Mapping) else [source]
    return bool(parts) and all(type(part).__module__.partition(".")[0] == "datasets" for part in parts)


def _is_pair(source: object) -> bool:
    if not isinstance(source, (tuple, list)) or len(source) != 2:
        return False
    return all(hasattr(part, "__len__") and not isinstance(part, (str, bytes, Mapping)) for part in source)


def _is_torch(source: object) -> bool:
    return any(kind.__module__.startswith("torch.utils.data") for kind in type(source).__mro__)


def _as_frame(source: Any) -> pd.DataFrame:
    if _are_records(source):
        return pd.DataFrame(source)
    found = source if isinstance(source, pd.DataFrame) else source.to_pandas()
    if not isinstance(found, pd.DataFrame):
        raise BadInput(f"source is a {type(source).__name__}, which is one column: give {KINDS}")
    if found.empty:
        raise BadInput(f"the {type(source).__name__} has no rows or no columns")
    return found
