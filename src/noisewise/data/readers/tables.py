"""Reader of tables: CSV, TSV, JSON lines and Parquet files with one column of labels, and labelled lines of text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from noisewise.data.columns.column import ROLES, Column
from noisewise.data.columns.recognise import recognise
from noisewise.data.dataset import UNLABELLED, Dataset, Inputs, select
from noisewise.data.features import encode_features
from noisewise.data.images.files import ImageFiles, Pictures
from noisewise.data.readers.delimited import read_delimited, tidy
from noisewise.data.readers.labels import clean_labels, encode, number_labels, similar_classes
from noisewise.data.readers.trusted import set_aside
from noisewise.data.reading import DEFAULT, Reading
from noisewise.data.texts import Texts, text_column
from noisewise.errors import BadInput, nearest

LABELS = ("label", "labels", "target", "class", "y")
TRUTH, FILE = "truth", "file"
ROLES_IN_FILE = {"index": "_index", "split": "_split", "ids": "_id", "weights": "_weight"}
"""Columns that `save` adds, by what they hold, unless the data have columns of these names."""
HEAD = b"noisewise"
LINE = "__label__"


def read_table(path: str | Path, reading: Reading = DEFAULT) -> Dataset:
    """Read a `.csv`, `.tsv`, `.jsonl` or `.parquet` file, or a `.txt` file of lines `__label__NAME TEXT`.

    A column called `truth` holds the correct labels and is never a feature. `encode_features` documents which columns
    are features and how they are encoded; `columns` of the data set records it. All columns except labels and truth are
    kept in `described`.

    Args:
        path: the file.
        reading: how. `labels` is required unless exactly one column is called label, labels, target, class or y.
            Without `text`, every column that can be learned from is an input.

    Raises:
        BadInput: the file cannot be read or is empty, labels are not found, missing in a row or all the same, or no
            column can be learned from.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    frame, head = _read_parquet(path) if suffix == ".parquet" else (_read(path, suffix, reading.labels), None)
    if frame.empty:
        raise BadInput(f"{path} has no rows or no columns")
    if head:
        return _read_saved(frame, head, path)
    further = _further(frame, path, reading)
    if further is None:
        return from_frame(frame, str(path), path.name, reading)
    # one encoding for both: as two tables, equal cells would become different numbers
    data = from_frame(pd.concat([frame, further], ignore_index=True), str(path), path.name, reading)
    aside = set_aside(data, data.index >= len(frame), None, f"of {Path(str(reading.trusted)).name}")
    return replace(aside, provenance=(*aside.provenance[:-1], {**aside.provenance[-1], "further": reading.trusted}))


