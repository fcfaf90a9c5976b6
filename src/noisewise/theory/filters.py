"""Fixed feature maps of images, as inputs of linear and kernel methods in place of pixels.

Zhang, Bengio, Hardt, Recht and Vinyals, Understanding Deep Learning Requires Rethinking Generalization, ICLR 2017,
section 5, compare kernel machines on pixels with ones on Gabor wavelets and on random convolutional features (as in
Coates and Ng, Learning Feature Representations with K-Means, 2012). Nothing here is learned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from noisewise.errors import BadInput

BLOCK = 500
WAVELENGTHS = (3.0, 6.0)
ORIENTATIONS = 8
FILTERS = 64
PATCH = 5


def pixels(images: np.ndarray) -> np.ndarray:
    """(n, H W C) float32: the images (n, H, W, C) as vectors."""
    return np.asarray(images, dtype=np.float32).reshape(len(images), -1)


def gabor_bank(wavelengths: tuple[float, ...] = WAVELENGTHS, orientations: int = ORIENTATIONS) -> Tensor:
    """(2, len(wavelengths) x orientations, S, S) Gabor wavelets: their cosine parts, then their sine parts.

    A wavelet is a plane wave exp(2 pi i u / wavelength) times a Gaussian with a standard deviation of half a
    wavelength. A multiple of the Gaussian is subtracted to make its sum zero, and it is scaled to norm one (real and
    imaginary part together).

    Args:
        wavelengths: wavelengths in pixels.
        orientations: number of directions of u, equally spaced over half a turn.
    """
    reach = int(np.ceil(max(wavelengths)))
    places = torch.arange(-reach, reach + 1, dtype=torch.float64)
    down, across = torch.meshgrid(places, places, indexing="ij")
    found = []
    for wavelength in wavelengths:
        window = torch.exp(-(down**2 + across**2) / (wavelength**2 / 2))
        for turn in np.pi * np.arange(orientations) / orientations:
            u = np.cos(turn) * across + np.sin(turn) * down
            wave = window * torch.exp(2j * np.pi * u / wavelength)
            wave = wave - window * (wave.sum() / window.sum())
            found.append(wave / wave.abs().square().sum().sqrt())
    bank = torch.stack(found)
    return torch.stack([bank.real, bank.imag]).float()


def gabor(images: np.ndarray) -> np.ndarray:
    """(n, (16 + 1) x grid x C) float32: mean modulus of every Gabor wavelet, and mean brightness, per cell of a grid.

    Args:
        images: (n, H, W, C). The grid has a cell per 4 x 4 pixels.

    Raises:
        BadInput: the inputs are not images.
    """
    real, imaginary = gabor_bank()
    side = real.shape[-1] // 2

    def moduli(x: Tensor) -> Tensor:
        waves = [F.conv2d(x, part[:, None], padding=side) for part in (real, imaginary)]
        return torch.cat([torch.hypot(*waves), x], dim=1)

    return _map(images, moduli, single=True)


def random_convolution(
    images: np.ndarray, filters: int = FILTERS, seed: int = 0, cells: int | None = None
) -> np.ndarray:
    """(n, filters x grid) float32: mean rectified response to random filters of 5 x 5 pixels, per cell of a grid.

    Args:
        images: (n, H, W, C).
        filters: number of filters; each has normal weights, centred to sum zero per channel and scaled to norm one.
        seed: random seed of the weights.
        cells: number of cells a side; by default the grid has a cell per 4 x 4 pixels.

    Raises:
        BadInput: the inputs are not images.
    """
    channels = images.shape[-1]
    weights = torch.randn(filters, channels, PATCH, PATCH, generator=torch.Generator().manual_seed(seed))
    weights -= weights.mean(dim=(2, 3), keepdim=True)
    weights /= weights.flatten(1).norm(dim=1)[:, None, None, None]
    return _map(images, lambda x: torch.relu(F.conv2d(x, weights, padding=PATCH // 2)), False, cells)


MAPS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "pixels": pixels,
    "gabor": gabor,
    "random-convolution": random_convolution,
}


def _map(
    images: np.ndarray, responses: Callable[[Tensor], Tensor], single: bool, cells: int | None = None
) -> np.ndarray:
    """Responses to blocks of images, averaged per cell; with `single`, every channel is filtered separately."""
    if images.ndim != 4:
        raise BadInput(f"inputs of shape {images.shape} are not images (n, H, W, C)")
    n, *sides, channels = images.shape
    grid = (cells, cells) if cells else (max(1, sides[0] // 4), max(1, sides[1] // 4))
    parts = []
    with torch.no_grad():
        for start in range(0, n, BLOCK):
            x = torch.as_tensor(np.asarray(images[start : start + BLOCK], dtype=np.float32)).permute(0, 3, 1, 2)
            count = len(x)
            x = x.reshape(count * channels, 1, *sides) if single else x
            parts.append(F.adaptive_avg_pool2d(responses(x), grid).reshape(count, -1).numpy())
    return np.concatenate(parts, axis=0)
