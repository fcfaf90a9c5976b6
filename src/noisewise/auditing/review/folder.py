"""Reading the folder that an audit wrote."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow import parquet

from noisewise.auditing.review.stored import read_summary, read_table
from noisewise.data.dataset import Dataset
from noisewise.data.readers.frames import HEAD
from noisewise.data.row_names import named
from noisewise.data.sources import load
from noisewise.doors import place
from noisewise.errors import BadInput, nearest
from noisewise.files import recover

ISSUES = {
    "index": "whole numbers",
    "given": "names",
    "suggested": "names",
    "suspicion": "numbers",
    "is_issue": "true or false",
}


def original_data(folder: str | Path, source: str | Path | None = None) -> Dataset:
    """The audited data set with its given labels, restored from the folder that the audit wrote.

    The inputs come from the `cleaned` file and the given labels from `issues.parquet`; `summary.json` has the class
    names and states whether the truth was known.

    Args:
        folder: that the audit wrote.
        source: the audited folder of images, if it is no longer where it was.

    Raises:
        BadInput: the folder was not written by an audit, or its files do not belong together.
    """
    folder = _settled(folder)
    issues, summary = read_issues(folder), read_summary(_file(folder, "summary.json"))
    file = _file(folder, "cleaned.npz", "cleaned.parquet")
    moved = source is not None and Path(source).is_dir() and file.suffix == ".parquet"
    cleaned = _with_images_in(file, Path(str(source))) if moved else load(file)
    classes = tuple(summary["classes"])
    if len(issues) != len(cleaned):
        raise BadInput(f"{folder} is damaged: issues.parquet has {len(issues)} rows, the data has {len(cleaned)}")
    rows = positions(issues["index"], cleaned.index, "the cleaned data")
    given = np.empty(len(cleaned), dtype=np.int64)
    given[rows] = numbers(issues["given"], classes)
    truth = None
    if cleaned.truth is not None and "true_noise_rate" in summary:
        truth = numbers([cleaned.classes[label] for label in cleaned.truth], classes)
    steps = cleaned.provenance
    if steps and steps[-1].get("step") == "audit":
        steps = steps[:-1]
    return replace(cleaned, given=given, classes=classes, truth=truth, provenance=steps)


def _with_images_in(file: Path, source: Path) -> Dataset:
    """A saved data set whose images are files, which now are in another folder."""
    table = parquet.read_table(file)
    metadata = dict(table.schema.metadata or {})
    head = json.loads(metadata.get(HEAD, b"{}"))
    if "root" not in (head.get("pictures") or {}):
        return load(file)
    head["pictures"]["root"] = str(source.absolute())
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary) / file.name
        parquet.write_table(table.replace_schema_metadata({**metadata, HEAD: json.dumps(head).encode()}), copy)
        return load(copy)


def _settled(folder: str | Path) -> Path:
    """The folder, in which what a killed audit had completed is put into its place."""
    found = place(folder)
    recover(found)
    return found


def is_audit(folder: str | Path) -> bool:
    """Whether a path is a folder that holds the summary or the rows of an audit, or nothing that could be data."""
    folder = place(folder)
    if not folder.is_dir():
        return not folder.is_file()
    recover(folder)
    return any((folder / name).is_file() for name in ("issues.parquet", "summary.json")) or not any(
        entry.is_dir() and not entry.name.startswith(".noisewise-") for entry in folder.iterdir()
    )


def read_issues(folder: str | Path) -> pd.DataFrame:
    """The table in `issues.parquet`, its class names as text.

    Raises:
        BadInput: there is none, or it was not written by an audit.
    """
    folder = _settled(folder)
    path = _file(folder, "issues.parquet")
    frame = read_table(path, ISSUES)
    return frame.assign(given=frame["given"].astype(str), suggested=frame["suggested"].astype(str))


def unaudited(data: Dataset) -> pd.DataFrame:
    """The table of all rows of data that were not audited: no suggestion and no issue."""
    given = np.asarray(data.classes, dtype=object)[data.given]
    table = {"index": data.index, "given": given, "suggested": "", "suspicion": 0.0, "is_issue": False}
    return named(pd.DataFrame(table), data)


def without_label(data: Dataset, folder: str | Path | None = None) -> pd.DataFrame | None:
    """`index`, identifier and `file` of the rows without a label; None where there are none.

    Args:
        data: the audited data.
        folder: that the audit wrote, if there was one.

    Raises:
        BadInput: its `unlabelled.parquet` was not written by an audit.
    """
    if folder is not None and (path := _settled(folder) / "unlabelled.parquet").is_file():
        return read_table(path, {"index": "whole numbers"})
    rest = data.unlabelled
    return None if rest is None else named(pd.DataFrame({"index": rest.index}), rest)


def positions(wanted: pd.Series, index: np.ndarray, where: str) -> np.ndarray:
    """(m,) the positions in `index` of the wanted values.

    Raises:
        BadInput: a value is missing, or `index` has a value more than once.
    """
    known = pd.Index(index)
    if not known.is_unique:
        raise BadInput(f"{where} has the index {known[known.duplicated()][0]} more than once")
    found = known.get_indexer(pd.Index(wanted))
    if (found < 0).any():
        raise BadInput(f"index {wanted[found < 0].iloc[0]} is not in {where}, which has {len(index)} rows")
    return found


def numbers(names: Iterable[str], classes: Sequence[str]) -> np.ndarray:
    """(m,) int64 class numbers of class names.

    Raises:
        BadInput: an unknown class name.
    """
    known = {name: number for number, name in enumerate(classes)}
    wanted = list(map(str, names))
    for name in wanted:
        if name not in known:
            hint = nearest(name, classes) or f"; the {len(classes)} classes start with {', '.join(classes[:5])}"
            raise BadInput(f"this data set has no class {name!r}{hint}")
    return np.array([known[name] for name in wanted], dtype=np.int64)


def _file(folder: Path, *names: str) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise BadInput(f"{folder} has no {' or '.join(names)}: give the folder that an audit wrote")
