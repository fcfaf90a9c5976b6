"""Rows that a person has reviewed: what `decide` records in the provenance, and what later audits read there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from noisewise.data.dataset import Dataset


@dataclass(frozen=True, eq=False)
class Reviewed:
    """The reviewed rows of a data set of n rows.

    Attributes:
        rows: (m,) their positions.
        wrong: (m,) bool, whether the review found the label wrong. The given labels of the data set are those after it.
        suspicion: (m,) the suspicion of the label that was reviewed.
        suggested: (m,) bool, whether the audit suggested another label, and
        accepted: (m,) bool, whether that one was right.
        weight: (m,) the number of rows for which each stands: the inverse probability of having been drawn for a
            certified review, and 1 for rows that were not drawn.
        remaining: how many labels of the data set are wrong by the certified review, with its 90 % interval; None
            without one.
    """

    rows: np.ndarray
    wrong: np.ndarray
    suspicion: np.ndarray
    suggested: np.ndarray
    accepted: np.ndarray
    weight: np.ndarray
    remaining: tuple[float, float, float] | None = None

    def __repr__(self) -> str:
        return f"Reviewed({len(self.rows)} rows)"

    def __len__(self) -> int:
        return len(self.rows)

    def mask(self, count: int) -> np.ndarray:
        """(count,) bool, which rows were reviewed."""
        found = np.zeros(count, dtype=bool)
        found[self.rows] = True
        return found


def record(
    table: pd.DataFrame,
    former: Sequence[str],
    labels: Sequence[str | None],
    suggested: Sequence[str],
    suspicion: np.ndarray,
    weights: Mapping[int, float],
) -> dict[str, list[Any]]:
    """The reviewed rows as plain data for the provenance.

    Args:
        table: (m lines) `index` and `decision`.
        former: (m,) class names before the review.
        labels: (m,) class names after it; None of rows that were removed.
        suggested: (m,) suggested class names.
        suspicion: (m,) of the former labels.
        weights: of rows that were drawn for a certified review, by index.
    """
    index = table["index"].tolist()
    return {
        "index": index,
        "decision": table["decision"].tolist(),
        "former": list(former),
        "label": list(labels),
        "suggested": list(suggested),
        "suspicion": suspicion.tolist(),
        "weight": [float(weights.get(one, 1.0)) for one in index],
    }


def reviewed_before(data: Dataset) -> Reviewed | None:
    """The rows whose labels a person has decided, by the provenance; None where there are none.

    A row whose label has changed since then does not count. Of several reviews of a row the last one counts.
    """
    steps = [step for step in data.provenance if step.get("step") == "decide" and "reviewed_rows" in step]
    place = {index: at for at, index in enumerate(data.index.tolist())} if steps else {}
    found: dict[int, tuple[bool, float, bool, bool, float]] = {}
    remaining: np.ndarray | None = None
    for step in steps:
        lines = step["reviewed_rows"]
        columns = (lines[name] for name in ("index", "former", "label", "suggested", "suspicion", "weight"))
        for index, former, label, suggested, suspicion, weight in zip(*columns, strict=True):
            at = place.get(index)
            if at is not None and data.classes[data.given[at]] == label:
                found[at] = (label != former, suspicion, suggested != former, suggested == label, weight)
        rate = step.get("certified", {}).get("noise_rate", {"estimate": None})
        if rate["estimate"] is not None and _rows_after(step) == len(data):
            remaining = len(data) * np.array([rate["estimate"], rate["low"], rate["high"]])
        changed = sum(old != new for old, new in zip(lines["former"], lines["label"], strict=True))
        remaining = None if remaining is None else np.maximum(remaining - changed, 0.0)
    if not found:
        return None
    rows = np.array(sorted(found), dtype=np.int64)
    wrong, suspicion, suggested, accepted, weight = (
        np.array(column) for column in zip(*(found[at] for at in rows.tolist()), strict=True)
    )
    left = None if remaining is None else (float(remaining[0]), float(remaining[1]), float(remaining[2]))
    return Reviewed(rows, wrong, suspicion, suggested, accepted, weight, left)


def _rows_after(step: Mapping[str, Any]) -> int:
    """The number of rows of the data set that the review left."""
    return int(step["reviewed"] + step["not_reviewed"] - step["decisions"].get("remove", 0))
