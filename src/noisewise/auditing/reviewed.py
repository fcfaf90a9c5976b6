"""Rows that a person has reviewed: what `decide` records in the provenance, and what later audits read there."""

from __future__ import annotations

from collections.abc import Mapping
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
        former: (m,) int64, their labels before the review; the given labels of the data set are those after it.
        weight: (m,) the number of rows for which each stands: the inverse probability of having been drawn for a
            certified review, and 1 for rows that were not drawn.
        remaining: how many labels of the data set are wrong by the certified review, with its 90 % interval; None
            without one.
    """

    rows: np.ndarray
    former: np.ndarray
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
    table: pd.DataFrame, former: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], weights: Mapping[int, float]
) -> dict[str, list[Any]]:
    """The reviewed rows as plain data for the provenance.

    Args:
        table: (m lines) `index` and `decision`.
        former: (m,) int64, the labels before the review.
        labels: (m,) int64, the labels after it.
        classes: their names.
        weights: of rows that were drawn for a certified review, by index.
    """
    index = table["index"].tolist()
    return {
        "index": index,
        "former": [classes[label] for label in former],
        "decision": table["decision"].tolist(),
        "label": [classes[label] for label in labels],
        "weight": [float(weights.get(one, 1.0)) for one in index],
    }


def reviewed_before(data: Dataset) -> Reviewed | None:
    """The rows whose labels a person has decided, by the provenance; None where there are none.

    A row whose label has changed since then does not count. Of several reviews of a row the last one counts.
    """
    steps = [step for step in data.provenance if step.get("step") == "decide" and "reviewed_rows" in step]
    place = {index: at for at, index in enumerate(data.index.tolist())} if steps else {}
    number = {name: at for at, name in enumerate(data.classes)}
    found: dict[int, tuple[int, float]] = {}
    remaining: np.ndarray | None = None
    for step in steps:
        lines = step["reviewed_rows"]
        columns = (lines[name] for name in ("index", "former", "label", "weight"))
        for index, former, label, weight in zip(*columns, strict=True):
            at = place.get(index)
            if at is None or former not in number or data.classes[data.given[at]] != label:
                continue
            found[at] = (number[former], weight)
        if step["reviewed"] + step["not_reviewed"] == len(data):
            rate = step.get("certified", {}).get("noise_rate", {"estimate": None})
            if rate["estimate"] is not None:
                remaining = len(data) * np.array([rate["estimate"], rate["low"], rate["high"]])
        changed = sum(old != new for old, new in zip(lines["former"], lines["label"], strict=True))
        remaining = None if remaining is None else np.maximum(remaining - changed, 0.0)
    if not found:
        return None
    rows = np.array(sorted(found), dtype=np.int64)
    former, weight = zip(*(found[at] for at in rows.tolist()), strict=True)
    left = None if remaining is None else (float(remaining[0]), float(remaining[1]), float(remaining[2]))
    return Reviewed(rows, np.array(former, dtype=np.int64), np.array(weight, dtype=float), left)
