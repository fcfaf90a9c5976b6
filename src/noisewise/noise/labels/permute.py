"""Permuted labels: the labels are shuffled among the rows.

Ojala and Garriga, Permutation Tests for Studying Classifier Performance, JMLR 2010. Like `random`, but every class
keeps its number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.noise.corruption import CorruptionCard, relabel


@dataclass(frozen=True)
class Permute:
    """The labels are shuffled among the rows."""

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="permute",
        does="the labels are shuffled among the rows; every class keeps its number of rows",
        paper="Ojala and Garriga, JMLR 2010",
        example="permute",
    )

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with a random permutation of its list of labels."""
        return relabel(data, rng.permutation(data.given))
