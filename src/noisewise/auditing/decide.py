"""Decisions: what a person chose on the report's page goes back into the data set, and what that gained is measured."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.data.dataset import Dataset
from noisewise.data.sources import load
from noisewise.errors import BadInput, nearest

WORDS = ("accept", "keep", "relabel")
COLUMNS = ("index", "decision", "label")
ISSUES = ("index", "given", "suggested")
BLOCK = 100


def decide(
    data: Dataset, decisions: pd.DataFrame | str | Path, *, findings_folder: str | Path
) -> tuple[Dataset, dict[str, Any]]:
    """Apply a person's review decisions to a data set.

    Each decision names a row by its `index`: `accept` gives it the label that the audit suggested, `keep` leaves its
    given label, `relabel` gives it the class in `label`. The label beside `keep` is for readers; the one beside
    `accept` may be empty, but if it is there it must be the suggestion, which shows that the decisions belong to this
    audit.

    Args:
        data: the audited data with its given labels (see `original_data`), n rows.
        decisions: the CSV exported from the report, or a frame with its columns `index`, `decision`, `label`, in the
            order in which the rows were reviewed.
        findings_folder: the folder the audit wrote; its `issues.parquet` holds the suggestions.

    Returns:
        The data set with the decided labels and a record in its provenance; and a summary: `reviewed`, `decisions` (how
        many of each kind), `relabelled` (labels that changed). Where the truth is known also `accuracy_before` and
        `accuracy_after`, the share of correct labels among all rows, and `gain_per_100`: for every 100 reviewed rows,
        in order, how many more labels are correct after the review than before (the last block may be shorter).

    Raises:
        BadInput: the decisions cannot be read, lack a column, or name an unknown row, class or kind of decision, or
            contradict each other or the audit.
    """
    reviewed = _checked(decisions)
    rows = _positions(reviewed["index"], data.index, "the data set")
    labels = _labels(reviewed, data, rows, _issues(Path(findings_folder)))
    given = data.given.copy()
    given[rows] = labels
    words = reviewed["decision"].to_numpy()
    summary: dict[str, Any] = {
        "reviewed": len(reviewed),
        "decisions": {word: int((words == word).sum()) for word in WORDS},
        "relabelled": int((given != data.given).sum()),
    }
    record = {"step": "decide", **summary, "kept": data.index[rows[words == "keep"]].tolist()}
    decided = replace(data, given=given, provenance=(*data.provenance, record))
    return decided, summary | _gain(data, given, rows)


def original_data(folder: str | Path) -> Dataset:
    """The data set that an audit saw, with its given labels, put together from the folder the audit wrote.

    The inputs come from the `cleaned` file, the given labels from `issues.parquet`, and from `summary.json` the class
    names and whether the truth was known.

    Raises:
        BadInput: the folder is not what an audit wrote, or its files do not belong together.
    """
    folder = Path(folder)
    issues, summary = _issues(folder), _summary(folder)
    cleaned = load(_file(folder, "cleaned.npz", "cleaned.parquet"))
    classes = tuple(summary["classes"])
    if len(issues) != len(cleaned):
        raise BadInput(f"{folder} is damaged: issues.parquet has {len(issues)} rows, the data has {len(cleaned)}")
    rows = _positions(issues["index"], cleaned.index, "the cleaned data")
    given = np.empty(len(cleaned), dtype=np.int64)
    given[rows] = _numbers(issues["given"], classes)
    truth = None
    if cleaned.truth is not None and "true_noise_rate" in summary:
        truth = _numbers([cleaned.classes[label] for label in cleaned.truth], classes)
    steps = cleaned.provenance
    if steps and steps[-1].get("step") == "audit":
        steps = steps[:-1]
    return replace(cleaned, given=given, classes=classes, truth=truth, provenance=steps)


def read_decisions(path: str | Path) -> pd.DataFrame:
    """The cells of a CSV of decisions as text; class names come back exactly as they were written.

    Raises:
        BadInput: the file cannot be read as CSV.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            head, *lines = [line for line in csv.reader(file, strict=True) if line] or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"cannot read the decisions in {path}: {error}") from error
    for line in lines:
        if len(line) != len(head):
            raise BadInput(
                f"{path} has {len(head)} columns, but a line with {len(line)} cells: {','.join(line)[:80]!r}"
            )
    return pd.DataFrame(lines, columns=head, dtype=object)


