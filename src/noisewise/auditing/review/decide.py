"""Decisions: a person's review is applied to the data set, and its gain is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.auditing.review.agreement import REMOVED, Decisions, Review, agreement, majority, read_reviews
from noisewise.auditing.review.certify.certificate import certified, draw_weights
from noisewise.auditing.review.certify.sample import FILE, read_sample
from noisewise.auditing.review.exchange.decisions import WORDS
from noisewise.auditing.review.folder import numbers, positions, read_issues, unaudited, without_label
from noisewise.auditing.review.queue import check_base, per_hundred, review_queue, simulated_gain
from noisewise.auditing.reviewed import record as reviewed_record
from noisewise.bounds import PATH, Bound, a, bounded
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput


def _is_decisions(value: object) -> bool:
    return isinstance(value, pd.DataFrame) or PATH.allows(value)


_DECISIONS = Bound(
    "be a table, a path, or a list of these",
    lambda value: _is_decisions(value) or (isinstance(value, (list, tuple)) and all(map(_is_decisions, value))),
)


@bounded(None, {"data": a(Dataset), "decisions": _DECISIONS, "findings_folder": PATH | None})
def decide(
    data: Dataset,
    decisions: Decisions | Sequence[Decisions],
    *,
    findings_folder: str | Path | None = None,
    base: str = "given",
) -> tuple[Dataset, dict[str, Any]]:
    """Apply a person's review decisions to a data set.

    Each decision refers to a row by its `index`, its `file` or its identifier. `accept` gives it the label that the
    audit suggested, `keep` leaves its given label, `relabel` gives it the class in `label`, `unsure` leaves it open
    with its given label, `remove` takes it out of the data. The label of a `keep`, `unsure` or `remove` is ignored. The
    label of an `accept` may be empty; otherwise it must be the suggestion, which shows that the decisions belong to
    this audit.

    Args:
        data: the audited data with its given labels (see `original_data`), n rows.
        decisions: a frame with the columns `index`, `decision` and, where it has a `relabel`, `label`, in the order of
            the review; or a file, whose format is recognised from its content: the CSV exported from the report or by
            `noisewise review`, the JSON or JSON-MIN export of Label Studio, or FiftyOne's JSON. Several tables or
            files, or a column `reviewer`, are the decisions of several reviewers: the majority decides, and a row with
            a tie counts as not reviewed.
        findings_folder: the folder that the audit wrote; its `issues.parquet` holds the suggestions. Without it an
            `accept` takes its label from the column `label` or `suggested`, and nothing is certified or remembered.
        base: the labels of rows that were not reviewed: "given" leaves them as they were, "cleaned" gives those with
            the action "relabel" their suggestion.

    Returns:
        The data set with the decided labels, without the removed rows, and with a record in its provenance; and a
        summary: `base`, `reviewed`, `decisions` (number of each kind), `not_reviewed`, `issues_not_reviewed` (where an
        audit is known), `relabelled` (labels that differ from the given ones), and `changed_per_100`: for every 100
        reviewed rows, in order, how many were removed or got a label other than the base's (the last block may be
        shorter). With at least
        10 decisions at the front of the audit's random order also `certified`: the noise rate and more with intervals
        that hold for any model (see `certified`). With several reviewers also `agreement`. Where the truth is known,
        also `accuracy_before` (of the base) and `accuracy_after`, the shares of correct labels among all rows;
        `gain_per_100`, the number of additional correct labels per 100 reviewed; and `simulated_gain_per_100`, the gain
        of a reviewer who is always right, over the whole `queue` and in `random` order.

    Raises:
        BadInput: decisions that cannot be read, lack a column, refer to an unknown row, class or kind of decision, or
            contradict each other or the audit; or an unknown base.
    """
    issues = unaudited(data) if findings_folder is None else read_issues(findings_folder)
    if findings_folder is None and check_base(base) != "given":
        raise BadInput(f"base={base!r} needs the folder of an audit")
    reviews = read_reviews(decisions, data, issues, without_label(data, findings_folder))
    review = majority(reviews)
    reviewed = review.table
    rows = positions(reviewed["index"], data.index, "the data set")
    before = _base_labels(data, issues, check_base(base))
    labels = before.copy()
    removed = np.zeros(len(data), dtype=bool)
    removed[rows] = review.labels == REMOVED
    if removed.all():
        raise BadInput(f"all {len(data)} rows are removed: nothing is left of the data")
    labels[rows] = np.where(removed[rows], data.given[rows], review.labels)
    left = positions(pd.Series(review.unsure, dtype=np.int64), data.index, "the data set")
    labels[left] = data.given[left]
    former = data.given[rows]
    proven, weights = _certified(findings_folder, reviewed["index"], review.labels != former, len(data))
    agreed = {"agreement": agreement(reviews, data.classes)} if len(reviews) > 1 else {}
    record = _record(review, data, labels, None if findings_folder is None else issues, base)
    at = positions(reviewed["index"], issues["index"].to_numpy(), "issues.parquet")
    lines = reviewed_record(
        reviewed,
        former=[data.classes[label] for label in former],
        labels=[None if label == REMOVED else data.classes[label] for label in review.labels],
        suggested=issues["suggested"].to_numpy()[at].tolist(),
        suspicion=issues["suspicion"].to_numpy(float)[at],
        weights=weights,
    )
    step = {"step": "decide", **record, **proven, **({} if findings_folder is None else {"reviewed_rows": lines})}
    decided = replace(data, given=labels, provenance=(*data.provenance, step))
    changed = {"changed_per_100": per_hundred((removed[rows] | (labels[rows] != before[rows])).astype(np.int64))}
    gained = _gain(data, before, labels, removed, rows, issues, base)
    decided = decided.take(~removed) if removed.any() else decided
    return decided, record | proven | agreed | changed | gained


def _certified(
    folder: str | Path | None, index: pd.Series, wrong: np.ndarray, rows: int
) -> tuple[dict[str, Any], dict[int, float]]:
    """What the decisions prove, and the weights of the rows that were drawn."""
    if folder is None or not (Path(folder) / FILE).is_file():
        return {}, {}
    sample = read_sample(Path(folder))
    known = dict(zip(index.tolist(), wrong.tolist(), strict=True))
    found = certified(sample, known, rows)
    return ({"certified": found}, draw_weights(sample, known)) if found else ({}, {})


def _record(
    review: Review, data: Dataset, labels: np.ndarray, issues: pd.DataFrame | None, base: str
) -> dict[str, Any]:
    words = [*review.table["decision"], *["unsure"] * len(review.unsure)]
    seen = [*review.table["index"], *review.unsure]
    left = {}
    if issues is not None:
        open_issues = issues["is_issue"].to_numpy(bool) & ~issues["index"].isin(seen).to_numpy()
        left["issues_not_reviewed"] = int(open_issues.sum())
    return {
        "base": base,
        "reviewed": len(seen),
        "decisions": {word: number for word in WORDS if (number := words.count(word)) or word in WORDS[:3]},
        "not_reviewed": len(data) - len(seen),
        **left,
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


def _gain(
    data: Dataset,
    base_labels: np.ndarray,
    labels: np.ndarray,
    removed: np.ndarray,
    rows: np.ndarray,
    issues: pd.DataFrame,
    base: str,
) -> dict[str, Any]:
    if data.truth is None:
        return {}
    before, after = base_labels == data.truth, (labels == data.truth) & ~removed
    queue = positions(review_queue(issues, base)["index"], data.index, "the data set")
    return {
        "accuracy_before": float(before.mean()),
        "accuracy_after": float(after[~removed].mean()) if not removed.all() else 0.0,
        "gain_per_100": per_hundred(after[rows].astype(np.int64) - before[rows].astype(np.int64)),
        "simulated_gain_per_100": simulated_gain(~before[queue]),
    }
