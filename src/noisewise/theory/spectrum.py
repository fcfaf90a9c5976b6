"""Frequencies of functions: in one variable by the Fourier transform, at arbitrary points by smoothing the labels.

Rahaman, Baratin, Arpit, Draxler, Lin, Hamprecht, Bengio and Courville, On the Spectral Bias of Neural Networks, ICML
2019, section 3: a rectified network learns a sum of sines from low to high frequencies. Xu, Zhang, Luo, Xiao and Ma,
Frequency Principle: Fourier Analysis Sheds Light on Deep Neural Networks, 2019, section 4: in many dimensions, where
a transform is not feasible, a Gaussian filter separates labels into a part that varies slowly and the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from noisewise.errors import BadInput
from noisewise.files import whole
from noisewise.theory.minimum_norm import gaussian_gram


def sines(points: int, frequencies: Sequence[int], amplitudes: Sequence[float], phases: Sequence[float]) -> np.ndarray:
    """(points,) sum_i A_i sin(2 pi k_i t + phi_i) at t = 0, 1 / points, ... below 1.

    Args:
        points: N.
        frequencies: k, whole numbers between 0 and N / 2, both excluded.
        amplitudes: A, one per frequency.
        phases: phi in radians, one per frequency.

    Raises:
        BadInput: N points do not resolve a frequency, or the three sequences differ in length.
    """
    if not len(frequencies) == len(amplitudes) == len(phases):
        lengths = (len(frequencies), len(amplitudes), len(phases))
        raise BadInput(f"frequencies, amplitudes and phases have {lengths} entries, but must have the same number")
    _check_resolved(points, frequencies)
    t = np.arange(points)[:, None] / points
    waves = np.sin(2 * np.pi * np.asarray(frequencies) * t + np.asarray(phases))
    return np.asarray(waves @ np.asarray(amplitudes, dtype=np.float64))


def amplitudes_of(values: np.ndarray, frequencies: Sequence[int]) -> np.ndarray:
    """(..., frequencies) amplitudes of the sines in equidistant values (..., N): 2 |FFT_k| / N.

    Raises:
        BadInput: N points do not resolve a frequency.
    """
    points = values.shape[-1]
    _check_resolved(points, frequencies)
    return np.asarray(2 * np.abs(np.fft.rfft(values, axis=-1)[..., list(frequencies)]) / points)


def first_reached(times: np.ndarray, ratios: np.ndarray, share: float) -> np.ndarray:
    """(frequencies,) the first of the times (T,) at which ratios (T, frequencies) are `share` or more; NaN if never."""
    there = ratios >= share
    return np.where(there.any(axis=0), np.asarray(times, dtype=np.float64)[there.argmax(axis=0)], np.nan)


def smoother(x: np.ndarray, width: float) -> np.ndarray:
    """(n, n) smoothing matrix S; its product with values at points x (n, d) is their slowly varying part.

        S_ij = G_ij / sum_k G_ik,   G_ij = exp(-|x_i - x_j|^2 / (2 delta))

    delta, the variance of the Gaussian, is `width` times the mean squared distance between two points.

    Raises:
        BadInput: the width is not above 0, or all points are the same.
    """
    if not width > 0:
        raise BadInput(f"width={width!r} must be above 0")
    points = np.asarray(x, dtype=np.float64)
    distance = 2 * len(points) / max(len(points) - 1, 1) * float(points.var(axis=0).sum())
    if not distance > 0:
        raise BadInput(f"the {len(points)} points of x must not all be the same")
    gram = gaussian_gram(points, points, 1 / (2 * width * distance))
    return np.asarray(gram / gram.sum(axis=1, keepdims=True))


def high_share(smooth: np.ndarray, y: np.ndarray) -> float:
    """The share of the energy of values that smoothing removes, from 0 to about 1.

        |v - S v|^2 / |v|^2,   v = y minus its mean

    Args:
        smooth: (n, n) S, see `smoother`.
        y: (n, K) values, such as one-hot labels.

    Raises:
        BadInput: all values are the same.
    """
    v = y - y.mean(axis=0)
    energy = float((v * v).sum())
    if not energy > 0:
        raise BadInput("y must not have the same values at all points, whose energy is zero")
    return float(((v - smooth @ v) ** 2).sum()) / energy


def part_errors(smooth: np.ndarray, found: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Errors of values `found` (n, K) in the slow part of y, in the rest, and overall, each relative to its own size.

    With f - y = e they are |S e| / |S y|, |e - S e| / |y - S y| and |e| / |y| (Xu et al., section 4.2).
    """
    error = found - y
    slow, wanted = smooth @ error, smooth @ y
    pairs = ((slow, wanted), (error - slow, y - wanted), (error, y))
    low, high, whole = (float(np.linalg.norm(one) / np.linalg.norm(other)) for one, other in pairs)
    return low, high, whole