def _checked(decisions: pd.DataFrame | str | Path) -> pd.DataFrame:
    """The decisions as numbers and text, each row once.

    Raises:
        BadInput: a column is missing, an index is no whole number, a decision is unknown or contradicts another.
    """
    frame = decisions if isinstance(decisions, pd.DataFrame) else read_decisions(decisions)
    missing = [column for column in COLUMNS if column not in frame]
    if missing:
        found = ", ".join(map(str, frame.columns)) or "none"
        raise BadInput(
            f"decisions need the columns {', '.join(COLUMNS)}, but {', '.join(missing)} is missing of {found}"
        )
    frame = frame[list(COLUMNS)].astype(object)
    frame = frame.where(frame.notna(), "").astype(str).drop_duplicates(ignore_index=True)
    for text in frame["index"]:
        if not re.fullmatch(r"-?\d{1,18}", text):
            raise BadInput(f"decisions: index {text!r} must be a whole number")
    for word in frame["decision"]:
        if word not in WORDS:
            raise BadInput(f"decisions: {word!r} must be one of {', '.join(WORDS)}{nearest(word, WORDS)}")
    frame["index"] = frame["index"].astype(np.int64)
    again = frame["index"][frame["index"].duplicated()]
    if len(again):
        both = " and ".join(frame["decision"][frame["index"] == again.iloc[0]])
        raise BadInput(f"decisions contradict each other on the row with index {again.iloc[0]}: {both}")
    return frame


def _labels(reviewed: pd.DataFrame, data: Dataset, rows: np.ndarray, issues: pd.DataFrame) -> np.ndarray:
    """(m,) the class number that each decision gives to its row."""
    at = _positions(reviewed["index"], issues["index"].to_numpy(), "issues.parquet")
    suggested = issues["suggested"].astype(str).to_numpy()[at]
    given = np.asarray(data.classes, dtype=object)[data.given[rows]]
    names = [
        _label(int(index), word, label, old, new)
        for index, word, label, old, new in zip(
            reviewed["index"], reviewed["decision"], reviewed["label"], given, suggested, strict=True
        )
    ]
    return _numbers(names, data.classes)


def _label(index: int, word: str, label: str, given: str, suggested: str) -> str:
    if word == "keep":
        return given
    if word == "accept" and label not in ("", suggested):
        raise BadInput(
            f"decisions accept {label!r} for the row with index {index}, but this audit suggested {suggested!r}: "
            "they belong to another audit"
        )
    return suggested if word == "accept" else label


def _positions(wanted: pd.Series, index: np.ndarray, where: str) -> np.ndarray:
    known = pd.Index(index)
    if not known.is_unique:
        raise BadInput(f"{where} has the index {known[known.duplicated()][0]} more than once")
    found = known.get_indexer(pd.Index(wanted))
    if (found < 0).any():
        raise BadInput(f"index {wanted[found < 0].iloc[0]} is not in {where}, which has {len(index)} rows")
    return found


def _numbers(names: Iterable[str], classes: Sequence[str]) -> np.ndarray:
    numbers = {name: number for number, name in enumerate(classes)}
    wanted = list(map(str, names))
    for name in wanted:
        if name not in numbers:
            hint = nearest(name, classes) or f"; the {len(classes)} classes begin with {', '.join(classes[:5])}"
            raise BadInput(f"label {name!r} is no class of this data set{hint}")
    return np.array([numbers[name] for name in wanted], dtype=np.int64)


def _gain(data: Dataset, given: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    if data.truth is None:
        return {}
    before, after = data.given == data.truth, given == data.truth
    gain = after[rows].astype(int) - before[rows].astype(int)
    return {
        "accuracy_before": float(before.mean()),
        "accuracy_after": float(after.mean()),
        "gain_per_100": [int(gain[start : start + BLOCK].sum()) for start in range(0, len(gain), BLOCK)],
    }


def _issues(folder: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(_file(folder, "issues.parquet"), columns=list(ISSUES))
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder / 'issues.parquet'} is not what an audit wrote: {error}") from error


def _summary(folder: Path) -> dict[str, Any]:
    try:
        summary = json.loads(_file(folder, "summary.json").read_text(encoding="utf-8"))
        return {**summary, "classes": [str(name) for name in summary["classes"]]}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{folder / 'summary.json'} is not what an audit wrote: {error!r}") from error


def _file(folder: Path, *names: str) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise BadInput(f"{folder} has no {' or '.join(names)}: name the folder that an audit wrote")
