"""Checks of the arguments of models."""

from __future__ import annotations

from noisewise.bounds import below
from noisewise.errors import BadInput

DROPOUT = below(1)


def image(model: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The height, width and channels of an image shape.

    Raises:
        BadInput: the inputs are vectors.
    """
    if len(shape) != 3:
        raise BadInput(f"{model} needs images of shape (H, W, C), not inputs of shape {shape}; vectors take 'mlp'")
    height, width, channels = shape
    return height, width, channels
