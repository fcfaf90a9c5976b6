"""CSV of decisions as spreadsheets of any country save it."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from noisewise.errors import BadInput
from noisewise.files import read_cell

SEPARATORS = ",;\t|"
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


def decoded(path: str | Path) -> str:
    """The text of a file in UTF-8, in UTF-16 with a mark, or else in Windows-1252.

    Raises:
        BadInput: it cannot be read, or is none of these.
    """
    try:
        raw = Path(path).read_bytes()
        marked = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), None)
        if marked:
            return raw.decode(marked)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("cp1252")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise BadInput(f"cannot read the decisions in {path}: {error}") from error


def read_csv(text: str, path: str | Path, known: Collection[str]) -> pd.DataFrame:
    """The cells of a CSV of decisions as text, without the rows that were not reviewed.

    Columns are separated by commas, semicolons, tabs or bars. A line `sep=;` in front, empty lines and empty cells at
    the end of a line do not count.

    Args:
        text: the content of the file.
        path: of the file, for messages.
        known: names of columns in lower case. The separator is the one that finds most of them in the first line.

    Raises:
        BadInput: it is not CSV, or its lines differ in length.
    """
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:
        text = rest
    try:
        separator = max(SEPARATORS, key=lambda one: _found(text, one, known))
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise BadInput(f"cannot read the decisions in {path}: {error}") from error
    head, *lines = [line for line in lines if any(cell.strip() for cell in line)] or [[]]
    for line in lines:
        if len(line) < len(head) or any(line[len(head) :]):
            raise BadInput(
                f"{path} has {len(head)} columns, but a line with {len(line)} cells: {separator.join(line)[:80]!r}"
            )
    rows = [[read_cell(cell) for cell in line[: len(head)]] for line in lines]
    return pd.DataFrame(rows, columns=[read_cell(name) for name in head], dtype=object)


def _found(text: str, separator: str, known: Collection[str]) -> int:
    head = next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])
    return len({cell.strip().lower() for cell in head} & set(known))
