"""Operations on the colours of images, as in Pillow's `ImageEnhance` and `ImageOps`, on whole batches.

All take images (B, C, H, W) in [0, 1] and return such. Only those operations round that are defined on bytes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from noisewise.devices import sent

_LUMA = (0.299, 0.587, 0.114)  # ITU-R 601-2, as in Pillow's mode L
_LEVELS = 256


def grey(x: Tensor) -> Tensor:
    """(B, 1, H, W) the brightness of every pixel."""
    if x.shape[1] != len(_LUMA):
        return x.mean(dim=1, keepdim=True)
    return (x * sent(torch.tensor(_LUMA, dtype=x.dtype), x.device)[:, None, None]).sum(dim=1, keepdim=True)


def blend(start: Tensor, x: Tensor, factor: Tensor) -> Tensor:
    """Interpolate or extrapolate: start + factor (x - start), clipped to [0, 1].

    Args:
        start: images that broadcast to those of `x`; the result at factor 0.
        x: images, the result at factor 1.
        factor: (B,); above 1 it leads away from `start`.
    """
    return torch.lerp(start.expand_as(x), x, factor[:, None, None, None].to(x.dtype)).clamp(0, 1)


def brightness(x: Tensor, factor: Tensor) -> Tensor:
    """Blend with black; `factor` (B,)."""
    return blend(torch.zeros_like(x), x, factor)


def colour(x: Tensor, factor: Tensor) -> Tensor:
    """Blend with the grey image; `factor` (B,). Grey images stay."""
    return blend(grey(x), x, factor) if x.shape[1] > 1 else x


def contrast(x: Tensor, factor: Tensor) -> Tensor:
    """Blend with the mean brightness of the image; `factor` (B,)."""
    return blend(grey(x).mean(dim=(2, 3), keepdim=True), x, factor)


def sharpness(x: Tensor, factor: Tensor) -> Tensor:
    """Blend with the smoothed image; `factor` (B,). The outermost pixels stay."""
    if min(x.shape[2:]) < 3:
        return x
    kernel = torch.ones(3, 3, dtype=x.dtype, device=x.device)
    kernel[1, 1] = 5
    channels = x.shape[1]
    smooth = x.clone()
    weights = (kernel / kernel.sum()).expand(channels, 1, 3, 3)
    smooth[:, :, 1:-1, 1:-1] = functional.conv2d(x, weights, groups=channels)
    return blend(smooth, x, factor)


def posterize(x: Tensor, bits: Tensor) -> Tensor:
    """Keep the highest `bits` (B,) of every byte."""
    coarse = (2.0 ** (8 - bits.to(x.dtype)))[:, None, None, None]
    return (_bytes(x) / coarse).floor() * coarse / (_LEVELS - 1)


def solarize(x: Tensor, threshold: Tensor) -> Tensor:
    """Invert what is not below `threshold` (B,), in bytes."""
    above = (_bytes(x) >= threshold[:, None, None, None].to(x.dtype)).to(x.dtype)
    return x + above * (1 - 2 * x)


def invert(x: Tensor) -> Tensor:
    """1 - x."""
    return 1 - x


def auto_contrast(x: Tensor) -> Tensor:
    """Stretch every channel to the whole range; a channel of one value stays."""
    low, high = x.amin(dim=(2, 3), keepdim=True), x.amax(dim=(2, 3), keepdim=True)
    return torch.where(high > low, (x - low) / (high - low).clamp_min(1e-12), x)


def equalize(x: Tensor) -> Tensor:
    """Make the histogram of every channel uniform, by the integer arithmetic of Pillow's `ImageOps.equalize`."""
    batch, channels, height, width = x.shape
    values = _bytes(x).long().reshape(batch * channels, height * width)
    counts = torch.zeros(batch * channels, _LEVELS, dtype=torch.long, device=x.device)
    counts.scatter_add_(1, values, torch.ones_like(values))
    highest = counts.gather(1, values.amax(dim=1, keepdim=True))
    step = (height * width - highest) // (_LEVELS - 1)
    before = counts.cumsum(dim=1) - counts
    table = torch.where(step > 0, (step // 2 + before) // step.clamp_min(1), torch.arange(_LEVELS, device=x.device))
    found = table.clamp(max=_LEVELS - 1).gather(1, values).reshape(x.shape)
    unchanged = (step == 0).reshape(batch, channels, 1, 1)
    return torch.where(unchanged, x, found.to(x.dtype) / (_LEVELS - 1))


def _bytes(x: Tensor) -> Tensor:
    return (x * (_LEVELS - 1)).round()
