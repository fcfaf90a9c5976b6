"""Shuffled pixels: one random permutation of the pixels, the same for all images.

Zhang, Bengio, Hardt, Recht and Vinyals, Understanding Deep Learning Requires Rethinking Generalization, ICLR 2017,
section 2.1. The permutation is the same in training and test, hence all splits are changed. The paper does not say
whether the channels of a pixel stay together; here they do. A fully connected network is not affected.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.noise.corruption import CorruptionCard
from noisewise.noise.inputs.rewriting import check_not_text, rewrite


@dataclass(frozen=True)
class ShuffledPixels:
    """The pixels of all images, or the numbers of all vectors, are put into the same random order in all splits."""

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="shuffled-pixels",
        does="the pixels of all images, or the numbers of all vectors, in one random order, the same in all splits",
        paper="Zhang, Bengio, Hardt, Recht and Vinyals, ICLR 2017",
        example="shuffled-pixels",
        changes="inputs",
    )

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with the same random permutation of the positions in every row of every split.

        Raises:
            BadInput: the inputs are texts, or differ in shape between splits.
        """
        check_not_text("shuffled-pixels", data)
        order = rng.permutation(int(np.prod(data.shape[:2])))
        parts: dict[str, Any] = data.parts
        for split, part in parts.items():
            if part.shape != data.shape:
                raise BadInput(
                    f"'shuffled-pixels' needs splits of one shape, but {data.name!r} has {data.shape} in training and "
                    f"{part.shape} in {split}"
                )
            parts[split] = _reorder(part, order)
        return replace(_reorder(data, order), **parts)


def _reorder(data: Dataset, order: np.ndarray) -> Dataset:
    def change(block: np.ndarray) -> np.ndarray:
        return block.reshape(len(block), len(order), -1)[:, order].reshape(block.shape)

    return rewrite(data, change)