def read_naming(path: Path) -> pd.DataFrame:
    """A file that names rows: a table, lines of text under the heading "", or an `.npy` file of indices.

    Raises:
        BadInput: the file cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".npy":
        try:
            return pd.DataFrame({"": np.load(path, allow_pickle=False).reshape(-1)})
        except (OSError, ValueError, EOFError) as error:
            raise BadInput(f"cannot read {path} as an array of indices: {error}") from error
    if suffix == ".txt":
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"cannot read {path} as text: {error}") from error
        return pd.DataFrame({"": [line.strip() for line in lines if line.strip()]}, dtype=object)
    return _read_parquet(path)[0] if suffix == ".parquet" else _read(path, suffix, None, every=True)


def _further(frame: pd.DataFrame, path: Path, reading: Reading) -> pd.DataFrame | None:
    """The further rows of a table that `trusted` states; None where it states something else.

    Raises:
        BadInput: the file has the inputs of the table, but lacks another column.
    """
    if reading.trusted is None or reading.trusted in frame:
        return None
    other = Path(reading.trusted).expanduser()
    if other.suffix.lower() not in (".csv", ".tsv", ".jsonl", ".parquet") or not other.is_file():
        return None
    label = label_column(frame, str(path), reading.labels)
    suffix = other.suffix.lower()
    found = _read_parquet(other)[0] if suffix == ".parquet" else _read(other, suffix, label)
    inputs = [name for name in frame.columns if name not in (label, TRUTH, reading.id)]
    missing = [name for name in (*inputs, label) if name not in found]
    if len(missing) > len(inputs) / 2:
        return None
    if missing:
        raise BadInput(f"trusted={reading.trusted!r} has no column {missing[0]!r}, which {path} has")
    return found[[name for name in frame.columns if name in found]]


def from_frame(frame: pd.DataFrame, where: str, name: str, reading: Reading = DEFAULT) -> Dataset:
    """Make a data set from a frame of n rows; see `read_table`."""
    frame = tidy(frame)
    column = label_column(frame, where, reading.labels)
    roles = [column] + [TRUTH] * (TRUTH in frame and column != TRUTH)
    cleaned = [clean_labels(f"column {role!r} of {where}", frame[role]) for role in roles]
    encoded, classes = encode(f"column {column!r} of {where}", *cleaned)
    described = frame.drop(columns=roles)
    mark = [reading.trusted] if reading.trusted is not None and reading.trusted in described else []
    inputs, columns, words = _inputs(described.drop(columns=mark), where, reading.text)
    columns += tuple(Column(name, "category", False, "says which rows are trusted") for name in mark)
    record: dict[str, Any] = {"step": "load", "source": name, "labels": column}
    if notes := similar_classes(classes):
        record["notes"] = notes
    return Dataset(
        inputs,
        encoded[0],
        classes,
        "table" if words is None else "text",
        truth=encoded[1] if len(encoded) > 1 else None,
        name=name,
        provenance=(record,),
        described=described,
        columns=(*columns, *_roles(roles)),
    )


def _roles(names: list[str]) -> list[Column]:
    return [Column(name, "category", False, ROLES[name == TRUTH]) for name in names]


def _inputs(described: pd.DataFrame, where: str, text: str | None) -> tuple[Inputs, tuple[Column, ...], str | None]:
    """The inputs, what became of each column, and the column of texts if it is the only input."""
    words = text_column(described, where, text)
    if words is None:
        inputs, columns = encode_features(described, where)
        used = [column for column in columns if column.used]
        if len(used) > 1 or used[0].kind != "text":
            return inputs, columns, None
        words = used[0].name
    else:
        kinds = {str(name): recognise(described[name], str(name)).kind for name in described.columns}
        columns = tuple(
            Column(name, "text", True) if name == words else Column(name, kind, False, f"only {words} is used")
            for name, kind in kinds.items()
        )
    return Texts(described[words].tolist(), words), columns, words


def label_column(frame: pd.DataFrame, where: str, labels: str | None) -> str:
    """The name of the column of labels.

    Raises:
        BadInput: the column does not exist; or no column was named, and not exactly one has a usual name.
    """
    names = [str(name) for name in frame.columns]
    if labels is not None:
        if labels not in names:
            raise BadInput(f"{where} has no column {labels!r}{nearest(labels, names) or '; it has ' + _some(names)}")
        return labels
    usual = [name for name in names if name.lower() in LABELS]
    if len(usual) != 1:
        found = f"{' and '.join(usual)} could each be" if usual else f"none of {_some(names)} is called"
        raise BadInput(
            f"say which column of {where} holds the labels: {found} {'them' if usual else ', '.join(LABELS)}"
        )
    return usual[0]


def _some(names: list[str]) -> str:
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")


def _read(path: Path, suffix: str, labels: str | None, *, every: bool = False) -> pd.DataFrame:
    """A table of text; cells of `every` column, or of the labels, are kept as they are written."""
    if suffix == ".jsonl":
        return _read_lines_of_json(path)
    if suffix == ".txt":
        return _read_labelled_lines(path)

    def written(name: str) -> bool:
        return every or name in (labels, TRUTH) or (labels is None and name.lower() in LABELS)

    return read_delimited(path, written, "\t" if suffix == ".tsv" else None)


def _read_lines_of_json(path: Path) -> pd.DataFrame:
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {path} as JSON, one object a line: {error}") from error
    if not all(isinstance(row, dict) for row in rows):
        raise BadInput(f"cannot read {path} as JSON, one object a line: a line is not an object")
    return pd.DataFrame(rows)


def _read_labelled_lines(path: Path) -> pd.DataFrame:
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path} as text: {error}") from error
    parts = [line.strip().removeprefix(LINE).partition(" ") for line in lines]
    for line, (name, _, rest) in zip(lines, parts, strict=True):
        if not line.strip().startswith(LINE) or not name or rest.lstrip().startswith(LINE):
            raise BadInput(f"{path} has the line {line[:40]!r}, but each must be one {LINE}NAME and a text")
    return pd.DataFrame({"text": [rest for *_, rest in parts], "label": [name for name, *_ in parts]})


def _read_parquet(path: Path) -> tuple[pd.DataFrame, dict[str, Any] | None]:
    try:
        table = parquet.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise BadInput(f"cannot read {path} as Parquet: {error}") from error
    head = (table.schema.metadata or {}).get(HEAD)
    frame = table.to_pandas()
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.rename_axis([name or "index" for name in frame.index.names]).reset_index(allow_duplicates=True)
    return frame, json.loads(head) if head else None


def _read_saved(frame: pd.DataFrame, head: Mapping[str, Any], path: Path) -> Dataset:
    roles = {**ROLES_IN_FILE, **head.get("roles", {})}
    added = [roles["index"], roles["split"], *([roles["ids"]] if head.get("ids") else [])]
    added += [roles["weights"]] if head.get("weighted") else []
    described = frame.drop(columns=[head["labels"], TRUTH, *added], errors="ignore")
    inputs: Inputs
    columns: tuple[Column, ...] = ()
    if head["kind"] == "text":
        inputs = Texts(described[head["text"]].tolist(), head["text"])
    elif head["kind"] == "image":
        height, width, channels = head["shape"]
        own = tuple(head.get("own_size") or (height, width))
        inputs = ImageFiles(Pictures(described[FILE].tolist()), (height, width, channels), (int(own[0]), int(own[1])))
    else:
        inputs, columns = encode_features(tidy(described), str(path))
        columns += tuple(_roles([head["labels"], *([TRUTH] if TRUTH in frame else [])]))
    names = frame[roles["split"]] if roles["split"] in frame else pd.Series("", index=frame.index)
    parts = {
        name: _part(name, np.flatnonzero(names == name), frame, inputs, described, columns, head, roles, path)
        for name in names.unique().tolist()
    }
    main = parts.pop("")
    return main if not parts else Dataset(**{**vars(main), **parts})


def _part(
    name: str,
    rows: np.ndarray,
    frame: pd.DataFrame,
    inputs: Inputs,
    described: pd.DataFrame,
    columns: tuple[Column, ...],
    head: Mapping[str, Any],
    roles: Mapping[str, str],
    path: Path,
) -> Dataset:
    classes, part = tuple(head["classes"]), frame.iloc[rows]
    truth = part[TRUTH] if TRUTH in part and bool(part[TRUTH].notna().all()) else None
    if name == "unlabelled":
        given = np.full(len(rows), UNLABELLED)
    else:
        given = number_labels(str(path), part[head["labels"]].to_numpy(), classes)
    return Dataset(
        select(inputs, rows),
        given,
        classes,
        head["kind"],
        index=part[roles["index"]].to_numpy() if roles["index"] in part else np.arange(len(rows)),
        truth=None if truth is None else number_labels(str(path), truth.to_numpy(), classes),
        name=head["names"][name],
        provenance=tuple(head["provenance"][name]),
        described=described.iloc[rows].reset_index(drop=True),
        columns=columns,
        weights=part[roles["weights"]].to_numpy() if head.get("weighted") and name == "" else None,
        ids=part[roles["ids"]].rename(head["ids"]) if head.get("ids") else None,
    )
