"""Tables and summaries that an audit wrote, read again and checked: files may have been edited or damaged since."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from noisewise.doors import parsing, regular
from noisewise.errors import BadInput

KINDS: dict[str, Callable[[pd.Series], bool]] = {
    "whole numbers": types.is_integer_dtype,
    "numbers": lambda column: types.is_numeric_dtype(column) and not types.is_bool_dtype(column),
    "finite numbers": lambda column: types.is_float_dtype(column) and bool(np.isfinite(column).all()),
    "names": lambda column: not column.isna().any(),
    "anything": lambda column: True,
    "true or false": types.is_bool_dtype,
}


def read_table(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    """The table in a Parquet file of an audit.

    Args:
        path: the file.
        columns: the kinds of the columns it must have, of `KINDS`, by name.

    Raises:
        BadInput: it was not written by an audit.
    """
    try:
        with parsing(path):
            frame = pd.read_parquet(regular(path))
    except BadInput as error:
        raise BadInput(f"{path} was not written by an audit: {error}") from error
    for name, kind in columns.items():
        if name not in frame:
            raise BadInput(f"{path} was not written by an audit: it has no column {name}")
        if len(frame) and not KINDS[kind](frame[name]):
            raise BadInput(f"{path} was not written by an audit: its column {name} must hold {kind}")
    return frame


def read_summary(path: Path) -> dict[str, Any]:
    """The content of `summary.json`, with its class names.

    Raises:
        BadInput: it was not written by an audit.
    """
    try:
        with parsing(path):
            summary = json.loads(regular(path).read_text(encoding="utf-8"))
    except BadInput as error:
        raise BadInput(f"{path} was not written by an audit: {error}") from error
    classes = summary.get("classes") if isinstance(summary, dict) else None
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise BadInput(f"{path} was not written by an audit: its classes are missing or no list of names")
    return dict(summary)
