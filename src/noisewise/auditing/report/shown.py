"""The rows that the report shows, as plain data for its script."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pandas as pd

from noisewise.auditing.findings import Findings
from noisewise.auditing.report.thumbnails import thumbnails
from noisewise.data.dataset import Dataset

COLUMNS = 24
FEATURES = 12
CHARACTERS, OF_TEXTS = 240, 600
LIKELY = 5


def most_suspect(findings: Findings, limit: int) -> np.ndarray:
    """Positions of the `limit` most suspect rows, in the order of `findings.issues`."""
    rounded = np.round(findings.suspicion.astype(float), 6)
    return np.lexsort((findings.data.index, -rounded))[:limit]


def shown(findings: Findings, limit: int) -> dict[str, Any]:
    """Everything the page's script needs: class names, column names and the `limit` most suspect rows.

    A row is `index`, `given`, `suggested` (class numbers), `suspicion`, `issue`, `gain` (expected, over the cleaned
    labels), and, where there are any, `image` (a data URI), `cells` (texts, one a column) and `likely` (the most
    probable classes). `key` names these findings, so that decisions remembered by a browser are not mistaken for those
    on another audit.
    """
    positions = most_suspect(findings, limit)
    columns, cells = _described(findings.data, positions)
    images = thumbnails(findings.data, positions) if findings.data.kind == "image" else []
    rows = [_row(findings, int(position)) for position in positions]
    for at, row in enumerate(rows):
        row |= {"image": images[at]} if images else {}
        row |= {"cells": cells[at]} if cells else {}
    content = {"classes": list(findings.data.classes), "columns": columns, "rows": rows}
    return {"key": _key(findings, content), "threshold": float(findings.threshold), **content}


def _row(findings: Findings, position: int) -> dict[str, Any]:
    row = {
        "index": int(findings.data.index[position]),
        "given": int(findings.data.given[position]),
        "suggested": int(findings.suggested[position]),
        "suspicion": round(float(np.nan_to_num(findings.suspicion[position])), 6),
        "issue": bool(findings.is_issue[position]),
        "gain": round(float(np.nan_to_num(findings.expected_gain[position])), 6),
    }
    if findings.probabilities is not None:
        row["likely"] = np.argsort(-findings.probabilities[position], kind="stable")[:LIKELY].tolist()
    return row


def _key(findings: Findings, content: dict[str, Any]) -> str:
    told = [findings.data.name, len(findings.data), content["classes"]]
    told += [[row["index"], row["given"], row["suggested"]] for row in content["rows"]]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _described(data: Dataset, positions: np.ndarray) -> tuple[list[str], list[list[str]]]:
    """Column names, and per row the texts in them; vectors without a description show their first numbers."""
    if data.described is not None:
        frame = data.described.iloc[positions, :COLUMNS]
    elif data.kind != "image" and len(data.shape) == 1:
        first = range(min(FEATURES, data.shape[0]))
        frame = pd.DataFrame(data.inputs[positions][:, : len(first)], columns=[f"feature {i}" for i in first])
    else:
        return [], []
    longest = OF_TEXTS if data.kind == "text" else CHARACTERS
    rows = zip(*(frame.iloc[:, i].tolist() for i in range(frame.shape[1])), strict=True)
    return [as_text(column) for column in frame.columns], [[as_text(value, longest) for value in row] for row in rows]


def as_text(value: object, longest: int = CHARACTERS) -> str:
    """A value of a table as people read it, cut after `longest` characters; missing values are the empty text."""
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"
