"""Decisions from any tool as one table: `index`, `decision`, `label`, one line per reviewed row."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from noisewise.auditing.review.exchange import fiftyone, label_studio
from noisewise.errors import BadInput, nearest
from noisewise.files import read_cell

WORDS = ("accept", "keep", "relabel")
COLUMNS = ("index", "decision", "label")


def read_decisions(path: str | Path, issues: pd.DataFrame) -> pd.DataFrame:
    """Read a file of decisions; its format is recognised from the content, not from the name.

    A CSV has the columns `index`, `decision`, `label`; lines with neither decision nor label were not reviewed. A JSON
    list is an export of Label Studio; a JSON object with `labels` or `samples` comes from FiftyOne. Where a tool
    exports labels instead of decisions, the given label means `keep`, the suggested one `accept`, any other `relabel`.

    Args:
        path: of the file.
        issues: the audit's table of all rows, with `index`, `given` and `suggested`.

    Returns:
        The decisions as text, in the order of the review, with class names exactly as written.

    Raises:
        BadInput: the file cannot be read, or has none of these formats.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read the decisions in {path}: {error}") from error
    if text.lstrip()[:1] not in ("[", "{"):
        return read_csv(text, path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"cannot read the decisions in {path}: it is not JSON ({error})") from error
    if isinstance(content, list):
        return from_labels(label_studio.labels(content), issues)
    if "labels" in content:
        return from_labels(fiftyone.labels(content), issues)
    if "samples" in content:
        return from_labels(fiftyone.sample_labels(content, issues), issues)
    raise BadInput(
        f"the JSON in {path} has no decisions: neither a list of Label Studio tasks nor 'labels' or 'samples' of "
        "FiftyOne"
    )


def read_csv(text: str, path: str | Path) -> pd.DataFrame:
    """The cells of a CSV of decisions as text, without the rows that were not reviewed.

    Raises:
        BadInput: it is not CSV, or its lines differ in length.
    """
    try:
        head, *lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line] or [[]]
    except csv.Error as error:
        raise BadInput(f"cannot read the decisions in {path}: {error}") from error
    for line in lines:
        if len(line) != len(head):
            raise BadInput(
                f"{path} has {len(head)} columns, but a line with {len(line)} cells: {','.join(line)[:80]!r}"
            )
    frame = pd.DataFrame([[read_cell(cell) for cell in line] for line in lines], columns=head, dtype=object)
    if {"decision", "label"} <= set(frame):
        frame = frame[(frame["decision"] != "") | (frame["label"] != "")].reset_index(drop=True)
    return frame


def from_labels(labels: Iterable[tuple[int, str]], issues: pd.DataFrame) -> pd.DataFrame:
    """Decisions from (index, label) pairs: each label is compared with the given and the suggested one."""
    known = dict(zip(issues["index"], zip(issues["given"], issues["suggested"], strict=True), strict=True))
    lines = []
    for index, label in labels:
        given, suggested = known.get(index, (None, None))
        word = "keep" if label == given else "accept" if label == suggested else "relabel"
        lines.append((index, word, label))
    return pd.DataFrame(lines, columns=list(COLUMNS), dtype=object)


def checked(frame: pd.DataFrame) -> pd.DataFrame:
    """The decisions as numbers and text, each row once.

    Raises:
        BadInput: a missing column, an index that is not a whole number, an unknown or contradictory decision.
    """
    missing = [column for column in COLUMNS if column not in frame]
    if missing:
        found = ", ".join(map(str, frame.columns)) or "none"
        raise BadInput(
            f"decisions need the columns {', '.join(COLUMNS)}, but have {found}; missing: {', '.join(missing)}"
        )
    frame = frame[list(COLUMNS)].astype(object)
    frame = frame.where(frame.notna(), "").astype(str).drop_duplicates(ignore_index=True)
    for text in frame["index"]:
        if not re.fullmatch(r"-?\d{1,18}", text):
            raise BadInput(f"decisions: index {text!r} must be a whole number")
    for index, word in zip(frame["index"], frame["decision"], strict=True):
        if word not in WORDS:
            hint = nearest(word, WORDS)
            raise BadInput(
                f"decisions: {word!r} must be one of {', '.join(WORDS)}{hint}, on the row with index {index}"
            )
    frame["index"] = frame["index"].astype(np.int64)
    again = frame["index"][frame["index"].duplicated()]
    if len(again):
        both = " and ".join(frame["decision"][frame["index"] == again.iloc[0]])
        raise BadInput(f"decisions contradict each other on the row with index {again.iloc[0]}: {both}")
    return frame
