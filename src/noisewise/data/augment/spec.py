"""Augmentation as text: `crop:4+flip+randaugment:3,5+cutout:16`, its steps in the order in which they are applied."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from noisewise.catalogue import Catalogue
from noisewise.data.augment.operation import Box, Operation
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput, shown
from noisewise.spec import parse

AUTO, NONE = "auto", "none"

_HERE = "noisewise.data.augment"
OPERATIONS = Catalogue(
    "augmentation",
    {
        "crop": f"{_HERE}.place:Crop",
        "flip": f"{_HERE}.place:Flip",
        "cutout": f"{_HERE}.place:Cutout",
        "jitter": f"{_HERE}.place:Jitter",
        "randaugment": f"{_HERE}.policies:RandAugment",
        "autoaugment": f"{_HERE}.policies:AutoAugment",
    },
)
# RandAugment's values for CIFAR-10 (Cubuk et al. 2020, WRN-28-10), which are also those of ProMix.
_STRONG = "randaugment:3,5"
_COLOURS, _BORDER = 3, 8


@dataclass(frozen=True)
class Augment:
    """Random changes of a batch of inputs that leave their classes as they are.

    Attributes:
        text: steps joined by `+`: `crop:4`, `crop:4,pad=zero`, `flip`, `cutout:16`, `jitter:0.1`, `randaugment:3,5` or
            `randaugment:3`, `autoaugment:cifar10` (also imagenet, svhn).
        operations: the steps, made from the text.

    Raises:
        BadInput: the text is not such a spec.
    """

    text: str
    operations: tuple[Operation, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        made = (OPERATIONS[term.name](**term.bind(OPERATIONS[term.name])) for term in parse(self.text, OPERATIONS))
        object.__setattr__(self, "operations", tuple(made))

    def __call__(self, x: Tensor, generator: torch.Generator, box: Box | None = None) -> Tensor:
        """Augment a batch.

        Args:
            x: (B, C, H, W) images or (B, d) vectors, normalised to mean 0 and variance 1.
            generator: source of all randomness, on any device.
            box: the values of black and white, (C, 1, 1) each, as in `LearningTask.box`; not needed by `crop` with
                reflection, `flip`, `cutout` and `jitter`.

        Returns:
            The same shape as `x`.
        """
        for operation in self.operations:
            x = operation(x, generator, box)
        return x

    def check(self, data: Dataset) -> Augment:
        """Return this augmentation if it can be applied to the rows of a data set.

        Raises:
            BadInput: it has a step for images and the rows are none, or the images are too small.
        """
        for operation in self.operations:
            if not operation.images:
                continue
            if data.kind != "image":
                name = type(operation).__name__.lower()
                raise BadInput(f"augment={self.text!r}: {name} is for images, and {data.name} has rows of numbers")
            operation.check_shape(data.shape)
        return self


def check_setting(name: str, value: Any) -> str:
    """The value of a setting: "auto", "none" or a spec.

    Args:
        name: of the setting, for the message.
        value: what was given.

    Raises:
        BadInput: it is none of them.
    """
    if not isinstance(value, str):
        raise BadInput(f"{name}={shown(value)} must be auto, none or steps such as crop:4+flip")
    if value not in (AUTO, NONE):
        try:
            Augment(value)
        except BadInput as error:
            raise BadInput(f"{name}={value!r} must be auto, none or steps such as crop:4+flip: {error}") from error
    return value


def weak_augment(setting: str, data: Dataset) -> Augment | None:
    """The augmentation of every batch.

    Args:
        setting: "none"; a spec; or "auto", which crops colour images with a border of an eighth of the shorter side (4
            pixels at 32 x 32, as usual for CIFAR) and mirrors them, and leaves other data as they are: a mirrored digit
            is no digit, and for columns and words there is no change that is known to keep the class.
        data: the rows.

    Raises:
        BadInput: the spec does not fit the rows.
    """
    return _augment(setting, data, _weak(data))


def strong_augment(setting: str, weak: Augment | None, data: Dataset) -> Augment | None:
    """The augmentation of the second, stronger view that some methods train on.

    Args:
        setting: "none"; a spec; or "auto", which for colour images that are augmented at all adds RandAugment with the
            published values for CIFAR-10 to the weak augmentation, and is nothing for other data.
        weak: the augmentation of every batch.
        data: the rows.

    Raises:
        BadInput: the spec does not fit the rows.
    """
    coloured = data.kind == "image" and data.shape[-1] == _COLOURS
    return _augment(setting, data, f"{weak.text}+{_STRONG}" if weak is not None and coloured else "")


def _augment(setting: str, data: Dataset, auto: str) -> Augment | None:
    text = {AUTO: auto, NONE: ""}.get(setting, setting)
    return Augment(text).check(data) if text else None


def _weak(data: Dataset) -> str:
    if data.kind != "image" or data.shape[-1] != _COLOURS:
        return ""
    border = min(data.shape[:2]) // _BORDER
    return f"crop:{border}+flip" if border else "flip"
