"""Gaussian inputs: every number drawn from a normal distribution with the data set's own mean and variance.

    x_ic ~ N(m_c, s_c^2),   m_c and s_c^2 over all rows and all places of channel (or feature) c

Zhang, Bengio, Hardt, Recht and Vinyals, Understanding Deep Learning Requires Rethinking Generalization, ICLR 2017,
section 2.1. The labels do not change, and the new inputs are independent of them.

Departures. The paper does not say whether the moments are those of each channel; here they are. Pixels stay bytes:
values are rounded and clipped to 0..255, which changes the moments of images that are mostly black or white.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.noise.corruption import CorruptionCard
from noisewise.noise.inputs.rewriting import check_not_text, moments, rewrite, to_dtype


@dataclass(frozen=True)
class Gaussian:
    """Every input is redrawn from a normal distribution with the mean and variance of its channel or feature."""

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="gaussian",
        does="every pixel or feature is drawn from a Gaussian with the data set's mean and variance of its channel",
        paper="Zhang, Bengio, Hardt, Recht and Vinyals, ICLR 2017",
        example="gaussian",
        changes="inputs",
    )

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with inputs that are independent of its labels.

        Raises:
            BadInput: the inputs are texts or not finite.
        """
        check_not_text("gaussian", data)
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
    """Normal random numbers of shape (..., C) and type `dtype`.

    Args:
        shape: of the result, (..., C).
        mean: (C,) means.
        std: (C,) standard deviations.
        dtype: type of the result; bytes are rounded and clipped.
        rng: source of randomness.
    """
    return to_dtype(mean + std * rng.standard_normal(shape), dtype)
