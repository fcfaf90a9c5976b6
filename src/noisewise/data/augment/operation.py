"""What every step of an augmentation is: a function of a batch of normalised inputs and a generator."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor

from noisewise.bounds import Bounded
from noisewise.errors import BadInput

# The values of black and of white in normalised images, (C, 1, 1) each.
Box: TypeAlias = tuple[Tensor, Tensor]


class Operation(Bounded):
    """One step of an augmentation.

    Attributes:
        images: whether it is for images alone.
    """

    images = True

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise `BadInput` if images of this shape, (H, W, C), are too small."""

    def __call__(self, x: Tensor, generator: torch.Generator, box: Box | None = None) -> Tensor:
        """Augment a batch.

        Args:
            x: (B, ...) inputs, normalised to mean 0 and variance 1.
            generator: source of all randomness, on any device.
            box: the values of black and white, (C, 1, 1) each; needed by what changes colours or shows black.

        Returns:
            The same shape as `x`, which is not changed.
        """
        raise NotImplementedError


def limits(box: Box | None) -> Box:
    """The box, for an operation that needs one.

    Raises:
        BadInput: there is none.
    """
    if box is None:
        raise BadInput("this augmentation needs the values of black and white: box=(black, white), (C, 1, 1) each")
    return box
