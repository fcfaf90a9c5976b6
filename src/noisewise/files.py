"""Atomic writing: results are written to a temporary file in the same folder first, then renamed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from noisewise.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

_WRITING = ".writing."
# what a spreadsheet may run: a sign that starts a formula and something after it (full-width signs count in some)
_FORMULA = re.compile(r"'*\s*[=+\-@\uff1d\uff0b\uff0d\uff20].|'*[\t\r\n]", re.DOTALL)
_NUMBER = re.compile(
    r"\s*[+-]?(\d+([.,\u00a0 ]\d+)*[.,]?|[.,]\d+)(e[+-]?\d+)?\s*%?\s*|\s*[+-](inf|nan)\s*", re.IGNORECASE
)

_OWNER = 0o600  # read and written by their owner alone


@contextlib.contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` if the block succeeds, otherwise remove it.

    Raises:
        BadInput: the folder is not writable or the disk is full.
    """
    path = Path(path)
    with _refusing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(path.parent, path.suffix)
    try:
        with _refusing(path, inside=True):
            yield temporary
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: str | Path, stale: Iterable[str] = (), last: str = "") -> Iterator[Path]:
    """Give an empty temporary folder; when the block ends well its entries replace those of the same name in `path`.

    Entries of `path` that the block did not write stay, but for stale ones. Of a folder in it, too, only files that
    were written are replaced: the others may be somebody's.

    Args:
        path: the folder.
        stale: names of files that an earlier block may have written; those that this one did not write are removed.
        last: the file by which readers know that the folder is complete. It is taken away before other entries are
            replaced, and comes last: a process that is killed in between leaves no mixture that looks complete.

    Raises:
        BadInput: the folder cannot be written or the disk is full.
    """
    path = Path(path)
    with _refusing(path):
        path.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=_WRITING, dir=path))
    try:
        with _refusing(path, inside=True):
            yield temporary
            _as_usual(temporary)
            written = sorted(temporary.iterdir(), key=lambda entry: (entry.name == last, entry.name))
            if last in [entry.name for entry in written]:
                (path / last).unlink(missing_ok=True)
            for name in set(stale) - {entry.name for entry in written}:
                (path / name).unlink(missing_ok=True)
            for entry in written:
                _move(entry, path / entry.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_writable(path: str | Path) -> None:
    """Check, before anything is computed, that a folder can be written; what this makes is removed again.

    Raises:
        BadInput: it cannot.
    """
    path = Path(path)
    missing = [place for place in (path, *path.parents) if not os.path.lexists(place)]
    with _refusing(path):
        path.mkdir(parents=True, exist_ok=True)
        _temporary(path, "").unlink()
    for place in missing:
        with contextlib.suppress(OSError):  # somebody else may have put something there
            place.rmdir()


@contextlib.contextmanager
def _refusing(path: Path, *, inside: bool = False) -> Iterator[None]:
    """Errors of the system in the block as `BadInput`; those `inside` a writer's block may be about what it reads."""
    try:
        yield
    except OSError as error:
        if inside and (error.errno is None or isinstance(error, (FileNotFoundError, BlockingIOError))):
            raise
        raise BadInput(f"cannot write {path}: {os.strerror(error.errno) if error.errno else error}") from error
    except ValueError as error:
        if inside:
            raise
        raise BadInput(f"cannot write {str(path)!r}: it cannot be a path ({error})") from error


def _temporary(folder: Path, suffix: str) -> Path:
    """A new empty file, with the rights that the user's files have."""
    path = folder / f".{secrets.token_hex(8)}{suffix}"
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return path


def _as_usual(folder: Path) -> None:
    """Files that a library made for their owner alone get the rights that the user's files have."""
    usual = _temporary(folder, "")
    mode = usual.stat().st_mode & 0o777
    usual.unlink()
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink() and file.stat().st_mode & 0o777 == _OWNER:
            file.chmod(mode)


def _move(entry: Path, target: Path) -> None:
    if entry.is_dir() and not entry.is_symlink() and target.is_dir() and not target.is_symlink():
        for inside in entry.iterdir():
            _move(inside, target / inside.name)
    else:
        os.replace(entry, target)


def to_json(value: Any, *, plain: bool = False) -> str:
    """JSON text of plain data; NumPy scalars and arrays become numbers and lists, infinities and NaN become null.

    Args:
        value: the data.
        plain: whether all other characters than those of ASCII are escaped; those that UTF-8 lacks always are.
    """
    text = json.dumps(_plain(value), indent=2, ensure_ascii=plain, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def final(path: Path) -> Path:
    """Where a file will be that is written to a folder which `whole_folder` gives; of other files their own path."""
    return path.parents[1] / path.name if path.parent.name.startswith(_WRITING) else path


def digest(value: Any) -> str:
    """A short stable hash of plain data, for folders named by their config."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_whole(path: Path) -> bool:
    """Whether a file holds a JSON object: one that is missing, empty, cut or something else counts as not written."""
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
    except (OSError, ValueError, RecursionError):
        return False


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
