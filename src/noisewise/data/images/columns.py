"""Columns of a table that hold pictures: their bytes, structs of bytes and path, or paths of files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.data.images.files import Pictures, shown
from noisewise.data.images.tree import SUFFIXES
from noisewise.errors import BadInput

_STARTS = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"RIFF",
    b"P1",
    b"P2",
    b"P3",
    b"P4",
    b"P5",
    b"P6",
)
_SAMPLE = 50


def picture_column(frame: pd.DataFrame, where: str, folder: Path | None) -> tuple[str, Pictures] | None:
    """The column that holds pictures, and the pictures; None if there is none.

    Args:
        frame: n rows.
        where: its origin, for error messages.
        folder: of the table, in which paths are looked for first; then in the working folder.

    Raises:
        BadInput: several columns hold pictures, or the only column names files that are not there.
    """
    found = {str(name): pictures for name in frame.columns if (pictures := _pictures(frame[name], folder)) is not None}
    if len(found) > 1:
        raise BadInput(f"the columns {' and '.join(found)} of {where} hold images: choose one (--columns or --ignore)")
    if found:
        return next(iter(found.items()))
    if len(frame.columns) == 1 and (paths := _paths(frame.iloc[:, 0])) is not None:
        place = os.path.join("" if folder is None else folder, next(path for path in paths if path))
        raise BadInput(
            f"column {frame.columns[0]!r} of {where} names images that are not there, such as {shown(place)}"
        )
    return None


def _pictures(column: pd.Series, folder: Path | None) -> Pictures | None:
    if column.dtype.kind not in "OT" and not isinstance(column.dtype, pd.StringDtype):
        return None
    values: list[Any] = column.to_numpy(dtype=object).tolist()
    sample = [value for value in values if value is not None and value is not pd.NA][:_SAMPLE]
    if not sample:
        return None
    if all(isinstance(value, bytes) for value in sample):
        return _of_bytes(column, values) if all(_looks(value) for value in sample) else None
    if all(isinstance(value, dict) and value.keys() == {"bytes", "path"} for value in sample):
        return _of_structs(column, values, sample, folder)
    paths = _paths(column)
    root = None if paths is None else _root(paths, folder)
    return None if paths is None or root is None else Pictures(paths, root)


def _of_bytes(column: pd.Series, values: Sequence[Any]) -> Pictures:
    names = [f"{column.name} of row {row}" for row in range(len(values))]
    return Pictures(names, contents=[value if isinstance(value, bytes) else b"" for value in values])


def _of_structs(column: pd.Series, values: Sequence[Any], sample: list[Any], folder: Path | None) -> Pictures | None:
    structs = [value if isinstance(value, dict) else {"bytes": None, "path": None} for value in values]
    names = [one["path"] or f"{column.name} of row {row}" for row, one in enumerate(structs)]
    if any(one["bytes"] is not None for one in sample):
        if not all(one["bytes"] is None or _looks(one["bytes"]) for one in sample):
            return None  # sounds, for instance
        return Pictures(names, contents=[_content(one, folder) for one in structs])
    root = _root([one["path"] or "" for one in structs], folder)
    return None if root is None else Pictures(names, root)


def _content(struct: dict[str, Any], folder: Path | None) -> bytes:
    """The bytes of a struct; those of its file where it has none; none at all, which no reader takes for a picture."""
    if struct["bytes"] is not None or struct["path"] is None:
        return struct["bytes"] or b""
    try:
        return Path("" if folder is None else folder, struct["path"]).read_bytes()
    except OSError:
        return b""


def _paths(column: pd.Series) -> list[str] | None:
    """The paths of a column in which every text ends like the name of a picture; None of another column."""
    values = column.to_numpy(dtype=object)
    texts = [value.strip() if isinstance(value, str) else "" for value in values]
    known = [text for text in texts if text]
    if not known or not all(text.lower().endswith(SUFFIXES) for text in known):
        return None
    if os.sep == "/" and not any("/" in text for text in known):
        return [text.replace("\\", "/") for text in texts]  # written on Windows
    return texts


def _root(paths: Sequence[str], folder: Path | None) -> str | None:
    """The folder in which most of a sample of files are; None if none is anywhere."""
    named = [path for path in paths if path]
    sample = [named[at] for at in np.unique(np.linspace(0, len(named) - 1, _SAMPLE).astype(int))] if named else []
    roots = [str(root.absolute()) for root in (folder, Path()) if root is not None]
    counts = [sum(os.path.isfile(os.path.join(root, path)) for path in sample) for root in roots]
    return roots[int(np.argmax(counts))] if max(counts, default=0) else None


def _looks(content: bytes) -> bool:
    return content.startswith(_STARTS)
