"""RandAugment and AutoAugment: random sequences of operations on images, batched.

Cubuk, Zoph, Mane, Vasudevan and Le, AutoAugment: Learning Augmentation Strategies from Data, CVPR 2019 (arXiv
1805.09501), its table of operations and the policies of its appendix; Cubuk, Zoph, Shlens and Le, RandAugment:
Practical Automated Data Augmentation with a Reduced Search Space, NeurIPS 2020 (arXiv 1909.13719).

Images that drew the same operation go through it together. Magnitudes run from 0 to 10 and are linear in the parameter
of the operation, as in the papers: shears to .3, rotations to 30 degrees, translations to 10 / 32 of the side (10
pixels in the authors' program for CIFAR), the threshold of solarize from 256 to 0, the bits of posterize from 8 to 4.
The signs of movements are random. Colour, contrast, brightness and sharpness have a factor from .1 to 1.9 in
AutoAugment. In RandAugment it is 1 + .09 m with a random sign: by the papers' formula the published magnitude 5 would
change nothing. Pixels are taken from the nearest place; what comes from outside the image has the mean colour.

Images are bytes between operations, as in Pillow: a quarter of the memory of float32, in which copies cost most.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from noisewise.bounds import between, one_of, whole
from noisewise.data.augment import colour
from noisewise.data.augment.learned import POLICIES
from noisewise.data.augment.operation import Box, Operation, limits
from noisewise.data.augment.place import pixels_at
from noisewise.devices import sent

LARGEST = 10.0
_SHEAR, _DEGREES, _MOVE = 0.3, 30.0, 10 / 32
_WHITE = 255


def affine(x: Tensor, matrix: Tensor, outside: Tensor) -> Tensor:
    """Move pixels: output pixel (column c, row r) is the nearest to (a c + b r + t, d c + e r + f) of the input.

    Args:
        x: (B, C, H, W) images.
        matrix: (B, 2, 3) with rows (a, b, t) and (d, e, f), for the centres of pixels, which lie at half numbers.
        outside: (C, 1, 1) what is beyond the border.
    """
    height, width = x.shape[2:]
    across = torch.arange(width, device=x.device) + 0.5
    down = (torch.arange(height, device=x.device) + 0.5)[:, None]
    (a, b, t), (d, e, f) = (row.T[:, :, None, None] for row in matrix.to(x.device, torch.float32).unbind(dim=1))
    # Exact hits of a border between pixels would otherwise be decided by rounding.
    columns, rows = ((place + 1e-4).floor().long() for place in (a * across + b * down + t, d * across + e * down + f))
    return pixels_at(x, rows, columns, outside)


def shear(x: Tensor, amount: Tensor, outside: Tensor, *, down: bool = False) -> Tensor:
    """Shear from the upper left corner: pixels move along the rows, or `down` the columns.

    Args:
        x: (B, C, H, W) images.
        amount: (B,) pixels of movement per pixel.
        outside: (C, 1, 1) what is beyond the border.
        down: the direction.
    """
    matrix = _still(amount)
    matrix[:, int(down), int(not down)] = amount
    return affine(x, matrix, outside)


def move(x: Tensor, amount: Tensor, outside: Tensor, *, down: bool = False) -> Tensor:
    """Translate by whole pixels.

    Args:
        x: (B, C, H, W) images.
        amount: (B,) share of the side, rounded towards zero to pixels.
        outside: (C, 1, 1) what is beyond the border.
        down: the direction.
    """
    matrix = _still(amount)
    matrix[:, int(down), 2] = (amount * x.shape[2 if down else 3]).trunc()
    return affine(x, matrix, outside)


def rotate(x: Tensor, degrees: Tensor, outside: Tensor) -> Tensor:
    """Rotate about the middle, counter-clockwise.

    Args:
        x: (B, C, H, W) images.
        degrees: (B,).
        outside: (C, 1, 1) what is beyond the border.
    """
    middle_down, middle_across = x.shape[2] / 2, x.shape[3] / 2
    cos, sin = torch.cos(-degrees * math.pi / 180), torch.sin(-degrees * math.pi / 180)
    matrix = torch.stack(
        [
            torch.stack([cos, sin, middle_across - cos * middle_across - sin * middle_down], dim=-1),
            torch.stack([-sin, cos, middle_down + sin * middle_across - cos * middle_down], dim=-1),
        ],
        dim=1,
    )
    return affine(x, matrix, outside)


# Each takes images (b, C, H, W), magnitudes / 10 (b,), signs (b,) and the mean colour. Images are bytes for the
# operations on places, and in [0, 1] for those on colours.
_PLACES: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]] = {
    "identity": lambda x, m, sign, mean: x,
    "rotate": lambda x, m, sign, mean: rotate(x, sign * m * _DEGREES, mean),
    "shear-x": lambda x, m, sign, mean: shear(x, sign * m * _SHEAR, mean),
    "shear-y": lambda x, m, sign, mean: shear(x, sign * m * _SHEAR, mean, down=True),
    "translate-x": lambda x, m, sign, mean: move(x, sign * m * _MOVE, mean),
    "translate-y": lambda x, m, sign, mean: move(x, sign * m * _MOVE, mean, down=True),
}
_COLOURS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "auto-contrast": lambda x, m: colour.auto_contrast(x),
    "equalize": lambda x, m: colour.equalize(x),
    "solarize": lambda x, m: colour.solarize(x, 256 * (1 - m)),
    "posterize": lambda x, m: colour.posterize(x, 8 - (4 * m).round()),
    "colour": lambda x, m: colour.colour(x, 0.1 + 1.8 * m),
    "contrast": lambda x, m: colour.contrast(x, 0.1 + 1.8 * m),
    "brightness": lambda x, m: colour.brightness(x, 0.1 + 1.8 * m),
    "sharpness": lambda x, m: colour.sharpness(x, 0.1 + 1.8 * m),
    "invert": lambda x, m: colour.invert(x),
}
_NAMES = (*_PLACES, *_COLOURS)
_RANDOM = len(_NAMES) - 1  # RandAugment has all but invert
_SIGNED_FACTORS = torch.tensor([name in ("colour", "contrast", "brightness", "sharpness") for name in _NAMES])


class RandAugment(Operation):
    """`operations` of 14 operations, drawn for every image; see the module.

    Args:
        operations: N, how many are applied one after the other.
        magnitude: M, from 0 to 10; None draws it uniformly for every operation and image, as FixMatch and the
            authors' program of ProMix do.
    """

    bounds = {"operations": whole(1, 100), "magnitude": between(0, LARGEST) | None}

    def __init__(self, operations: int = 2, magnitude: float | None = None) -> None:
        self.count, self.magnitude = operations, magnitude

    def __call__(self, x: Tensor, generator: torch.Generator, box: Box | None = None) -> Tensor:
        where = generator.device
        images, mean = _as_bytes(x, limits(box))
        for _ in range(self.count):
            chosen = torch.randint(0, _RANDOM, (len(x),), generator=generator, device=where)
            sign = _signs(len(x), generator)
            m = torch.rand(len(x), generator=generator, device=where)
            if self.magnitude is not None:
                m = torch.full_like(m, self.magnitude / LARGEST)
            m = torch.where(_SIGNED_FACTORS.to(where)[chosen], 0.5 + sign * m / 2, m)
            images = _applied(images, chosen, m, sign, mean)
        return _normalised(images, limits(box), like=x)


class AutoAugment(Operation):
    """One of 25 pairs of operations, drawn for every image; both have a probability and a magnitude.

    Args:
        policy: "cifar10", "imagenet" or "svhn": the data set that the pairs were found on.
    """

    bounds = {"policy": one_of(*POLICIES)}

    def __init__(self, policy: str = "cifar10") -> None:
        pairs = POLICIES[policy]
        self.chosen = torch.tensor([[_NAMES.index(name) for name, _, _ in pair] for pair in pairs])
        self.chance = torch.tensor([[chance for _, chance, _ in pair] for pair in pairs])
        self.magnitude = torch.tensor([[level / LARGEST for _, _, level in pair] for pair in pairs])

    def __call__(self, x: Tensor, generator: torch.Generator, box: Box | None = None) -> Tensor:
        where = generator.device
        images, mean = _as_bytes(x, limits(box))
        drawn = torch.randint(0, len(self.chosen), (len(x),), generator=generator, device=where).cpu()
        for number in range(self.chosen.shape[1]):
            happens = torch.rand(len(x), generator=generator, device=where).cpu() < self.chance[drawn, number]
            chosen = torch.where(happens, self.chosen[drawn, number], _NAMES.index("identity"))
            sign = _signs(len(x), generator).cpu()
            images = _applied(images, chosen, self.magnitude[drawn, number], sign, mean)
        return _normalised(images, limits(box), like=x)


def _applied(images: Tensor, chosen: Tensor, m: Tensor, sign: Tensor, mean: Tensor) -> Tensor:
    """Apply to every image (B, C, H, W), in bytes, the operation it drew, all images of an operation at once."""
    order = chosen.argsort(stable=True)
    counts = chosen.bincount(minlength=len(_NAMES)).tolist()
    m, sign = (sent(values[order].to(torch.float32), images.device) for values in (m, sign))
    order = sent(order, images.device)
    found, begin = torch.empty_like(images), 0
    for name, count in zip(_NAMES, counts, strict=True):
        here = slice(begin, begin + count)
        begin += count
        if not count:
            continue
        part = images[order[here]]
        if name in _PLACES:
            part = _PLACES[name](part, m[here], sign[here], mean)
        else:
            part = _COLOURS[name](part.to(torch.float32) / _WHITE, m[here])
            part = (part * _WHITE).round().to(torch.uint8)
        found[order[here]] = part
    return found


def _as_bytes(x: Tensor, box: Box) -> tuple[Tensor, Tensor]:
    """The images and the mean colour, (C, 1, 1), as bytes."""
    black, white = box
    scale = _WHITE / (white - black)
    images = (x * scale).add_(-black * scale).round_().clamp_(0, _WHITE).to(torch.uint8)
    return images.contiguous(), (-black * scale).round().clamp(0, _WHITE).to(torch.uint8)


def _normalised(images: Tensor, box: Box, like: Tensor) -> Tensor:
    black, white = box
    last = like.is_contiguous(memory_format=torch.channels_last)
    x = images.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format).to(like.dtype)
    return x.mul_((white - black) / _WHITE).add_(black)


def _signs(count: int, generator: torch.Generator) -> Tensor:
    return 2.0 * torch.randint(0, 2, (count,), generator=generator, device=generator.device) - 1


def _still(amount: Tensor) -> Tensor:
    """(B, 2, 3) of the identity."""
    return torch.eye(2, 3, dtype=amount.dtype, device=amount.device).repeat(len(amount), 1, 1)
