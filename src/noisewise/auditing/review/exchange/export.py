"""Export of the review queue to other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from noisewise.auditing.review.exchange import fiftyone, label_studio, tables
from noisewise.auditing.review.exchange.queue import read_queue
from noisewise.errors import BadInput, nearest

TOOLS = ("label-studio", "fiftyone", "csv")
DEFAULT_LIMIT = 500


def export_review(
    folder: str | Path,
    to: str,
    out: str | Path,
    *,
    base: str = "given",
    limit: int = DEFAULT_LIMIT,
    images: str = "embed",
    document_root: str | Path | None = None,
) -> dict[str, Any]:
    """Write the rows to review next for another tool; `decide` applies its decisions.

    Args:
        folder: of the audit.
        to: "label-studio", "fiftyone" or "csv".
        out: the file of tasks (.json) or lines (.csv), or the folder for FiftyOne.
        base: the labels of rows that nobody reviews, "given" or "cleaned"; give `decide` the same.
        limit: the most rows.
        images: how Label Studio gets its images; see `label_studio.export`.
        document_root: the folder from which Label Studio serves files; see `label_studio.export`.

    Returns:
        `to`, `base`, `rows`, `expected_gain` (the correct labels that a review of all of them is expected to add) and
        `files`.

    Raises:
        BadInput: the folder was not written by an audit, or an argument is not legal.
    """
    if to not in TOOLS:
        raise BadInput(f"to={to!r} must be one of {', '.join(TOOLS)}{nearest(to, TOOLS)}")
    queue, out = read_queue(folder, base, limit), Path(out)
    if to == "label-studio":
        files = label_studio.export(queue, out, images=images, document_root=document_root)
    else:
        files = (fiftyone if to == "fiftyone" else tables).export(queue, out)
    gain = float(queue.rows["gain"].sum())
    return {"to": to, "base": base, "rows": len(queue), "expected_gain": gain, "files": files}
