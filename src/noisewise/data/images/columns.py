"""Columns of a table that hold pictures: their bytes, structs of bytes and path, or paths of files."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.data.dataset import Inputs
from noisewise.data.images.files import ImageFiles, Pictures, shown
from noisewise.data.images.opening import open_pictures
from noisewise.data.images.tree import SUFFIXES
from noisewise.data.readers.saved import FILE, IMAGE
from noisewise.data.reading import Reading
from noisewise.errors import BadInput
from noisewise.formatting import count

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


@dataclass(frozen=True, eq=False)
class PictureRows:
    """The rows of a table whose inputs are the pictures of one column.

    Attributes:
        column: its name.
        inputs: of m rows.
        kept: (m,) positions of these rows; the pictures of the others cannot be read.
        described: (m rows) the columns, with names in place of the pictures.
        record: of the provenance: sizes, notes, what is left out.
    """

    column: str
    inputs: Inputs
    kept: np.ndarray
    described: pd.DataFrame
    record: dict[str, Any]


def picture_rows(
    described: pd.DataFrame, left_out: Collection[str], where: str, folder: Path | None, reading: Reading
) -> PictureRows | None:
    """The rows of a table with a column of pictures, which are then the only input; None if there is none.

    Args:
        described: (n rows) the columns apart from labels.
        left_out: names of columns that are not to be used.
        where: origin of the table, for error messages.
        folder: see `picture_column`.
        reading: see `open_pictures`.

    Raises:
        BadInput: as for `picture_column` and `open_pictures`.
    """
    if reading.text is not None:
        return None
    found = picture_column(described.drop(columns=list(left_out)), where, folder)
    if found is None:
        return None
    column, pictures = found
    opened, record = open_pictures(where, {"": pictures}, reading)
    kept = opened[""].kept
    plain = described.drop(columns=column) if described[column].map(_in_memory).any() else described
    if FILE not in plain and not (pictures.contents is not None and pictures.files[0].startswith(f"{column} of row ")):
        plain = plain.copy(deep=False)
        plain.insert(0, FILE, [shown(file) for file in pictures.files])
    return PictureRows(column, opened[""].inputs, kept, plain.iloc[kept].reset_index(drop=True), record)


def saved_pictures(described: pd.DataFrame, head: Mapping[str, Any], path: Path) -> ImageFiles:
    """The images of a data set that `save` wrote to `path`.

    Args:
        described: (n rows) its columns: `file` holds paths below a folder, or `image` bytes and paths.
        head: `shape`, `own_size` and `pictures`: their `white`, and of files the folder as `root` and, as seen from the
            saved file, `beside`.
        path: the saved file.

    Raises:
        BadInput: the images are in neither place.
    """
    height, width, channels = head["shape"]
    own = tuple(head.get("own_size") or (height, width))
    place = head.get("pictures") or {}
    if place and "root" not in place:
        structs = described[IMAGE].tolist()
        pictures = Pictures([one["path"] for one in structs], contents=[one["bytes"] for one in structs])
    else:
        files = [_unshown(file) for file in described[FILE]]
        leaving = next((file for file in files if os.path.isabs(file) or os.pardir in Path(file).parts), None)
        if place and leaving is not None:
            raise BadInput(f"{path} is a damaged noisewise file: {shown(leaving)!r} is not below its pictures' folder")
        pictures = Pictures(files, _folder_of(files, place, path) if place else "")
    pictures = replace(pictures, white=place.get("white"))
    return ImageFiles(pictures, (height, width, channels), (int(own[0]), int(own[1])))


def pictures_from_elsewhere(inputs: Inputs, path: Path) -> str | None:
    """A sentence that says so where a saved file names pictures that are not in its own folder or below it.

    Whoever wrote the file chose what is read, and reports show these pictures.

    Args:
        inputs: of the data set that was read from the file.
        path: the saved file.
    """
    if not isinstance(inputs, ImageFiles) or inputs.pictures.contents is not None:
        return None
    home = path.absolute().parent.resolve()
    folders = Counter(os.path.dirname(inputs.pictures.path(at)) for at in range(len(inputs)))
    away = [folder for folder in folders if home not in (place := Path(folder).resolve()).parents and home != place]
    if not away:
        return None
    number = sum(folders[folder] for folder in away)
    return f"{count(number, 'picture')} that {path.name} names lie elsewhere, the first in {shown(away[0])}"


def _folder_of(files: Sequence[str], place: Mapping[str, Any], path: Path) -> str:
    beside = os.path.normpath(path.absolute().parent / _unshown(place.get("beside", "")))
    folders = [beside, _unshown(place["root"])]
    sample = [files[at] for at in np.unique(np.linspace(0, len(files) - 1, _SAMPLE).astype(int))]
    counts = [sum(os.path.isfile(os.path.join(folder, file)) for file in sample) for folder in folders]
    if not max(counts):
        raise BadInput(
            f"the images of {path} are neither in {shown(folders[1])}, where they were, nor in {shown(folders[0])}: "
            "move them back, or the file along with them"
        )
    return folders[int(np.argmax(counts))]


def _unshown(file: str) -> str:
    """The path that `shown` made text of."""
    return file if "\\x" not in file else os.fsdecode(re.sub(rb"\\x([0-9a-f]{2})", _byte, os.fsencode(file)))


def _byte(escaped: re.Match[bytes]) -> bytes:
    return bytes([int(escaped[1], 16)])


def _in_memory(value: Any) -> bool:
    return isinstance(value, (bytes, dict))


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
        return _of_bytes(column, values) if _mostly(sample) else None
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
        if not _mostly([one["bytes"] for one in sample]):
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


def _mostly(contents: Sequence[bytes | None]) -> bool:
    """Whether most contents that are not empty start like a picture: some may be broken."""
    known = [content for content in contents if content]
    return 2 * sum(content.startswith(_STARTS) for content in known) > len(known)
