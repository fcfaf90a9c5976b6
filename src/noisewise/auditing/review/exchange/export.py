"""Export of the review queue to other tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from noisewise.auditing.review.agreement import Decisions, agreement, read_reviews
from noisewise.auditing.review.exchange import fiftyone, label_studio, tables
from noisewise.auditing.review.exchange.queue import read_queue
from noisewise.auditing.review.folder import original_data, read_issues, without_label
from noisewise.errors import BadInput, nearest

TOOLS = ("label-studio", "fiftyone", "csv")
DEFAULT_LIMITS = {"labels": 500, "rate": 60}


def export_review(
    folder: str | Path,
    to: str,
    out: str | Path,
    *,
    purpose: str = "labels",
    base: str = "given",
    limit: int | None = None,
    decided: Decisions | Sequence[Decisions] = (),
    images: str = "embed",
    document_root: str | Path | None = None,
) -> dict[str, Any]:
    """Write the rows to review next for another tool; `decide` applies its decisions.

    Args:
        folder: of the audit.
        to: "label-studio", "fiftyone" or "csv".
        out: the file of tasks (.json) or lines (.csv), or the folder for FiftyOne.
        purpose: "labels" takes the rows whose review gains most; "rate" takes the audit's random order, from which
            `decide` certifies the noise rate.
        base: the labels of rows that nobody reviews, "given" or "cleaned"; give `decide` the same.
        limit: the most rows; by default 500, or 60 for the rate.
        decided: tables or files of decisions, as for `decide`. Rows on which their reviewers disagree come first, all
            other decided rows are left out.
        images: how Label Studio gets its images; see `label_studio.export`.
        document_root: the folder from which Label Studio serves files; see `label_studio.export`.

    Returns:
        `to`, `purpose`, `base`, `rows`, `expected_gain` (the correct labels that a review of all of them is expected to
        add) and `files`.

    Raises:
        BadInput: the folder was not written by an audit, or an argument is not legal.
    """
    if to not in TOOLS:
        raise BadInput(f"to={to!r} must be one of {', '.join(TOOLS)}{nearest(to, TOOLS)}")
    split, done = _known(folder, decided)
    limit = DEFAULT_LIMITS.get(purpose, 1) if limit is None else limit
    queue, out = read_queue(folder, base, limit, purpose, split, done), Path(out)
    if to == "label-studio":
        files = label_studio.export(queue, out, images=images, document_root=document_root)
    else:
        files = (fiftyone if to == "fiftyone" else tables).export(queue, out)
    gain = float(queue.rows["gain"].sum())
    return {"to": to, "purpose": purpose, "base": base, "rows": len(queue), "expected_gain": gain, "files": files}


def _known(folder: str | Path, decided: Decisions | Sequence[Decisions]) -> tuple[list[int], set[int]]:
    """The index of rows on which reviewers disagree, and of all decided rows."""
    if isinstance(decided, Sequence) and not len(decided):
        return [], set()
    data = original_data(folder)
    reviews = read_reviews(decided, data, read_issues(folder), without_label(data, folder))
    split = [int(one["index"]) for one in agreement(reviews, data.classes)["disagreements"]]
    return split, {index for review in reviews for index in review.found}
