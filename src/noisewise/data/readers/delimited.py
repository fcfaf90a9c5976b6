"""Reader of delimited text (CSV, TSV) in the encodings and with the separators that occur, and tidy frames."""

from __future__ import annotations

import codecs
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from pandas.api import types

from noisewise.errors import BadInput

SEPARATORS = ",;\t|"
MISSING = ("", "#N/A", "#NA", "-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null")
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_delimited(path: Path, written: Callable[[str], bool], separator: str | None = None) -> pd.DataFrame:
    """Read delimited text with a line of names.

    Text is UTF-8, UTF-16 where the file is marked as such, or else Windows-1252.

    Args:
        path: the file.
        written: whether a column of that name is kept as it is written, so that `NA` and `007` stay what they are.
        separator: between columns; None is the first of comma, semicolon, tab and bar that the line of names has.

    Raises:
        BadInput: the file is empty or cannot be read.
    """
    try:
        text = _decoded(path)
        separator = separator or _separator(text)
        names = pd.read_csv(io.StringIO(text), sep=separator, nrows=0).columns
        held = [name for name in names if written(name)]
        gaps = {name: [""] if name in held else list(MISSING) for name in names}
        return pd.read_csv(
            io.StringIO(text),
            sep=separator,
            low_memory=False,
            dtype=dict.fromkeys(held, str),
            keep_default_na=False,
            na_values=gaps,
        )
    except pd.errors.EmptyDataError as error:
        raise BadInput(f"{path} is empty") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {path} as CSV: {error}") from error


def _decoded(path: Path) -> str:
    raw = path.read_bytes()
    marked = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), None)
    if marked:
        return raw.decode(marked)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252")


def _separator(text: str) -> str:
    line = text[:100_000].lstrip("\r\n").partition("\n")[0]
    return next((sign for sign in SEPARATORS if sign in line), SEPARATORS[0])


def tidy(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with names that are text and differ, and with objects of several types in one column as text."""
    seen: Counter[str] = Counter()
    names = []
    for name in map(str, frame.columns):
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}.{seen[name] - 1}")
    frame = frame.set_axis(names, axis=1)
    for name in names:
        column = frame[name]
        if types.is_object_dtype(column) and types.infer_dtype(column, skipna=True).startswith("mixed"):
            alike = {type(value) for value in column.dropna()} if not _nested(column) else set()
            if len(alike) != 1:
                frame[name] = [None if value is None or value != value else str(value) for value in column]
    return frame


def _nested(column: pd.Series) -> bool:
    return any(isinstance(value, (dict, list)) for value in column)
