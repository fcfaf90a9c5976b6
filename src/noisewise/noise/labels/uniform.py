"""Uniform noise: labels are redrawn over all classes, including their own.

    T = (1 - p) I + (p / K) 1 1^T

Hendrycks, Mazeika, Wilson and Gimpel, Using Trusted Data to Train Deep Networks on Labels Corrupted by Severe Noise,
NeurIPS 2018. A redrawn label is right by chance with probability 1 / K; the expected noise rate is p (K - 1) / K.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.noise.checks import SHARE, Checked
from noisewise.noise.corruption import CorruptionCard, relabel
from noisewise.noise.labels.transition import draw


def uniform_matrix(p: float, k: int) -> np.ndarray:
    """(K, K) transition of uniform noise over k classes."""
    return (1 - p) * np.eye(k) + p / k


@dataclass(frozen=True)
class Uniform(Checked):
    """Every label is redrawn over all classes with probability `p`.

    Args:
        p: in [0, 1].
        exact: change exactly round(n_k p (K - 1) / K) rows of every class k.
    """

    p: float
    exact: bool = False

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="uniform",
        does="each label is redrawn over all classes, its own included, with probability p",
        paper="Hendrycks, Mazeika, Wilson and Gimpel, NeurIPS 2018",
        example="uniform:0.4",
    )
    bounds = {"p": SHARE}

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with uniform noise in its given labels."""
        return relabel(data, draw(data.given, uniform_matrix(self.p, len(data.classes)), rng, self.exact))
