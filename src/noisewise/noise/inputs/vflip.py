"""Vertical flip: images upside down.

Achille, Rovere and Soatto, Critical Learning Periods in Deep Networks, ICLR 2019: a deficit that keeps all low-level
statistics of the images and changes high-level ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.noise.corruption import CorruptionCard
from noisewise.noise.inputs.rewriting import check_images, rewrite


@dataclass(frozen=True)
class VFlip:
    """Every image is turned upside down: its first row of pixels becomes the last."""

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="vflip",
        does="images are flipped vertically",
        paper="Achille, Rovere and Soatto, ICLR 2019",
        example="vflip",
        changes="inputs",
    )

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with flipped images.

        Raises:
            BadInput: the inputs are not images.
        """
        check_images("vflip", data)
        return rewrite(data, lambda block: block[:, ::-1])
