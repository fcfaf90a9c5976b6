"""Reader for tables: CSV and Parquet files with one column of labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from noisewise.data.dataset import Dataset, Inputs, select
from noisewise.data.features import encode_features
from noisewise.data.folders import ImageFiles
from noisewise.data.labels import encode, numbered
from noisewise.errors import BadInput, nearest

LABELS = ("label", "labels", "target", "class", "y")
TRUTH, INDEX, SPLIT, FILE = "truth", "_index", "_split", "file"
HEAD = b"noisewise"


def read_table(path: str | Path, labels: str | None = None) -> Dataset:
    """The data set in a `.csv` or `.parquet` file.

    A column called `truth` holds the correct labels and is never a feature. What is a feature, and how it is encoded,
    says `encode_features`; the columns as they are, less labels and truth, are in `described`.

    Args:
        path: the file.
        labels: the column of the labels; needed unless exactly one is called label, labels, target, class or y.

    Raises:
        BadInput: it cannot be read or is empty, the labels are not found, are missing in a row or all the same, or
            a feature has missing or infinite values.
    """
    path = Path(path)
    frame, head = _read_parquet(path) if path.suffix == ".parquet" else (_read_csv(path), None)
    if frame.empty:
        raise BadInput(f"{path} has no rows or no columns")
    return _saved(frame, head, path) if head else from_frame(frame, str(path), path.name, labels)


def from_frame(frame: pd.DataFrame, where: str, name: str, labels: str | None = None) -> Dataset:
    """The data set in a frame of n rows; see `read_table`."""
    column = label_column(frame, where, labels)
    roles = [column] + [TRUTH] * (TRUTH in frame and column != TRUTH)
    encoded, classes = encode(f"column {column!r} of {where}", *(frame[role].to_numpy() for role in roles))
    described = frame.drop(columns=roles)
    inputs, ignored = encode_features(described, where)
    record = {"step": "load", "source": name, "labels": column, "ignored": ignored}
    return Dataset(
        inputs,
        encoded[0],
        classes,
        "table",
        truth=encoded[1] if len(encoded) > 1 else None,
        name=name,
        provenance=(record,),
        described=described,
    )


def label_column(frame: pd.DataFrame, where: str, labels: str | None) -> str:
    """The name of the column of labels.

    Raises:
        BadInput: there is no such column; or none was named, and not exactly one has a usual name.
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


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, low_memory=False)
    except pd.errors.EmptyDataError as error:
        raise BadInput(f"{path} is empty") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {path} as CSV: {error}") from error


def _read_parquet(path: Path) -> tuple[pd.DataFrame, dict[str, Any] | None]:
    try:
        table = parquet.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise BadInput(f"cannot read {path} as Parquet: {error}") from error
    head = (table.schema.metadata or {}).get(HEAD)
    return table.to_pandas().reset_index(drop=True), json.loads(head) if head else None


def _saved(frame: pd.DataFrame, head: Mapping[str, Any], path: Path) -> Dataset:
    described = frame.drop(columns=[head["labels"], TRUTH, INDEX, SPLIT], errors="ignore")
    inputs: Inputs
    if head["kind"] == "image":
        inputs = ImageFiles(described[FILE].tolist(), tuple(head["shape"]))
    else:
        inputs, _ = encode_features(described, str(path))
    names = frame[SPLIT] if SPLIT in frame else pd.Series("", index=frame.index)
    parts = {
        name: _part(name, np.flatnonzero(names == name), frame, inputs, described, head, path)
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
    head: Mapping[str, Any],
    path: Path,
) -> Dataset:
    classes, part = tuple(head["classes"]), frame.iloc[rows]
    truth = part[TRUTH] if TRUTH in part and bool(part[TRUTH].notna().all()) else None
    return Dataset(
        select(inputs, rows),
        numbered(str(path), part[head["labels"]].to_numpy(), classes),
        classes,
        head["kind"],
        index=part[INDEX].to_numpy() if INDEX in part else np.arange(len(rows)),
        truth=None if truth is None else numbered(str(path), truth.to_numpy(), classes),
        name=head["names"][name],
        provenance=tuple(head["provenance"][name]),
        described=described.iloc[rows].reset_index(drop=True),
    )
