"""Random pixels: the pixels of every image are permuted at random, independently of other images.

Zhang, Bengio, Hardt, Recht and Vinyals, Understanding Deep Learning Requires Rethinking Generalization, ICLR 2017,
section 2.1. An image keeps its colours and loses its shapes. The paper does not say whether the channels of a pixel
stay together; here they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.noise.corruption import CorruptionCard
from noisewise.noise.inputs.rewriting import check_not_text, rewrite


@dataclass(frozen=True)
class RandomPixels:
    """The pixels of an image, or the numbers of a vector, are shuffled independently in every row."""

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="random-pixels",
        does="the pixels of an image, or the numbers of a vector, are shuffled, independently in every row",
        paper="Zhang, Bengio, Hardt, Recht and Vinyals, ICLR 2017",
        example="random-pixels",
        changes="inputs",
    )

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with a random permutation of the positions in every row.

        Raises:
            BadInput: the inputs are texts.
        """
        check_not_text("random-pixels", data)
        return rewrite(data, lambda block: _shuffle(block, rng))


def _shuffle(block: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    pixels = block.reshape(len(block), -1, block.shape[-1] if block.ndim == 4 else 1)
    places = np.tile(np.arange(pixels.shape[1]), (len(pixels), 1))
    order = rng.permuted(places, axis=1)
    return np.take_along_axis(pixels, order[:, :, None], axis=1).reshape(block.shape)
