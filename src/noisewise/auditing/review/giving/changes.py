"""What decisions change in a source, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.data.reviews.kept import reviews


@dataclass(frozen=True)
class Changes:
    """The difference between a data set as it was given and as it was decided.

    Attributes:
        given: the class names before, by index; of all rows.
        label: the class names after, by index, of the rows whose label changes.
        removed: the index of rows that leave the data.
        reviewed: the data after the review, whose provenance says what was reviewed.
    """

    given: Mapping[int, str]
    label: Mapping[int, str]
    removed: frozenset[int]
    reviewed: Dataset

    def __repr__(self) -> str:
        return f"Changes({len(self.label)} labels, {len(self.removed)} rows removed)"

    def reviews(self) -> list[dict[str, Any]]:
        """What was reviewed, with rows called by their number in the table without the removed ones."""
        gone = np.array(sorted(self.removed), dtype=np.int64)

        def place(row: int) -> int | None:
            return None if row in self.removed else row - int(np.searchsorted(gone, row))

        return reviews(self.reviewed, place)


def changes(before: Dataset, decided: Dataset) -> Changes:
    """What was decided about the rows of `before`."""
    given = _labels(before)
    after = _labels(decided)
    label = {index: name for index, name in after.items() if given[index] != name}
    return Changes(given, label, frozenset(given.keys() - after.keys()), decided)


def _labels(data: Dataset) -> dict[int, str]:
    return dict(zip(data.index.tolist(), (data.classes[label] for label in data.given.tolist()), strict=True))
