"""What decisions change in a source, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from noisewise.data.dataset import Dataset


@dataclass(frozen=True)
class Changes:
    """The difference between a data set as it was given and as it was decided.

    Attributes:
        given: the class names before, by index; of all rows.
        label: the class names after, by index, of the rows whose label changes.
        removed: the index of rows that leave the data.
    """

    given: Mapping[int, str]
    label: Mapping[int, str]
    removed: frozenset[int]

    def __repr__(self) -> str:
        return f"Changes({len(self.label)} labels, {len(self.removed)} rows removed)"


def changes(before: Dataset, decided: Dataset) -> Changes:
    """What was decided about the rows of `before`."""
    given = _labels(before)
    after = _labels(decided)
    label = {index: name for index, name in after.items() if given[index] != name}
    return Changes(given, label, frozenset(given.keys() - after.keys()))


def _labels(data: Dataset) -> dict[int, str]:
    return dict(zip(data.index.tolist(), (data.classes[label] for label in data.given.tolist()), strict=True))
