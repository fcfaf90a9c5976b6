"""Checks of the arguments of models."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from noisewise.errors import BadInput


def image(model: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The height, width and channels of an image shape.

    Raises:
        BadInput: the inputs are vectors.
    """
    if len(shape) != 3:
        raise BadInput(f"{model} needs images of shape (H, W, C), not inputs of shape {shape}; vectors take 'mlp'")
    height, width, channels = shape
    return height, width, channels


def dropout(model: str, value: Any) -> float:
    """The share of units to drop.

    Raises:
        BadInput: not a number in [0, 1).
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise BadInput(f"{model}: dropout={value!r} must be a number from 0 to below 1")
    return float(value)


def positive(model: str, name: str, value: Any) -> int:
    """A whole number from 1.

    Raises:
        BadInput: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise BadInput(f"{model}: {name}={value!r} must be a whole number from 1")
    return int(value)


def switch(model: str, name: str, value: Any) -> bool:
    """`true` or `false`.

    Raises:
        BadInput: anything else.
    """
    if not isinstance(value, bool):
        raise BadInput(f"{model}: {name}={value!r} must be true or false")
    return value
