"""Pair noise: class i is confused with class i + 1, the last with the first.

    T[i, i] = 1 - rate,   T[i, (i + 1) mod K] = rate

Han et al., Co-teaching: Robust Training of Deep Neural Networks with Extremely Noisy Labels, NeurIPS 2018. At rates of
0.5 and above the wrong class is at least as likely as the right one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.noise.checks import SHARE, Checked
from noisewise.noise.corruption import CorruptionCard, relabel
from noisewise.noise.labels.transition import draw, map_matrix


def pair_matrix(rate: float, k: int) -> np.ndarray:
    """(K, K) transition of pair noise over k classes."""
    return map_matrix(rate, (np.arange(k) + 1) % k)


@dataclass(frozen=True)
class Pair(Checked):
    """Every label becomes the next class with probability `rate`.

    Args:
        rate: in [0, 1].
        exact: change exactly round(n_k rate) rows of every class k.
    """

    rate: float
    exact: bool = False

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="pair",
        does="each label becomes the next class, the last the first, with probability rate",
        paper="Han et al., NeurIPS 2018",
        example="pair:0.45",
    )
    bounds = {"rate": SHARE}

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with pair noise in its given labels."""
        return relabel(data, draw(data.given, pair_matrix(self.rate, len(data.classes)), rng, self.exact))
