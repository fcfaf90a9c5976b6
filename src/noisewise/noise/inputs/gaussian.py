"""Gaussian inputs: every number drawn from a normal distribution with the data set's own mean and variance.

    x_ic ~ N(m_c, s_c^2),   m_c and s_c^2 over all rows and all places of channel (or feature) c

Zhang, Bengio, Hardt, Recht and Vinyals, Understanding Deep Learning Requires Rethinking Generalization, ICLR 2017,
section 2.1. The labels stay, and nothing of the inputs is left that could be related to them.

Departures. The paper leaves open whether the moments are those of each channel; here they are. Pixels stay bytes, so
what is drawn is rounded and clipped to 0..255, which moves the moments of images that are mostly black or white.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.noise.corruption import CorruptionCard
from noisewise.noise.inputs.rewriting import fitted, moments, no_text, rewrite


@dataclass(frozen=True)
class Gaussian:
    """Every input is drawn anew from a normal distribution with the mean and variance of its channel or feature."""

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="gaussian",
        does="every pixel or feature is drawn from a Gaussian with the data set's mean and variance of its channel",
        paper="Zhang, Bengio, Hardt, Recht and Vinyals, ICLR 2017",
        example="gaussian",
        changes="inputs",
    )

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """The data set with inputs that are independent of its labels.

        Raises:
            BadInput: texts, or inputs that are not finite.
        """
        no_text("gaussian", data)
        mean, std = finite_moments("gaussian", data)
        return rewrite(data, lambda block: gaussian_like(block.shape, mean, std, data.inputs.dtype, rng))


def finite_moments(corruption: str, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the standard deviation (C,) of every channel or feature.

    Raises:
        BadInput: an input is not finite.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        mean, std = moments(data.inputs)
    if not np.isfinite(std).all():
        raise BadInput(f"{corruption!r} needs finite inputs, but {data.name!r} has values that are not")
    return mean, std


def gaussian_like(
    shape: tuple[int, ...], mean: np.ndarray, std: np.ndarray, dtype: np.dtype, rng: np.random.Generator
) -> np.ndarray:
    """Normal numbers of a (..., C) shape with means and standard deviations (C,), as the type `dtype`."""
    return fitted(mean + std * rng.standard_normal(shape), dtype)
