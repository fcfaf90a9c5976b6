"""Random labels, independent of the inputs: a network can only memorise them.

Zhang, Bengio, Hardt, Recht and Vinyals, Understanding Deep Learning Requires Rethinking Generalization, ICLR 2017. One
label in K is right by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.noise.corruption import CorruptionCard, relabel


@dataclass(frozen=True)
class Random:
    """Every label is drawn anew, all classes equally likely."""

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="random",
        does="every label is drawn anew, all classes equally likely",
        paper="Zhang, Bengio, Hardt, Recht and Vinyals, ICLR 2017",
        example="random",
    )

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with labels that are independent of its rows."""
        return relabel(data, rng.integers(len(data.classes), size=len(data)))
