"""CSV in which no text is a formula."""

from __future__ import annotations

import re
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from noisewise.files.atomic import whole

if TYPE_CHECKING:
    import pandas as pd

# what a spreadsheet may run: a sign that starts a formula and something after it (full-width signs count in some)
_FORMULA = re.compile(r"'*\s*[=+\-@\uff1d\uff0b\uff0d\uff20].|'*[\t\r\n]", re.DOTALL)
_NUMBER = re.compile(
    r"\s*[+-]?(\d+([.,\u00a0 ]\d+)*[.,]?|[.,]\d+)(e[+-]?\d+)?\s*%?\s*|\s*[+-](inf|nan)\s*", re.IGNORECASE
)


def write_csv(
    to: str | Path | IO[str],
    frame: pd.DataFrame,
    *,
    separator: str = ",",
    decimal: str = ".",
    encoding: str = "utf-8",
    header: bool = True,
) -> None:
    """Write a table as CSV in which no text is a formula; `read_cell` gives back what it was.

    A spreadsheet runs a cell such as `=cmd|...`. An apostrophe in front makes it text. Numbers are not changed.

    Args:
        to: a path, whose file is written whole or not at all; or an open text file.
        frame: the table, written without its index.
        separator: between cells.
        decimal: the sign before decimals.
        encoding: of the file.
        header: whether to write the names of the columns.

    Raises:
        BadInput: the file cannot be written or the disk is full.
    """
    safe = frame.set_axis([safe_cell(name) if isinstance(name, str) else name for name in frame.columns], axis=1)
    for at in range(safe.shape[1]):
        column = safe.iloc[:, at]
        if column.dtype.kind in "biufcmM":
            continue
        texts = (
            column.unique() if column.dtype == "str" else column
        )  # lists, which are not hashable, may be among others
        changed = {text: other for text in texts if isinstance(text, str) and (other := safe_cell(text)) != text}
        if changed:
            safe.isetitem(at, [changed.get(value, value) if isinstance(value, str) else value for value in column])
    settings: dict[str, Any] = {"index": False, "sep": separator, "decimal": decimal, "header": header}
    if not isinstance(to, (str, Path)):
        safe.to_csv(to, **settings)
        return
    with whole(to) as temporary:
        safe.to_csv(temporary, encoding=encoding, **settings)


def safe_cell(text: str) -> str:
    """The text with an apostrophe in front if a spreadsheet might run it as a formula."""
    return f"'{text}" if _is_formula(text) else text


def read_cell(text: str) -> str:
    """The text of a cell of a CSV that `write_csv` wrote, without the apostrophe that kept it from being a formula."""
    return text[1:] if text[:1] == "'" and _is_formula(text) else text


def _is_formula(text: str) -> bool:
    # leading apostrophes count on both ways, so that `'=x` and `=x` stay different
    return bool(_FORMULA.match(text)) and not _NUMBER.fullmatch(text.lstrip("'"))
