"""Labels that slipped by one row, as in a spreadsheet in which a cell of one column was deleted.

given[i] = label[i - 1]   for i in one block of consecutive rows
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from noisewise import Dataset
from noisewise.noise import CorruptionCard, relabel
from noisewise.noise.checks import SHARE, Checked


@dataclass(frozen=True)
class Slipped(Checked):
    """In one block of rows, every label is that of the row before.

    Args:
        share: of the rows that lie in the block, in [0, 1].
    """

    share: float

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="slipped",
        does="in one block of consecutive rows, every label is that of the row before",
        paper="-",
        example="slipped:0.2",
    )
    bounds = {"share": SHARE}

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with the labels of one block slipped."""
        size = round(self.share * len(data))
        begin = int(rng.integers(0, len(data) - size + 1))
        given = data.given.copy()
        given[begin : begin + size] = np.roll(data.given[begin : begin + size], 1)
        return relabel(data, given)
