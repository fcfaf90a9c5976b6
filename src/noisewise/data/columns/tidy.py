"""Frames as people have them, made uniform: names are text and differ, and a column holds one kind of value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

KEYS, DEPTH = 100, 4  # of objects that become columns of their own
_WIDEST = 2**63
IMAGE = {"bytes", "path"}


def tidy(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The frame with names that are text and differ, and sentences on what changed.

    An object in every row (of JSON, or a struct) becomes a column per key, called `NAME.KEY`; images, which are objects
    of `bytes` and `path`, stay. Values of several types in one column become text.
    """
    names = [".".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in frame.columns]
    names, notes = distinct(names)
    frame = _flat(frame.set_axis(names, axis=1))
    for name in frame.columns:
        plain = _plain(frame[name])
        if plain is not frame[name]:
            frame[name] = plain
    return frame, notes


def _plain(column: pd.Series) -> pd.Series:
    """The column in a form that files can hold: sparse ones dense, arrays in rows flat, odd or mixed values as text."""
    kind = column.dtype
    if isinstance(kind, pd.SparseDtype):
        return pd.Series(np.asarray(column), index=column.index, name=column.name)
    odd = isinstance(kind, pd.CategoricalDtype) and not _storable(kind.categories.dtype)
    if odd or isinstance(kind, pd.IntervalDtype) or kind.kind == "c":
        return _texts(column)
    if not types.is_object_dtype(column):
        return column
    inside = types.infer_dtype(column, skipna=True)
    if inside == "integer" and any(isinstance(value, int) and abs(value) >= _WIDEST for value in column):
        return _texts(column)
    if inside.startswith("mixed") and not _images(column):
        if any(isinstance(value, np.ndarray) and value.ndim > 1 for value in column):
            flat = [value.ravel() if isinstance(value, np.ndarray) else value for value in column]
            return pd.Series(flat, index=column.index, name=column.name)
        alike = {type(value) for value in column.dropna()} if not _nested(column) else set()
        return column if len(alike) == 1 and not alike & {set, frozenset} else _texts(column)
    return column


def _storable(kind: Any) -> bool:
    return types.is_string_dtype(kind) or types.is_numeric_dtype(kind) or types.is_datetime64_any_dtype(kind)


def _texts(column: pd.Series) -> pd.Series:
    texts = [None if value is None or value is pd.NA or value != value else str(value) for value in column]
    return pd.Series(texts, index=column.index, name=column.name, dtype=object)


def distinct(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names that differ: of equal ones the later get a number; and a sentence for each that occurred before.

    Columns without a name are called by their position.
    """
    counts, found, taken = Counter(name for name in names if name), list[str](), set(names)
    for at, name in enumerate(names):
        new, number = name or f"Unnamed: {at}", 0
        while new in (found if number == 0 else taken):
            number += 1
            new = f"{name or f'Unnamed: {at}'}.{number}"
        taken.add(new)
        found.append(new)
    return found, [
        f"{times} columns are called {name!r}; they are numbered" for name, times in counts.items() if times > 1
    ]


def without(frame: pd.DataFrame, na: Sequence[str]) -> pd.DataFrame:
    """The frame in which the texts `na`, and the numbers they may be, are missing values."""
    texts = {text.strip() for text in na}
    numbers = {number for text in texts if (number := _number(text)) is not None}
    for name in frame.columns if texts else ():
        column = frame[name]
        if types.is_numeric_dtype(column) and not types.is_bool_dtype(column):
            gone = column.isin(numbers)
        else:
            gone = pd.Series([isinstance(v, str) and v.strip() in texts for v in column], index=frame.index)
        if gone.any():
            frame[name] = column.mask(gone)
    return frame


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    for _ in range(DEPTH):
        if not any(_keys(frame[name]) for name in frame.columns):
            return frame
        parts: list[pd.DataFrame | pd.Series[Any]] = []
        for name in frame.columns:
            keys = _keys(frame[name])
            rows = [value if isinstance(value, dict) else {} for value in frame[name]] if keys else []
            parts += [pd.Series([row.get(key) for row in rows], frame.index, name=f"{name}.{key}") for key in keys]
            parts += [] if keys else [frame[name]]
        frame = pd.concat(parts, axis=1)
        frame = frame.set_axis(distinct(list(frame.columns))[0], axis=1)
    return frame


def _keys(column: pd.Series) -> list[str]:
    """The keys of a column of objects; none where it holds anything else."""
    if not types.is_object_dtype(column):
        return []
    known = [value for value in column if value is not None and not (isinstance(value, float) and np.isnan(value))]
    if not known or not all(isinstance(value, dict) for value in known):
        return []
    keys = list(dict.fromkeys(str(key) for value in known for key in value))
    return [] if len(keys) > KEYS or set(keys) == IMAGE else keys


def _images(column: pd.Series) -> bool:
    known = column.dropna()
    return len(known) > 0 and all(isinstance(value, dict) and set(value) == IMAGE for value in known)


def _nested(column: pd.Series) -> bool:
    return any(isinstance(value, (dict, list)) for value in column)


def with_index(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The frame with its index, where it is more than row numbers, as its first columns; and their names."""
    if isinstance(frame.index, pd.RangeIndex):
        return frame.copy(deep=False), []
    free = next(name for name in ("id", "row", "_row") if name not in frame)
    names = [str(name) if name is not None else free for name in frame.index.names]
    plain = frame.rename_axis(names).reset_index(allow_duplicates=True)
    return plain, names
