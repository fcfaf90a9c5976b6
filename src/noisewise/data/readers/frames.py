"""Reader of files that hold a table, of any format, as a frame."""

from __future__ import annotations

import bz2
import codecs
import gzip
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow import parquet

from noisewise.data.readers.delimited import read_delimited
from noisewise.data.readers.saved import read_table_head
from noisewise.data.reading import Reading
from noisewise.doors import parsing
from noisewise.errors import BadInput
from noisewise.memory import free, in_words, need

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".txt", ".parquet", ".xlsx")
PACKED = (".gz", ".bz2", ".xz")
HEAD = b"noisewise"
LINE = "__label__"
MOST, COPIES = 1 << 32, 4  # bytes of unpacked text; times that it is in memory, as bytes, text and cells
_UNPACK: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_OTHER = {b"PAR1": "Parquet", b"PK\x03\x04": "a zip archive or a workbook", b"%PDF": "PDF", b"\x89HDF": "HDF5"}


def table_suffix(path: Path) -> str | None:
    """The suffix of a file of a table in lower case, also in front of `.gz`, `.bz2` and `.xz`; None of other files."""
    names = [suffix.lower() for suffix in path.suffixes]
    packed = bool(names) and names[-1] in PACKED
    suffix = names[-2] if packed and len(names) > 1 else names[-1] if names else ""
    return suffix if suffix in SUFFIXES and not (packed and suffix in (".parquet", ".xlsx")) else None


def read_frame(
    path: Path, reading: Reading, written: Callable[[str], bool]
) -> tuple[pd.DataFrame, dict[str, Any] | None, list[str]]:
    """The columns of a file, the head of a file that `save` wrote, and notes on how the file was read.

    The index of a frame that was saved with one is kept as its index.

    Args:
        path: a file of one of the `SUFFIXES`; text may be compressed.
        reading: how.
        written: whether a column of that name is kept exactly as it is written.

    Raises:
        BadInput: the file cannot be read.
    """
    suffix = table_suffix(path)
    if suffix == ".parquet":
        frame, head = _parquet(path)
        return frame, head, []
    if suffix == ".xlsx":
        return _excel(path), None, []
    text, notes = _text(path, suffix or "")
    if suffix in (".jsonl", ".ndjson"):
        return _json_lines(text, path), None, notes
    if suffix == ".json":
        with parsing(f"{path} as JSON"):  # cells of it may be what no frame holds
            return _json(text, path), None, notes
    if suffix == ".txt" and text.lstrip().startswith(LINE):
        return _labelled_lines(text, path), None, notes
    frame, said = read_delimited(text, str(path), written, "\t" if suffix == ".tsv" else None, reading.na)
    return frame, None, notes + said


def _text(path: Path, suffix: str) -> tuple[str, list[str]]:
    """The text of a file, unpacked and decoded: UTF-8, -16 or -32, or else Windows-1252; and notes on that."""
    text, codec, mark = decoded(path, suffix)
    if codec == "cp1252":
        return text, ["the text is read as Windows-1252, since it is not UTF-8"]
    return text, [] if mark or codec == "utf-8" else [f"the text is read as {codec.upper()}"]


def decoded(path: Path, suffix: str) -> tuple[str, str, bytes]:
    """The text of a file, the codec by which it can be written again, and the mark of its encoding in front.

    Args:
        path: the file.
        suffix: of its format, for messages.

    Raises:
        BadInput: it cannot be read or is no text.
    """
    raw = _content(path)
    kind = next((kind for mark, kind in _OTHER.items() if raw.startswith(mark)), None)
    if kind:
        raise BadInput(f"cannot read {path}: it holds {kind}, not {suffix.removeprefix('.').upper()}")
    try:
        for mark, name in _MARKS.items():
            if raw.startswith(mark):
                return raw[len(mark) :].decode(name), name, mark
        if guess := _unmarked(raw[:2000]):
            return raw.decode(guess), guess, b""
        return raw.decode("utf-8"), "utf-8", b""
    except UnicodeDecodeError as error:
        if error.encoding != "utf-8":
            raise BadInput(f"cannot read {path}: it is damaged {error.encoding.upper()}") from error
        try:
            return raw.decode("cp1252"), "cp1252", b""
        except UnicodeDecodeError as other:
            raise BadInput(f"cannot read {path}: it is neither UTF-8 nor Windows-1252") from other


