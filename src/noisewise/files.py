"""Atomic writing: results are written to a temporary file in the same folder first, then renamed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from noisewise.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

# what a spreadsheet may run: a sign that starts a formula and something after it (full-width signs count in some)
_FORMULA = re.compile(r"'*\s*[=+\-@\uff1d\uff0b\uff0d\uff20].|'*[\t\r\n]", re.DOTALL)
_NUMBER = re.compile(
    r"\s*[+-]?(\d+([.,\u00a0 ]\d+)*[.,]?|[.,]\d+)(e[+-]?\d+)?\s*%?\s*|\s*[+-](inf|nan)\s*", re.IGNORECASE
)


@contextlib.contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` if the block succeeds, otherwise remove it.

    Raises:
        BadInput: the folder is not writable or the disk is full.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        os.chmod(temporary, 0o644)  # mkstemp makes files that only their owner can read
        yield temporary
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        if error.errno is None or isinstance(error, (FileNotFoundError, BlockingIOError)):
            raise
        raise BadInput(f"cannot write {path}: {os.strerror(error.errno)}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: str | Path, stale: Iterable[str] = ()) -> Iterator[Path]:
    """Give an empty temporary folder; when the block ends well its entries replace those of the same name in `path`.

    Entries of `path` that the block did not write stay, but for stale ones.

    Args:
        path: the folder.
        stale: names of files that an earlier block may have written; those that this one did not write are removed.

    Raises:
        BadInput: the folder cannot be written or the disk is full.
    """
    path = Path(path)
    temporary: Path | None = None
    written: set[str] = set()
    try:
        path.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".writing.", dir=path))
        yield temporary
        for entry in sorted(temporary.iterdir()):
            target = path / entry.name
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            os.replace(entry, target)
            written.add(entry.name)
        for name in set(stale) - written:
            (path / name).unlink(missing_ok=True)
    except OSError as error:
        if error.errno is None or isinstance(error, FileNotFoundError):
            raise
        raise BadInput(f"cannot write {path}: {os.strerror(error.errno)}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def to_json(value: Any) -> str:
    """JSON text of plain data; NumPy scalars and arrays become numbers and lists, infinities and NaN become null."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def digest(value: Any) -> str:
    """A short stable hash of plain data, for folders named by their config."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_json(path: str | Path, value: Any) -> None:
    """Write `to_json(value)` atomically."""
    text = to_json(value)
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


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


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.bool_, bool)):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value
