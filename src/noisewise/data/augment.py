"""Augmentation of whole batches on their device; all random numbers come from the given generator."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput


def translate(x: Tensor, generator: torch.Generator, pixels: int) -> Tensor:
    """Translate every image by up to `pixels` in both directions, with reflection at the borders.

    The offsets (B, 2) are drawn uniformly from -pixels..pixels, rows first. With N the size of an axis and o the
    offset, output pixel i is input pixel r(i + o), r(j) = N - 1 - |N - 1 - |j||.

    Args:
        x: (B, C, H, W) images.
        generator: source of randomness, on any device.
        pixels: largest translation, less than H and W.

    Raises:
        BadInput: `pixels` is negative, or not less than H and W.
    """
    batch, channels, height, width = x.shape
    if not 0 <= pixels < min(height, width):
        raise BadInput(f"pixels={pixels} must be from 0 to below the image size {height} x {width}")
    offsets = torch.randint(-pixels, pixels + 1, (batch, 2), generator=generator, device=generator.device).to(x.device)
    rows = _reflect(offsets[:, :1], height)[:, :, None]
    columns = _reflect(offsets[:, 1:], width)[:, None, :]
    images = torch.arange(batch, device=x.device)[:, None, None]
    places = ((images * height + rows) * width + columns).reshape(-1)
    moved = x.permute(0, 2, 3, 1).reshape(-1, channels).index_select(0, places)
    return moved.reshape(batch, height, width, channels).permute(0, 3, 1, 2)


def flip(x: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror every image of (B, C, H, W) left to right with probability 1/2."""
    chosen = torch.rand(len(x), generator=generator, device=generator.device).to(x.device) < 0.5
    return torch.where(chosen[:, None, None, None], x.flip(3), x)


def cutout(x: Tensor, generator: torch.Generator, size: int) -> Tensor:
    """Set a square of every image to 0, which is the mean of normalised images.

    The square starts `size // 2` above and to the left of a centre that is drawn uniformly from all pixels, rows first;
    it is clipped at the border. DeVries and Taylor, Improved Regularization of Convolutional Neural Networks with
    Cutout, 2017, section 3.2.

    Args:
        x: (B, C, H, W) normalised images.
        generator: source of randomness, on any device.
        size: edge of the square in pixels, at least 0.

    Raises:
        BadInput: `size` is negative.
    """
    if size < 0:
        raise BadInput(f"size={size} of the square to cut out must be at least 0")
    batch, _, height, width = x.shape
    rows, columns = (_cover(batch, edge, size, generator).to(x.device) for edge in (height, width))
    return torch.where((rows[:, :, None] & columns[:, None, :])[:, None], 0.0, x)


@dataclass(frozen=True)
class Augment:
    """Translation, flip and cutout of (B, C, H, W) images, in this order; each is optional.

    Attributes:
        pixels: largest translation; see `translate`.
        flip: whether to mirror half of the images.
        cutout: edge of the square; see `cutout`.
    """

    pixels: int = 0
    flip: bool = False
    cutout: int = 0

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """(B, C, H, W) augmented images."""
        if self.pixels:
            x = translate(x, generator, self.pixels)
        if self.flip:
            x = flip(x, generator)
        return cutout(x, generator, self.cutout) if self.cutout else x


def default_augment(data: Dataset) -> Augment | None:
    """Translation by up to 4 pixels and flips for 32 x 32 colour images, as usual for CIFAR; None for other data."""
    return Augment(pixels=4, flip=True) if data.kind == "image" and data.shape == (32, 32, 3) else None


def _reflect(offsets: Tensor, size: int) -> Tensor:
    moved = torch.arange(size, device=offsets.device) + offsets
    return size - 1 - (size - 1 - moved.abs()).abs()


def _cover(batch: int, edge: int, size: int, generator: torch.Generator) -> Tensor:
    centres = torch.randint(0, edge, (batch, 1), generator=generator, device=generator.device)
    places = torch.arange(edge, device=generator.device) - centres + size // 2
    return (places >= 0) & (places < size)
