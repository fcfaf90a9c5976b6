"""The rows that the report shows, as plain data for its script."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from noisewise.auditing.report.thumbnails import BUDGET, thumbnails
from noisewise.auditing.result import AuditResult
from noisewise.data.dataset import Dataset
from noisewise.data.row_names import name_columns
from noisewise.judgement.entries import blocks

SHOWN, MOST = 500, 20_000  # rows on the page: at least, if there are as many, and at most
FIRST = 500  # rows whose pictures are the largest
REST_BUDGET, REST_EDGE = 20_000_000, 128  # characters and pixels of the pictures of the other rows
COLUMNS = 24
FEATURES = 12
DRAWN = 200  # rows of the random sample that the page holds
DRAWN_BUDGET, DRAWN_EDGE = 1_500_000, 256  # characters and pixels of their pictures
CHARACTERS, OF_TEXTS = 240, 600
LIKELY = 5


def most_suspect(result: AuditResult, limit: int | None = None) -> np.ndarray:
    """Positions of the `limit` most suspect rows, in the order of `result.issues`.

    Args:
        result: of an audit.
        limit: None for all issues, at least 500 rows and at most 20,000.
    """
    rounded = np.round(result.suspicion.astype(float), 6)
    order = np.lexsort((result.data.index, -rounded))
    if limit is None:
        issues = np.flatnonzero(result.is_issue[order])
        limit = min(max(SHOWN, int(issues[-1]) + 1 if len(issues) else 0), MOST)
    return order[:limit]


def shown(result: AuditResult, limit: int | None = None) -> dict[str, Any]:
    """Everything the page's script needs: class names, column names, the most suspect rows and those drawn.

    A row has `index`, `given`, `suggested` (class numbers), `suspicion`, `issue`, `gain` (expected, over the cleaned
    labels), `reviewed` if it was reviewed before the audit, and, where they exist, `image` (a data URI), `cells`
    (texts, one per column), `names` (texts, one per entry of the page's `names`) and `likely` (the most probable
    classes). `key` identifies the result, so that decisions stored in a browser are not applied to another audit.

    Args:
        result: of an audit.
        limit: of the rows; see `most_suspect`.
    """
    positions = most_suspect(result, limit)
    columns, rows = _rows(result, positions)
    content = {"classes": list(result.data.classes), "columns": columns, "names": _names(result)[1:], "rows": rows}
    drawn = _drawn(result, positions)
    return {"key": _key(result, content), "threshold": float(result.threshold), **content, "drawn": drawn}


def _rows(result: AuditResult, positions: np.ndarray, drawn: bool = False) -> tuple[list[str], list[dict[str, Any]]]:
    columns, cells = _described(result.data, positions, _names(result))
    images = _pictures(result.data, positions, drawn) if result.data.kind == "image" else []
    names = _named(result, positions)
    rows = _numbers(result, positions)
    before = set() if result.reviewed is None else set(result.reviewed.rows.tolist())
    for at, (position, row) in enumerate(zip(positions.tolist(), rows, strict=True)):
        row |= {"reviewed": True} if position in before else {}
        row |= {"image": images[at]} if images and images[at] else {}
        row |= {"cells": cells[at]} if cells else {}
        row |= {"names": names[at]} if names else {}
    return columns, rows


def _pictures(data: Dataset, positions: np.ndarray, drawn: bool) -> list[str]:
    if drawn:
        return thumbnails(data, positions, budget=DRAWN_BUDGET, largest=DRAWN_EDGE)
    rest = positions[FIRST:]
    more = thumbnails(data, rest, budget=REST_BUDGET, largest=REST_EDGE) if len(rest) else []
    return thumbnails(data, positions[:FIRST], budget=BUDGET) + more


def _names(result: AuditResult) -> list[str]:
    """`index`, and the columns of `issues` with other names of the rows."""
    return name_columns(result.issues, "given")


def _named(result: AuditResult, positions: np.ndarray) -> list[list[str]]:
    """What each row is called beside its index; nothing where rows have no names."""
    columns = _names(result)[1:]
    if not columns:
        return []
    place = result.issues.set_index("index").loc[result.data.index[positions], columns]
    return [[as_text(value, OF_TEXTS) for value in line] for line in place.itertuples(index=False)]


def _drawn(result: AuditResult, shown_already: np.ndarray) -> dict[str, Any]:
    """The random sample that certifies the noise rate.

    `rows` of the data set; `strata`: rows, 1 for issues, and mean suspicion; `order`, the stratum of every draw as a
    digit; of the first draws, which the page holds, `index` and `suspicions`; and `others`, those among them that are
    not shown as suspect rows.
    """
    sample = result.sample
    strata = sample.drop_duplicates("stratum").sort_values("stratum")
    here = sample.head(DRAWN)
    others = np.setdiff1d(np.flatnonzero(np.isin(result.data.index, here["index"])), shown_already)
    return {
        "rows": len(result.data),
        "strata": [
            [int(rows), int(issues), float(suspicion)]
            for rows, issues, suspicion in strata[["stratum_rows", "stratum_issues", "stratum_suspicion"]].to_numpy()
        ],
        "order": "".join(map(str, sample["stratum"].tolist())),
        "index": here["index"].tolist(),
        "suspicions": here["suspicion"].tolist(),
        "others": _rows(result, others, drawn=True)[1],
    }


def _numbers(result: AuditResult, positions: np.ndarray) -> list[dict[str, Any]]:
    """What the page holds of every row apart from its contents and names."""
    data = result.data
    columns: dict[str, list[Any]] = {
        "index": data.index[positions].tolist(),
        "given": data.given[positions].tolist(),
        "suggested": result.suggested[positions].tolist(),
        "suspicion": _rounded(result.suspicion[positions]),
        "issue": result.is_issue[positions].astype(bool).tolist(),
        "gain": _rounded(result.expected_gain[positions]),
    }
    if result.probabilities is not None:
        likely: list[list[int]] = []
        for part in blocks(len(positions), len(data.classes)):
            table = np.asarray(result.probabilities[positions[part]])
            likely += np.argsort(-table, axis=1, kind="stable")[:, :LIKELY].tolist()
        columns["likely"] = likely
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _rounded(values: np.ndarray) -> list[float]:
    found: list[float] = np.round(np.nan_to_num(values.astype(float)), 6).tolist()
    return found


def _key(result: AuditResult, content: dict[str, Any]) -> str:
    parts = [result.data.name, len(result.data), content["classes"]]
    parts += [[row["index"], row["given"], row["suggested"]] for row in content["rows"]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _described(data: Dataset, positions: np.ndarray, named: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Column names and each row's cells as text; vectors without a description show their first numbers.

    Columns that name the rows are left out: the page shows them beside the index.
    """
    if data.described is not None:
        columns = [at for at, column in enumerate(data.described.columns) if column not in named]
        frame = data.described.iloc[positions, columns[:COLUMNS]]
    elif data.kind != "image" and len(data.shape) == 1:
        first = range(min(FEATURES, data.shape[0]))
        frame = pd.DataFrame(data.inputs[positions][:, : len(first)], columns=[f"feature {i}" for i in first])
    else:
        return [], []
    longest = OF_TEXTS if data.kind == "text" else CHARACTERS
    rows = zip(*(frame.iloc[:, i].tolist() for i in range(frame.shape[1])), strict=True)
    return [as_text(column) for column in frame.columns], [[as_text(value, longest) for value in row] for row in rows]


def as_text(value: object, longest: int = CHARACTERS) -> str:
    """A cell as people read it, cut after `longest` characters; missing values become the empty text."""
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"
