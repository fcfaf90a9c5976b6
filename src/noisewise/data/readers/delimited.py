"""Reader of delimited text (CSV, TSV) in the encodings, and with the separators, that occur."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pandas.api import types

from noisewise.data.columns.tidy import distinct
from noisewise.errors import BadInput
from noisewise.files import read_cell

SEPARATORS = ",;\t|"
MISSING = ("", "#N/A", "#NA", "-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null")
SPACES = r"\s+"
_SAMPLE, _RECORDS = 100_000, 50
_ZEROS = re.compile(r"(^|[\s,;|\"])[-+]?0\d", re.MULTILINE)
_LINE = re.compile(r"\r\n|\r|\n")
_CODE = r"\s*[-+]?0\d+\s*"


@dataclass(frozen=True)
class Layout:
    """How a file is laid out: its separator, the names of its columns and the lines above these."""

    separator: str
    names: list[str]
    skipped: int
    notes: list[str]
    repeated: list[str]


def read_delimited(
    text: str,
    where: str,
    written: Callable[[str], bool],
    separator: str | None = None,
    na: Sequence[str] = (),
) -> tuple[pd.DataFrame, list[str]]:
    """Read delimited text with a line of names.

    Numbers with leading zeros are codes and stay as they are written. An apostrophe that `files.write_csv` put in front
    of a formula is no part of the text. Lines of comment (`#`) and a line `sep=;` above
    the names are skipped.

    Args:
        text: the content of the file.
        where: the file, for error messages.
        written: whether a column of that name is kept as it is written, so that `NA` and `007` stay what they are.
        separator: between columns; None is the one of comma, semicolon, tab, bar and white space by which the first
            lines have equally many columns.
        na: further texts that mean a missing value.

    Returns:
        The columns, and sentences that say what is not obvious about how they were read.

    Raises:
        BadInput: the file is empty or cannot be read.
    """
    if "\0" in text[:_SAMPLE]:
        raise BadInput(f"cannot read {where} as CSV: it is not text")
    try:
        layout = layout_of(text, separator)
        if repeated := [name for name in layout.repeated if written(name)]:
            raise BadInput(f"{where} has {layout.repeated.count(repeated[0]) + 1} columns called {repeated[0]!r}")
        held = [name for name in layout.names if written(name)]
        options: dict[str, Any] = {
            "sep": layout.separator,
            "header": 0,
            "names": layout.names,
            "skiprows": layout.skipped,
            "skipinitialspace": True,
            "keep_default_na": False,
            "na_values": {name: ["", *na] if name in held else [*MISSING, *na] for name in layout.names},
        }
        frame = pd.read_csv(io.StringIO(text), low_memory=False, dtype=dict.fromkeys(held, str), **options)
        if not isinstance(frame.index, pd.RangeIndex):
            raise ValueError(f"rows have more cells than the {len(layout.names)} names above them")
        return _without_apostrophes(_with_codes(text, frame, options)), layout.notes
    except pd.errors.EmptyDataError as error:
        raise BadInput(f"{where} is empty") from error
    except BadInput:
        raise
    except (ValueError, csv.Error) as error:
        said = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
        raise BadInput(f"cannot read {where} as CSV: {said}") from error


def _without_apostrophes(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with texts as they were before `files.write_csv` put an apostrophe in front of formulas."""
    for name in frame.columns:
        if types.is_string_dtype(frame[name]) and frame[name].str.startswith("'").any():
            frame[name] = [read_cell(cell) if isinstance(cell, str) else cell for cell in frame[name]]
    return frame.rename(columns={name: read_cell(name) for name in frame.columns})


def _with_codes(text: str, frame: pd.DataFrame, options: dict[str, Any]) -> pd.DataFrame:
    """The frame with whole numbers that are written with leading zeros as text: these are codes, not quantities."""
    numbers = [name for name in frame.columns if types.is_numeric_dtype(frame[name])]
    if not numbers or not _ZEROS.search(text):
        return frame
    plain = pd.read_csv(io.StringIO(text), low_memory=False, usecols=numbers, dtype=str, **options)
    for name in numbers:
        if pd.Series(plain[name].unique(), dtype=str).str.fullmatch(_CODE).any():
            frame[name] = plain[name].str.strip()
    return frame


def layout_of(text: str, separator: str | None) -> Layout:
    """How a text is laid out; the separator is guessed unless it is given."""
    lines = _LINE.split(text[:_SAMPLE])
    lines = lines[:-1] if len(text) > _SAMPLE else lines  # the last one may be cut
    notes: list[str] = []
    skipped = next((at for at, line in enumerate(lines) if line.strip()), 0)
    if lines[skipped : skipped + 1] and (stated := re.fullmatch(r'"?sep=(.)"?', lines[skipped].strip())):
        separator, skipped = stated[1], skipped + 1
    marked = sum(1 for _ in itertools.takewhile(lambda line: line.startswith("#"), lines[skipped:]))
    sign = separator or _separator(lines[skipped + marked :])
    records = _records(lines[skipped + marked :], sign)
    # a line of names may start with # too: it has as many columns as the rows
    if (
        marked
        and records
        and len(records[0]) > 1
        and len(_fields(lines[skipped + marked - 1], sign)) == len(records[0])
    ):
        marked -= 1
    if marked:
        notes.append(
            f"{marked} line{'s' * (marked > 1)} of comment above the names {'are' if marked > 1 else 'is'} skipped"
        )
    records = _records(lines[skipped + marked :], sign)
    if not records:
        raise pd.errors.EmptyDataError
    stripped = [name.strip() for name in records[0]]
    names, renamed = distinct(stripped)
    repeated = [name for at, name in enumerate(stripped) if name in stripped[:at]]
    return Layout(sign, _with_row_names(names, records[1:]), skipped + marked, notes + renamed, repeated)


def _with_row_names(names: list[str], rows: list[list[str]]) -> list[str]:
    """The names of all columns, where rows have one more than the line of names has."""
    if not rows or any(len(row) != len(names) + 1 for row in rows):
        return names
    if all(not row[-1].strip() for row in rows):  # a separator at the end of every row
        return [*names, f"Unnamed: {len(names)}"]
    return ["Unnamed: 0", *names]  # row names, as R writes them


def _separator(lines: list[str]) -> str:
    """The separator by which most lines have as many columns as the first; of several, that of most columns."""
    best, scored = SEPARATORS[0], (0.0, 1)
    for sign in SEPARATORS:
        records = _records(lines, sign)
        if records and len(records[0]) > 1:
            alike = sum(len(record) == len(records[0]) for record in records) / len(records)
            if (round(alike, 1), len(records[0])) > scored:
                best, scored = sign, (round(alike, 1), len(records[0]))
    if scored == (0.0, 1) and lines:
        counts = {len(line.split()) for line in lines[:_RECORDS] if line.strip()}
        if len(counts) == 1 and counts != {1} and len(lines) > 1:
            return SPACES
    return best


def _records(lines: list[str], sign: str) -> list[list[str]]:
    if sign == SPACES:
        return [line.split() for line in lines[:_RECORDS] if line.strip()]
    rows = csv.reader((f"{line}\n" for line in lines), delimiter=sign, skipinitialspace=True)
    return [row for row in itertools.islice(rows, _RECORDS) if row]


def _fields(line: str, sign: str) -> list[str]:
    return next(iter(_records([line], sign)), [])
