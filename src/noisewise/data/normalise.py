"""Normalisation of inputs to mean 0 and variance 1, by the statistics of the training split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from noisewise.data.dataset import Inputs

SAMPLE, SEED = 10_000, 0
_BLOCK_NUMBERS = 1 << 20  # 8 MiB of float64 at a time
# A feature is constant if its deviation is below the resolution of float32, relative to its mean.
_CONSTANT = 1e-7


@dataclass(frozen=True, eq=False)
class Normalise:
    """Statistics of (x - mean) / std, for bytes divided by 255.

    Attributes:
        mean: (C,) of images or (d,) of vectors, float32.
        std: (C,) or (d,), float32; 1 for constant features.
    """

    mean: Tensor
    std: Tensor


def measure(inputs: Inputs, *, sampled: bool = False) -> Normalise:
    """The mean and standard deviation of every channel or feature, the last axis of `inputs`.

    Statistics of blocks of rows are merged by the formula of Chan, Golub and LeVeque (1983), in double precision.

    Args:
        inputs: (n, H, W, C) or (n, d).
        sampled: whether to use at most 10,000 rows, drawn with a fixed seed.
    """
    numbers = int(np.prod(inputs.shape[1:]))
    count, mean, spread = 0, np.zeros(numbers), np.zeros(numbers)
    for block in _blocks(inputs, sampled):
        middle = block.mean(axis=0)
        block -= middle
        shift, total = middle - mean, count + len(block)
        spread += np.einsum("ij,ij->j", block, block) + np.square(shift) * (count * len(block) / total)
        mean += shift * (len(block) / total)
        count = total
    scale = 255.0 if inputs.dtype == np.uint8 else 1.0
    return _pool(mean / scale, spread / max(count, 1) / scale**2, inputs.shape[-1])


def _pool(mean: np.ndarray, variance: np.ndarray, channels: int) -> Normalise:
    places, spread = mean.reshape(-1, channels), variance.reshape(-1, channels)
    middle = places.mean(axis=0)
    std = np.sqrt((spread + np.square(places - middle)).mean(axis=0))
    constant = std <= _CONSTANT * np.abs(middle)
    return Normalise(_float(middle), _float(np.where(constant, 1.0, std)))


def _float(values: np.ndarray) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def _blocks(inputs: Inputs, sampled: bool) -> Iterator[np.ndarray]:
    chosen = np.arange(len(inputs))
    if sampled and len(chosen) > SAMPLE:
        chosen = np.sort(np.random.default_rng(SEED).choice(chosen, SAMPLE, replace=False))
    size = max(1, _BLOCK_NUMBERS // max(int(np.prod(inputs.shape[1:])), 1))
    for start in range(0, len(chosen), size):
        block = inputs[chosen[start : start + size]]
        yield block.reshape(len(block), -1).astype(np.float32 if block.dtype == np.uint8 else np.float64)
