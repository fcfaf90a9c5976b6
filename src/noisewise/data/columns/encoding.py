"""How the columns of a table became features, to make features of further rows in the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from noisewise.data.columns import dates
from noisewise.data.columns.column import Column
from noisewise.data.columns.numbers import Scale, parse_numbers, scale_of
from noisewise.data.columns.recognise import Recognised, recognise
from noisewise.data.columns.words import Directions, Words, side_by_side
from noisewise.errors import BadInput
from noisewise.formatting import count


@dataclass(frozen=True)
class FittedColumn:
    """How one used column is encoded.

    Attributes:
        name: of the column.
        kind: what it holds.
        levels: of a category of few levels.
        scales: of the numbers of a row: one, or several of dates and of lists.
        parts: which numbers a date becomes.
        codes: numbers that stand for a missing value.
        marked: whether missing values are marked in a further feature.
        words: whether the column is among those that are encoded as words.
        whole: whether each of its texts is one word.
    """

    name: str
    kind: str
    levels: tuple[str, ...] = ()
    scales: tuple[Scale, ...] = ()
    parts: str = ""
    codes: tuple[float, ...] = ()
    marked: bool = False
    words: bool = False
    whole: bool = False

    def encode(self, column: pd.Series) -> np.ndarray:
        """(n, d) float32 features of the column of further rows."""
        if self.kind == "category":
            texts = _as_texts(column)
            return (texts[:, None] == np.array(self.levels, dtype=object)).astype(np.float32)
        values = self._dates(column) if self.kind == "date" else _as_numbers(column, len(self.scales))
        values = np.where(np.isfinite(values) & ~np.isin(values, self.codes), values, np.nan)
        missing = ~np.isfinite(values).all(axis=1)
        scaled = [scale(values[:, at]) for at, scale in enumerate(self.scales)]
        return np.column_stack([*scaled, *([missing] if self.marked else [])]).astype(np.float32)

    def unknown(self, column: pd.Series) -> int:
        """How many of the values of further rows have no meaning here: new levels, and what is neither number nor
        date."""
        there = column.notna().to_numpy() & (_as_texts(column) != "")
        if self.kind == "category":
            return int((there & ~np.isin(_as_texts(column), self.levels)).sum())
        values = self._dates(column) if self.kind == "date" else _as_numbers(column, len(self.scales))
        return int((there & ~np.isfinite(values).all(axis=1)).sum())

    def _dates(self, column: pd.Series) -> np.ndarray:
        if types.is_numeric_dtype(column):
            read = dates.from_whole_numbers(column.to_numpy(dtype=np.float64, na_value=np.nan))
        elif types.is_datetime64_any_dtype(column) or types.infer_dtype(column, skipna=True) in ("date", "datetime"):
            read = pd.to_datetime(column, utc=True, errors="coerce").dt.tz_localize(None).to_numpy()
        else:
            texts = _as_texts(column)
            filled = texts != ""
            read, parsed = np.full(len(texts), np.datetime64("NaT", "s")), dates.parse_dates(texts[filled].tolist())
            if parsed is not None:
                read[filled] = parsed[0].astype("datetime64[s]")
        read = np.full(len(column), np.datetime64("NaT", "s")) if read is None else read
        return dates.as_numbers(read, self.parts)[0]


class Encoding:
    """How a table of n rows was encoded; fitted when it is first asked for.

    Args:
        frame: the n rows.
        columns: what became of its columns.
    """

    def __init__(self, frame: pd.DataFrame, columns: Sequence[Column]) -> None:
        self._frame, self._names = frame, [column.name for column in columns if column.used]

    def __repr__(self) -> str:
        return f"Encoding({', '.join(self._names)})"

    @cached_property
    def fitted(self) -> Fitted:
        """What encodes further rows."""
        frame = self._frame
        columns, words = [], []
        for name in (name for name in frame.columns if str(name) in self._names):
            found = recognise(frame[name], str(name))
            if found.kind == "text" or found.many:
                columns.append(FittedColumn(str(name), found.kind, words=True, whole=found.many))
                words.append(Words.of(found.values.tolist(), pairs=False, whole=found.many))
            else:
                columns.append(_fitted(str(name), found))
        if not words:
            return Fitted(tuple(columns))
        texts = [frame[column.name] for column in columns if column.words]
        weights = side_by_side([one(_as_texts(text).tolist()) for one, text in zip(words, texts, strict=True)])
        return Fitted(tuple(columns), tuple(words), Directions.of(weights))


@dataclass(frozen=True, eq=False, repr=False)
class Fitted:
    """Encodes further rows of a table as the first ones were.

    Attributes:
        columns: the used ones, in the order of their features; columns of words share the last features.
        words: of each column of words.
        directions: of all words together.
    """

    columns: tuple[FittedColumn, ...]
    words: tuple[Words, ...] = ()
    directions: Directions | None = None

    def __repr__(self) -> str:
        return f"Fitted({', '.join(column.name for column in self.columns)})"

    @property
    def fitted(self) -> Fitted:
        """Itself, as `Encoding.fitted`."""
        return self

    def encode(self, frame: pd.DataFrame, where: str) -> tuple[np.ndarray, list[str]]:
        """(n, d) float32 features of n further rows, and sentences about what could not be read.

        Args:
            frame: with the used columns, in any order.
            where: origin of the table, for error messages.

        Raises:
            BadInput: a column is missing.
        """
        frame = frame.rename(columns=str)
        lacking = [column.name for column in self.columns if column.name not in frame]
        if lacking:
            raise BadInput(f"{where} has no column {lacking[0]!r}, which the model learned from")
        blocks, notes = [], []
        for column in (column for column in self.columns if not column.words):
            blocks.append(column.encode(frame[column.name]))
            if unknown := column.unknown(frame[column.name]):
                one = unknown == 1
                seen = (
                    "the model has not seen"
                    if column.kind == "category"
                    else f"{'is' if one else 'are'} no {column.kind}"
                )
                counted = f"{count(unknown, 'value')} that {seen}; {'it counts' if one else 'they count'} as missing"
                notes.append(f"column {column.name}: {counted}")
        if self.directions is not None:
            names = [column.name for column in self.columns if column.words]
            pairs = zip(self.words, names, strict=True)
            weights = side_by_side([one(_as_texts(frame[name]).tolist()) for one, name in pairs])
            blocks.append(self.directions(weights))
        return np.concatenate(blocks, axis=1), notes

    def plain(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """This as data for JSON, and arrays by name."""
        arrays = {f"words.{at}.idf": one.idf for at, one in enumerate(self.words)}
        arrays |= {} if self.directions is None else self.directions.arrays()
        written = {
            "columns": [asdict(column) for column in self.columns],
            "words": [{"terms": one.terms, "whole": one.whole, "pairs": one.pairs} for one in self.words],
        }
        return written, arrays

    @classmethod
    def read(cls, written: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Fitted:
        """What `plain` returned, as a value again."""
        columns = []
        for one in written["columns"]:
            lists = {name: tuple(one[name]) for name in ("levels", "codes")}
            columns.append(FittedColumn(**{**one, **lists, "scales": tuple(Scale(**scale) for scale in one["scales"])}))
        words = [Words(**one, idf=arrays[f"words.{at}.idf"]) for at, one in enumerate(written["words"])]
        return cls(tuple(columns), tuple(words), Directions.read(arrays) if words else None)


def _fitted(name: str, found: Recognised) -> FittedColumn:
    if found.kind == "category":
        return FittedColumn(name, found.kind, levels=tuple(np.unique(found.values.astype(str)).tolist()))
    values = found.values if found.values.ndim == 2 else found.values[:, None]
    scales = tuple(scale_of(values[:, at]) for at in range(values.shape[1]))
    marked = not np.isfinite(values).all()
    parts = found.why.rpartition("read as ")[2] if found.kind == "date" else ""
    return FittedColumn(name, found.kind, scales=scales, parts=parts, codes=tuple(found.codes), marked=bool(marked))


def _as_texts(column: pd.Series) -> np.ndarray:
    """(n,) cells as text; missing ones are empty."""
    missing = column.isna().to_numpy(dtype=bool)
    return column.astype(object).where(~missing, "").astype(str).to_numpy(dtype=object)


def _as_numbers(column: pd.Series, width: int) -> np.ndarray:
    """(n, width) float64, NaN where a cell is not a number."""
    if types.is_timedelta64_dtype(column):
        return column.dt.total_seconds().to_numpy(dtype=np.float64)[:, None]
    if types.is_numeric_dtype(column) and not types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)[:, None]
    if width > 1:
        rows = [
            np.asarray(value, dtype=float) if np.size(value) == width else np.full(width, np.nan) for value in column
        ]
        return np.array(rows).reshape(len(column), width)
    levels, codes = np.unique(_as_texts(column).astype(str), return_inverse=True)
    found = np.full(len(levels), np.nan)
    filled = np.array([bool(level.strip()) for level in levels], dtype=bool)
    if filled.any():
        found[filled] = parse_numbers(levels[filled].tolist())
    return found[codes.reshape(-1)][:, None]
