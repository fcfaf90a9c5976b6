"""Symmetric noise: labels become wrong, all wrong classes equally likely.

    T[i, i] = 1 - rate,   T[i, j] = rate / (K - 1)

Ghosh, Kumar and Sastry, Robust Loss Functions under Label Noise for Deep Neural Networks, AAAI 2017. A label that is
redrawn never keeps its class, hence the expected noise rate is `rate`; `uniform` is the other common convention.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.noise.checks import SHARE, Checked
from noisewise.noise.corruption import CorruptionCard, relabel
from noisewise.noise.labels.transition import draw


def symmetric_matrix(rate: float, k: int) -> np.ndarray:
    """(K, K) transition of symmetric noise over k >= 2 classes."""
    matrix = np.full((k, k), rate / (k - 1))
    np.fill_diagonal(matrix, 1 - rate)
    return matrix


@dataclass(frozen=True)
class Symmetric(Checked):
    """Every label becomes another class with probability `rate`.

    Args:
        rate: in [0, 1].
        exact: change exactly round(n_k rate) rows of every class k.
    """

    rate: float
    exact: bool = False

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="symmetric",
        does="each label becomes one of the other classes, all equally likely, with probability rate",
        paper="Ghosh, Kumar and Sastry, AAAI 2017",
        example="symmetric:0.4",
    )
    bounds = {"rate": SHARE}

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with symmetric noise in its given labels."""
        return relabel(data, draw(data.given, symmetric_matrix(self.rate, len(data.classes)), rng, self.exact))