def _unmarked(start: bytes) -> str | None:
    """UTF-16 without a mark, in which every other byte of plain letters is zero."""
    even, odd = (start[at::2].count(0) for at in (0, 1))
    if max(even, odd) < len(start) / 4 or min(even, odd) > max(even, odd) / 10:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _content(path: Path) -> bytes:
    with parsing(path):
        with path.open("rb") as file:
            start = file.read(6)
        opened = next((unpack for mark, unpack in _UNPACK.items() if start.startswith(mark)), None)
        if opened is None:
            need(COPIES * path.stat().st_size, str(path))
            return path.read_bytes()
        most = min(MOST, free() // COPIES)
        with opened(path, "rb") as packed:
            found: bytes = packed.read(most + 1)
    if len(found) > most:
        raise BadInput(f"cannot read {path}: it unpacks to more than {in_words(most)} of text")
    return found


def _json_lines(text: str, path: Path) -> pd.DataFrame:
    with parsing(f"{path} as JSON, one object a line"):
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        if not all(isinstance(row, dict) for row in rows):
            raise ValueError("a line is not an object")
        return pd.DataFrame(rows)


def _json(text: str, path: Path) -> pd.DataFrame:
    """A list of objects, an object of columns, or either inside an object; several objects are read line by line."""
    with parsing(f"{path} as JSON"):
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            if error.msg != "Extra data":
                raise
            return _json_lines(text, path)
    if isinstance(found, dict) and {"columns", "data"} <= set(found):
        rows, names = found["data"], found["columns"]
        if isinstance(rows, list) and isinstance(names, list) and all(_row(row, names) for row in rows):
            return pd.DataFrame(rows, columns=list(map(str, names)))
    if isinstance(found, dict):
        inside = [value for value in found.values() if _is_rows(value)]
        found = inside[0] if len(inside) == 1 else found
    if _is_rows(found):
        return pd.DataFrame(found)
    if isinstance(found, dict) and found:
        columns = list(found.values())
        if all(isinstance(one, list) for one in columns) and len({len(one) for one in columns}) == 1:
            return pd.DataFrame(found)
        if all(isinstance(one, dict) for one in columns):
            keys = list(dict.fromkeys(key for one in columns for key in one))
            return pd.DataFrame({name: [one.get(key) for key in keys] for name, one in found.items()})
    raise BadInput(f"cannot read {path}: the JSON is no table, such as a list of objects or an object of columns")


def _row(row: Any, names: list[Any]) -> bool:
    return isinstance(row, list) and len(row) == len(names)


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _labelled_lines(text: str, path: Path) -> pd.DataFrame:
    lines = [line for line in text.splitlines() if line.strip()]
    parts = [line.strip().removeprefix(LINE).partition(" ") for line in lines]
    for line, (name, _, rest) in zip(lines, parts, strict=True):
        if not line.strip().startswith(LINE) or not name or rest.lstrip().startswith(LINE):
            raise BadInput(f"{path} has the line {line[:40]!r}, but each must be one {LINE}NAME and a text")
    return pd.DataFrame({"text": [rest for *_, rest in parts], "label": [name for name, *_ in parts]})


def _parquet(path: Path) -> tuple[pd.DataFrame, dict[str, Any] | None]:
    with parsing(f"{path} as Parquet"):
        with parquet.ParquetFile(path) as file:
            need(8 * file.metadata.num_rows * file.metadata.num_columns, str(path))
            table = file.read()
        table.validate(full=True)  # such as text that is no UTF-8, which would fail only when it is written
        head = (table.schema.metadata or {}).get(HEAD)
        frame = table.to_pandas()
    return frame, read_table_head(head, frame, str(path)) if head else None


def _excel(path: Path) -> pd.DataFrame:
    with parsing(f"{path} as a workbook"):
        with zipfile.ZipFile(path) as archive:
            need(COPIES * sum(member.file_size for member in archive.infolist()), str(path))
        try:
            sheets = pd.read_excel(path, sheet_name=None, dtype=object, keep_default_na=False, na_values=[""])
        except ImportError as error:
            raise BadInput(f"reading {path} needs the extra excel: pip install noisewise[excel]") from error
    filled = {name: sheet for name, sheet in sheets.items() if not sheet.empty}
    if len(filled) > 1:
        raise BadInput(f"{path} has {len(filled)} sheets with rows, {', '.join(filled)}: leave one")
    frame = next(iter(filled.values()), pd.DataFrame())
    return frame.infer_objects()
