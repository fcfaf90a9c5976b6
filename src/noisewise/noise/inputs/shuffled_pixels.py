"""Shuffled pixels: one new order of the pixels, the same for all images.

Zhang, Bengio, Hardt, Recht and Vinyals, Understanding Deep Learning Requires Rethinking Generalization, ICLR 2017,
section 2.1. The permutation is the same in training and test, so all splits are changed. The paper leaves open whether
the channels of a pixel stay together; here they do. To a network without notion of neighbourhood nothing has changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.noise.corruption import SPLITS, CorruptionCard
from noisewise.noise.inputs.rewriting import no_text, rewrite


@dataclass(frozen=True)
class ShuffledPixels:
    """The pixels of all images, or the numbers of all vectors, are put into one random order, in all splits."""

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="shuffled-pixels",
        does="the pixels of all images, or the numbers of all vectors, in one random order, the same in all splits",
        paper="Zhang, Bengio, Hardt, Recht and Vinyals, ICLR 2017",
        example="shuffled-pixels",
        changes="inputs",
    )

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """The data set with one random permutation of the places in every row of every split.

        Raises:
            BadInput: texts, or splits whose inputs have another shape.
        """
        no_text("shuffled-pixels", data)
        order = rng.permutation(int(np.prod(data.shape[:2])))
        parts: dict[str, Any] = {split: part for split in SPLITS if (part := getattr(data, split)) is not None}
        for split, part in parts.items():
            if part.shape != data.shape:
                raise BadInput(
                    f"'shuffled-pixels' needs splits of one shape, but {data.name!r} has {data.shape} in training and "
                    f"{part.shape} in {split}"
                )
            parts[split] = _ordered(part, order)
        return replace(_ordered(data, order), **parts)


def _ordered(data: Dataset, order: np.ndarray) -> Dataset:
    def change(block: np.ndarray) -> np.ndarray:
        return block.reshape(len(block), len(order), -1)[:, order].reshape(block.shape)

    return rewrite(data, change)
