"""White noise in place of images: every value is uniform between black and white, independent of all others.

Achille, Rovere and Soatto, Critical Learning Periods in Deep Networks, ICLR 2019, train on noise as complete sensory
deprivation. Like every corruption, it is drawn once: an image is the same noise in every epoch. The paper does not name
the distribution; a published replication uses the uniform one. `gaussian` keeps the mean and variance of the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.noise.corruption import CorruptionCard
from noisewise.noise.inputs.rewriting import check_images, rewrite


@dataclass(frozen=True)
class Noise:
    """Every image is replaced by uniform noise."""

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="noise",
        does="images are replaced by white noise, uniform from black to white",
        paper="Achille, Rovere and Soatto, ICLR 2019",
        example="noise",
        changes="inputs",
    )

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with noise in place of its images.

        Raises:
            BadInput: the inputs are not images.
        """
        check_images("noise", data)
        return rewrite(data, lambda block: uniform_noise(block.shape, data.inputs.dtype, rng))


def uniform_noise(shape: tuple[int, ...], dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    """Uniform random numbers of a shape: 0..255 as bytes, or in [0, 1) as floats."""
    return rng.integers(256, size=shape, dtype=np.uint8) if dtype == np.uint8 else rng.random(shape).astype(dtype)
