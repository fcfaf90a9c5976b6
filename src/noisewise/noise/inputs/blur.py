"""Blur: images are scaled down to a few pixels and up again, which simulates a cataract.

Achille, Rovere and Soatto, Critical Learning Periods in Deep Networks, ICLR 2019: 32x32 images to 8x8 and back, both by
bilinear interpolation.

The paper does not say whether scaling down averages over all pixels that fall into a new one (antialiasing). Here it
does, as in common image libraries and in published replications; `antialias=false` interpolates between the nearest
pixels instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from noisewise.bounds import whole
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.noise.checks import Checked
from noisewise.noise.corruption import CorruptionCard
from noisewise.noise.inputs.rewriting import check_images, rewrite, to_dtype


@dataclass(frozen=True)
class Blur(Checked):
    """Every image is scaled to `size` x `size` pixels and back to its own size.

    Args:
        size: rows and columns in between, from 1 and below both sides of the images.
        antialias: average over all pixels that fall into a smaller one.
    """

    size: int
    antialias: bool = True

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="blur",
        does="images are scaled to size x size pixels and up again, both bilinearly",
        paper="Achille, Rovere and Soatto, ICLR 2019",
        example="blur:8",
        changes="inputs",
    )
    bounds = {"size": whole(1)}

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with blurred images.

        Raises:
            BadInput: the inputs are not images, or not larger than `size`.
        """
        check_images("blur", data)
        if self.size >= min(data.shape[:2]):
            height, width, _ = data.shape
            raise BadInput(
                f"blur:{self.size} must be smaller than both sides of the images, which are {height}x{width}"
            )
        return rewrite(data, lambda block: blur_images(block, self.size, self.antialias))


def blur_images(block: np.ndarray, size: int, antialias: bool = True) -> np.ndarray:
    """(b, H, W, C) images scaled to (size, size) and back, of the same type; bytes are rounded once, at the end."""
    import torch
    from torch.nn.functional import interpolate

    x = torch.from_numpy(np.ascontiguousarray(block)).permute(0, 3, 1, 2).float()
    small = interpolate(x, (size, size), mode="bilinear", antialias=antialias)
    large = interpolate(small, block.shape[1:3], mode="bilinear")
    return to_dtype(large.permute(0, 2, 3, 1).numpy(), block.dtype)
