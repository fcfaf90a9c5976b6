"""Decisions: a person's review is applied to the data set, and its gain is measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.auditing.review.exchange.decisions import WORDS, checked, read_decisions
from noisewise.auditing.review.folder import numbers, positions, read_issues
from noisewise.auditing.review.queue import check_base, per_hundred, review_queue, simulated_gain
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput


def decide(
    data: Dataset,
    decisions: pd.DataFrame | str | Path,
    *,
    findings_folder: str | Path,
    base: str = "given",
) -> tuple[Dataset, dict[str, Any]]:
    """Apply a person's review decisions to a data set.

    Each decision refers to a row by its `index`: `accept` gives it the label that the audit suggested, `keep` leaves
    its given label, `relabel` gives it the class in `label`. The label of a `keep` is ignored. The label of an `accept`
    may be empty; otherwise it must be the suggestion, which shows that the decisions belong to this audit.

    Args:
        data: the audited data with its given labels (see `original_data`), n rows.
        decisions: a frame with the columns `index`, `decision`, `label`, in the order of the review; or a file, whose
            format is recognised from its content: the CSV exported from the report or by `noisewise review`, the JSON
            or JSON-MIN export of Label Studio, or FiftyOne's JSON.
        findings_folder: the folder that the audit wrote; its `issues.parquet` holds the suggestions.
        base: the labels of rows that were not reviewed: "given" leaves them as they were, "cleaned" gives those with
            the action "relabel" their suggestion.

    Returns:
        The data set with the decided labels and a record in its provenance; and a summary: `base`, `reviewed`,
        `decisions` (number of each kind), `not_reviewed`, `issues_not_reviewed`, `relabelled` (labels that differ from
        the given ones), and `changed_per_100`: for every 100 reviewed rows, in order, how many got a label other than
        the base's (the last block may be shorter). Where the truth is known, also `accuracy_before` (of the base) and
        `accuracy_after`, the shares of correct labels among all rows; `gain_per_100`, the number of additional correct
        labels per 100 reviewed; and `simulated_gain_per_100`, the gain of a reviewer who is always right, over the
        whole `queue` and in `random` order.

    Raises:
        BadInput: decisions that cannot be read, lack a column, refer to an unknown row, class or kind of decision, or
            contradict each other or the audit; or an unknown base.
    """
    issues = read_issues(findings_folder)
    table = decisions if isinstance(decisions, pd.DataFrame) else read_decisions(decisions, issues)
    reviewed = checked(table)
    rows = positions(reviewed["index"], data.index, "the data set")
    before = _base_labels(data, issues, check_base(base))
    labels = before.copy()
    labels[rows] = _labels(reviewed, data, rows, issues)
    record = _record(reviewed, data, labels, issues, base)
    step = {"step": "decide", **record, "kept": reviewed["index"][reviewed["decision"] == "keep"].tolist()}
    decided = replace(data, given=labels, provenance=(*data.provenance, step))
    changed = {"changed_per_100": per_hundred((labels[rows] != before[rows]).astype(np.int64))}
    return decided, record | changed | _gain(data, before, labels, rows, issues, base)


def _record(
    reviewed: pd.DataFrame, data: Dataset, labels: np.ndarray, issues: pd.DataFrame, base: str
) -> dict[str, Any]:
    words = reviewed["decision"].to_numpy()
    open_issues = issues["is_issue"].to_numpy(bool) & ~issues["index"].isin(reviewed["index"]).to_numpy()
    return {
        "base": base,
        "reviewed": len(reviewed),
        "decisions": {word: int((words == word).sum()) for word in WORDS},
        "not_reviewed": len(data) - len(reviewed),
        "issues_not_reviewed": int(open_issues.sum()),
        "relabelled": int((labels != data.given).sum()),
    }


def _base_labels(data: Dataset, issues: pd.DataFrame, base: str) -> np.ndarray:
    """(n,) the labels of rows that nobody reviews."""
    if base == "given":
        return data.given
    relabelled = issues["action"] == "relabel" if "action" in issues else issues["is_issue"].astype(bool)
    chosen = issues[relabelled].reset_index(drop=True)
    labels = data.given.copy()
    labels[positions(chosen["index"], data.index, "the data set")] = numbers(chosen["suggested"], data.classes)
    return labels


def _labels(reviewed: pd.DataFrame, data: Dataset, rows: np.ndarray, issues: pd.DataFrame) -> np.ndarray:
    """(m,) the class number that each decision gives to its row."""
    at = positions(reviewed["index"], issues["index"].to_numpy(), "issues.parquet")
    suggested = issues["suggested"].to_numpy()[at]
    given = np.asarray(data.classes, dtype=object)[data.given[rows]]
    names = [
        _label(int(index), word, label, old, new)
        for index, word, label, old, new in zip(
            reviewed["index"], reviewed["decision"], reviewed["label"], given, suggested, strict=True
        )
    ]
    return numbers(names, data.classes)


def _label(index: int, word: str, label: str, given: str, suggested: str) -> str:
    if word == "keep":
        return given
    if word == "accept" and label not in ("", suggested):
        raise BadInput(
            f"decisions accept {label!r} for the row with index {index}, but this audit suggested {suggested!r}: "
            "they belong to another audit"
        )
    return suggested if word == "accept" else label


def _gain(
    data: Dataset, base_labels: np.ndarray, labels: np.ndarray, rows: np.ndarray, issues: pd.DataFrame, base: str
) -> dict[str, Any]:
    if data.truth is None:
        return {}
    before, after = base_labels == data.truth, labels == data.truth
    queue = positions(review_queue(issues, base)["index"], data.index, "the data set")
    return {
        "accuracy_before": float(before.mean()),
        "accuracy_after": float(after.mean()),
        "gain_per_100": per_hundred(after[rows].astype(np.int64) - before[rows].astype(np.int64)),
        "simulated_gain_per_100": simulated_gain(~before[queue]),
    }