def rectified(inputs: int, width: int, hidden: int, outputs: int, seed: int) -> nn.Sequential:
    """A network of `hidden` rectified layers of `width` units, with PyTorch's default initialisation for the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sizes = [inputs, *[width] * hidden]
        layers = [part for pair in pairwise(sizes) for part in (nn.Linear(*pair), nn.ReLU(inplace=True))]
        return nn.Sequential(*layers, nn.Linear(width, outputs))


def descend(
    net: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    steps: int,
    rate: float,
    every: int,
    observe: Callable[[np.ndarray], np.ndarray],
    checkpoint: Path | None = None,
    keep: int = 1000,
) -> tuple[np.ndarray, np.ndarray]:
    """Adam on the mean squared error of all rows at once; the network changes in place.

    Args:
        net: from (n, d) to (n, K).
        x: (n, d) points.
        y: (n, K) values.
        steps: number of steps.
        rate: learning rate.
        every: number of steps between two observations.
        observe: from the (n, K) outputs to the numbers that are kept of them.
        checkpoint: a file from which an interrupted descent continues; None keeps none.
        keep: number of steps between two checkpoints.

    Returns:
        (T,) the numbers of steps taken at the observations, and (T, ...) what was observed.
    """
    optimiser, first = torch.optim.Adam(net.parameters(), rate), 0
    times: list[int] = []
    seen: list[np.ndarray] = []
    if checkpoint is not None and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(state["net"])
        optimiser.load_state_dict(state["optimiser"])
        first, times, seen = state["step"], state["times"], [one.numpy() for one in state["seen"]]
    for step in range(first, steps + 1):
        if checkpoint is not None and step > first and step % keep == 0:
            _save(checkpoint, net, optimiser, step, times, seen)
        found = net(x)
        if step % every == 0:
            times.append(step)
            seen.append(np.asarray(observe(found.detach().numpy())))
        if step < steps:
            optimiser.zero_grad()
            nn.functional.mse_loss(found, y).backward()
            optimiser.step()
    return np.array(times), np.array(seen)


def _save(
    path: Path, net: nn.Module, optimiser: torch.optim.Optimizer, step: int, times: list[int], seen: list[np.ndarray]
) -> None:
    state = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "times": times}
    with whole(path) as temporary:
        torch.save({**state, "seen": [torch.as_tensor(one) for one in seen]}, temporary)


@contextmanager
def moved(net: nn.Module, size: float, generator: torch.Generator) -> Iterator[None]:
    """Within the block, all weights are perturbed in one random direction by `size` times their joint norm."""
    weights = list(net.parameters())
    before = [w.detach().clone() for w in weights]
    direction = [torch.randn(w.shape, generator=generator) for w in weights]
    length, norm = (float(torch.cat([w.flatten() for w in part]).norm()) for part in (direction, before))
    try:
        with torch.no_grad():
            for w, d in zip(weights, direction, strict=True):
                w.add_(d, alpha=size * norm / length)
        yield
    finally:
        with torch.no_grad():
            for w, old in zip(weights, before, strict=True):
                w.copy_(old)


def _check_resolved(points: int, frequencies: Sequence[int]) -> None:
    for k in frequencies:
        if not 0 < k < points / 2:
            raise BadInput(f"frequency {k!r} must lie between 0 and {points / 2:g}, half the number of points")
