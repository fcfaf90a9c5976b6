"""Small features in which rows that look alike are close: for finding neighbours without a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from noisewise.data.dataset import Dataset, Selection

GREY_CELLS, COLOUR_CELLS = 8, 4
CELLS, DIRECTIONS = 4, 8
WIDEST, NARROW = 256, 128
BRIGHTNESS = 0.7
BLOCK_NUMBERS = 2**17  # numbers that stay in a processor's cache
SMALLEST = 1e-6


def visual_features(data: Dataset) -> np.ndarray:
    """Features in which the Euclidean distance between rows that look alike is small.

    Images: block means (8 x 8 of grey, 4 x 4 of colour) and histograms of the gradient's direction in 4 x 4 cells, the
    latter scaled to length one (after Dalal and Triggs, Histograms of Oriented Gradients for Human Detection, CVPR
    2005, with one block). Tables and vectors: standardised columns. Texts: their hashed words. More than 256 numbers
    are projected to 128 by a random matrix with a fixed seed (Johnson and Lindenstrauss 1984).

    Returns:
        (n, d) float32, d at most 256.
    """
    if data.kind == "image":
        parts = [_image_parts(block) for block in _blocks(data)]
        shape, light = (np.concatenate(part) for part in zip(*parts, strict=True))
        return np.concatenate([_centred(shape), BRIGHTNESS * _centred(light)], axis=1)
    scale = _deviation(data) if data.kind != "text" else np.ones(data.shape[0], dtype=np.float32)
    return np.concatenate([_narrow(_flat(block) / scale) for block in _blocks(data)])


def is_coarse(data: Dataset) -> bool:
    """Whether `visual_features` leave out anything of the inputs."""
    return data.kind == "image" or int(np.prod(data.shape)) > WIDEST


def whole_rows(data: Dataset, positions: np.ndarray, *, numbers: bool = False) -> Any:
    """The inputs at (m,) positions: an array of m rows, or m texts; with `numbers`, always (m, d) float32."""
    if numbers:
        return _flat(np.asarray(data.inputs[positions]))
    inputs = data.inputs
    base, chosen = (inputs.base, inputs.positions[positions]) if isinstance(inputs, Selection) else (inputs, positions)
    return base.texts[chosen] if data.kind == "text" and hasattr(base, "texts") else inputs[positions]


def _blocks(data: Dataset) -> Iterator[np.ndarray]:
    size = max(1, BLOCK_NUMBERS // max(1, int(np.prod(data.shape))))
    for start in range(0, len(data), size):
        yield np.asarray(data.inputs[np.arange(start, min(start + size, len(data)))])


def _flat(block: np.ndarray) -> np.ndarray:
    return block.reshape(len(block), -1).astype(np.float32)


def _deviation(data: Dataset) -> np.ndarray:
    """(d,) standard deviation of each column; 1 for columns that are constant."""
    width = int(np.prod(data.shape))
    total, squares = np.zeros(width), np.zeros(width)
    start = _flat(np.asarray(data.inputs[np.array([0])]))[0].astype(float)
    for block in _blocks(data):
        shifted = _flat(block) - start
        total += shifted.sum(axis=0)
        squares += (shifted**2).sum(axis=0)
    spread = np.sqrt(np.maximum(squares / len(data) - (total / len(data)) ** 2, 0))
    return np.where(spread > SMALLEST * (1 + np.abs(start)), spread, 1).astype(np.float32)


def _narrow(block: np.ndarray) -> np.ndarray:
    width = block.shape[1]
    if width <= WIDEST:
        return block
    directions = np.random.default_rng(0).standard_normal((width, NARROW), dtype=np.float32)
    return block @ (directions / np.sqrt(np.float32(NARROW)))


def _image_parts(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pixels = torch.from_numpy(np.ascontiguousarray(block)).permute(0, 3, 1, 2).float() / 255
    cells = GREY_CELLS if pixels.shape[1] == 1 else COLOUR_CELLS
    light = F.adaptive_avg_pool2d(pixels, cells).flatten(1)
    return _directions(pixels.mean(dim=1, keepdim=True)).numpy(), light.numpy()


def _directions(grey: torch.Tensor) -> torch.Tensor:
    """(n, 128) of (n, 1, H, W): per cell, gradient magnitude in each of eight directions; rows have length one."""
    padded = F.pad(grey, (1, 1, 1, 1), mode="replicate")
    across = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    down = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    angle = torch.atan2(down, across) * (DIRECTIONS / (2 * torch.pi)) % DIRECTIONS
    lower = angle.floor()
    upper_share, length = angle - lower, (across**2 + down**2).sqrt()
    lower = lower.long() % DIRECTIONS
    upper = (lower + 1) % DIRECTIONS
    cells = [
        F.adaptive_avg_pool2d(length * ((lower == d) * (1 - upper_share) + (upper == d) * upper_share), CELLS)
        for d in range(DIRECTIONS)
    ]
    found = torch.cat(cells, dim=1).flatten(1)
    return found / found.norm(dim=1, keepdim=True).clamp(min=SMALLEST)


def _centred(part: np.ndarray) -> np.ndarray:
    """Minus the mean row, and scaled so that the mean length of rows is one."""
    part = part - part.mean(axis=0)
    return part / max(float(np.linalg.norm(part, axis=1).mean()), SMALLEST)
