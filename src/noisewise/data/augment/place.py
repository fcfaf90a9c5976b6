"""Augmentation by place: random crops, mirror images, squares that are cut out; and noise for any kind of data.

Small draws come from the given generator, and the host does not wait until they are on the device (`devices.sent`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between, one_of, whole
from noisewise.data.augment.operation import Box, Operation, limits
from noisewise.devices import generator_on, sent
from noisewise.errors import BadInput


def translate(x: Tensor, generator: torch.Generator, pixels: int, outside: Tensor | None = None) -> Tensor:
    """Translate every image by up to `pixels` in both directions.

    The offsets (B, 2) are drawn uniformly from -pixels..pixels, rows first. With N the size of an axis and o the
    offset, output pixel i is input pixel i + o; beyond the border it is that of r(i + o), r(j) = N - 1 - |N - 1 - |j||.

    Args:
        x: (B, C, H, W) images.
        generator: source of randomness, on any device.
        pixels: largest translation, less than H and W.
        outside: (C, 1, 1) what lies beyond the border; None reflects the image there.

    Raises:
        BadInput: `pixels` is negative, or not less than H and W.
    """
    height, width = x.shape[2:]
    if not 0 <= pixels < min(height, width):
        raise BadInput(f"pixels={pixels} must be from 0 to below the image size {height} x {width}")
    offsets = sent(
        torch.randint(-pixels, pixels + 1, (len(x), 2), generator=generator, device=generator.device), x.device
    )
    rows = torch.arange(height, device=x.device) + offsets[:, :1]
    columns = torch.arange(width, device=x.device) + offsets[:, 1:]
    if outside is None:
        return pixels_at(x, _reflected(rows, height)[:, :, None], _reflected(columns, width)[:, None, :])
    return pixels_at(x, rows[:, :, None], columns[:, None, :], outside)


def pixels_at(x: Tensor, rows: Tensor, columns: Tensor, outside: Tensor | None = None) -> Tensor:
    """The pixels of images at some places.

    Args:
        x: (B, C, H, W) images.
        rows: whole numbers that broadcast to (B, H, W): the row each pixel comes from.
        columns: likewise.
        outside: (C, 1, 1) the value of places that are not in the image; None where all are.
    """
    batch, channels, height, width = x.shape
    within: Tensor | None = None
    if outside is not None:
        within = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    images = torch.arange(batch, device=x.device)[:, None, None]
    places = ((images * height + rows) * width + columns).reshape(-1)
    found = x.permute(0, 2, 3, 1).reshape(-1, channels).index_select(0, places)
    found = found.reshape(batch, height, width, channels).permute(0, 3, 1, 2)
    return found if within is None or outside is None else torch.where(within[:, None], found, outside)


def flip(x: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror every image of (B, C, H, W) left to right with probability 1/2."""
    chosen = sent(torch.rand(len(x), generator=generator, device=generator.device) < 0.5, x.device)
    return torch.where(chosen[:, None, None, None], x.flip(3), x)


def cutout(x: Tensor, generator: torch.Generator, size: int, *, smaller: bool = False) -> Tensor:
    """Set a square of every image to 0, which is the mean of normalised images.

    The square starts `size // 2` above and to the left of a centre that is drawn uniformly from all pixels, rows first;
    it is clipped at the border. DeVries and Taylor, Improved Regularization of Convolutional Neural Networks with
    Cutout, 2017, section 3.2.

    Args:
        x: (B, C, H, W) normalised images.
        generator: source of randomness, on any device.
        size: edge of the square in pixels, at least 0.
        smaller: draw the edge of every square uniformly from 0 to `size`, before the centres.

    Raises:
        BadInput: `size` is negative.
    """
    if size < 0:
        raise BadInput(f"size={size} of the square to cut out must be at least 0")
    batch, _, height, width = x.shape
    sizes: int | Tensor = size
    if smaller:
        sizes = torch.randint(0, size + 1, (batch, 1), generator=generator, device=generator.device)
    rows, columns = (sent(_cover(batch, edge, sizes, generator), x.device) for edge in (height, width))
    return torch.where((rows[:, :, None] & columns[:, None, :])[:, None], 0.0, x)


class Crop(Operation):
    """Random crop of the image with a padded border, which is a random translation.

    Args:
        pixels: width of the border.
        pad: what is in it: the image reflected, or "zero", black pixels.
    """

    bounds = {"pixels": whole(1), "pad": one_of("reflect", "zero")}

    def __init__(self, pixels: int, pad: str = "reflect") -> None:
        self.pixels, self.pad = pixels, pad

    def check_shape(self, shape: tuple[int, ...]) -> None:
        if self.pixels >= min(shape[:2]):
            raise BadInput(f"crop: pixels={self.pixels} must be less than the sides of the images, {shape[:2]}")

    def __call__(self, x: Tensor, generator: torch.Generator, box: Box | None = None) -> Tensor:
        return translate(x, generator, self.pixels, None if self.pad == "reflect" else limits(box)[0])


class Flip(Operation):
    """Mirror images, left to right, of half of the images."""

    def __call__(self, x: Tensor, generator: torch.Generator, box: Box | None = None) -> Tensor:
        return flip(x, generator)


class Cutout(Operation):
    """A square of mean colour in every image; see `cutout`.

    Args:
        size: edge of the square in pixels.
        smaller: draw every edge from 0 to `size`.
    """

    bounds = {"size": whole(1)}

    def __init__(self, size: int, smaller: bool = False) -> None:
        self.size, self.smaller = size, smaller

    def __call__(self, x: Tensor, generator: torch.Generator, box: Box | None = None) -> Tensor:
        return cutout(x, generator, self.size, smaller=self.smaller)


class Jitter(Operation):
    """Gaussian noise on every number of an input.

    Args:
        size: its standard deviation, in standard deviations of the feature or channel.
    """

    bounds = {"size": between(1e-6, 100)}
    images = False

    def __init__(self, size: float) -> None:
        self.size = size

    def __call__(self, x: Tensor, generator: torch.Generator, box: Box | None = None) -> Tensor:
        rng = generator_on(x.device, generator)
        return x + self.size * torch.randn(x.shape, generator=rng, device=x.device).to(x.dtype)


def _reflected(places: Tensor, size: int) -> Tensor:
    return size - 1 - (size - 1 - places.abs()).abs()


def _cover(batch: int, edge: int, size: int | Tensor, generator: torch.Generator) -> Tensor:
    centres = torch.randint(0, edge, (batch, 1), generator=generator, device=generator.device)
    places = torch.arange(edge, device=generator.device) - centres + size // 2
    return (places >= 0) & (places < size)
