"""Checks of the arguments of models."""

from __future__ import annotations

from noisewise.bounds import Bound, between
from noisewise.errors import BadInput

DROPOUT = Bound("be a number from 0 to below 1", lambda value: between(0, 1).allows(value) and value < 1)


def image(model: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The height, width and channels of an image shape.

    Raises:
        BadInput: the inputs are vectors.
    """
    if len(shape) != 3:
        raise BadInput(f"{model} needs images of shape (H, W, C), not inputs of shape {shape}; vectors take 'mlp'")
    height, width, channels = shape
    return height, width, channels
