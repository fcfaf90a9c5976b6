"""Networks that fit any labels of n points in d dimensions, by construction.

Zhang, Bengio, Hardt, Recht and Vinyals, Understanding Deep Learning Requires Rethinking Generalization, ICLR 2017,
theorem 1: a two-layer network with rectifiers and 2n + d weights represents any function on n points. Points are
projected to z_i = <a, x_i>, sorted, and every point gets a hinge that starts just before it, so that the values
c(x_i) = sum_j w_j relu(z_i - b_j) follow from a triangular system. It is solved from the first point to the last:

    w_i = (y_i - (S z_i - C)) / (z_i - b_i),   S += w_i,   C += w_i b_i

The corollary of the paper spreads the hinges over k - 1 hidden layers of width O(n / k) with O(n + d) weights; the
wiring here is our own: each layer passes on the projection and the sum so far, and adds the hinges of the layer before.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from noisewise.errors import BadInput


def hinges(z: Tensor, b: Tensor, w: Tensor) -> Tensor:
    """(m,) sum_j w_j relu(z - b_j) of numbers z (m,), for ascending b (n,) and weights w (n,).

    The active hinges are the first ones, hence the sum is S z - C with cumulative sums S of w and C of w b. This takes
    O(n + m log n), and rounding errors do not accumulate over the n terms, which nearly cancel.
    """
    zero = torch.zeros(1, dtype=w.dtype, device=w.device)
    slope, offset = torch.cat([zero, w.cumsum(0)]), torch.cat([zero, (w * b).cumsum(0)])
    on = torch.searchsorted(b.detach(), z.detach().contiguous())
    return slope[on] * z - offset[on]


class Memoriser(nn.Module):
    """The two-layer network: c(x) = sum_j w_j relu(<a, x> - b_j).

    Attributes:
        a: (d,), the direction of the projection.
        b: (n,) positions of the hinges, ascending.
        w: (n,) weights of the hinges; together 2n + d weights, in float64.
    """

    def __init__(self, a: Tensor, b: Tensor, w: Tensor) -> None:
        super().__init__()
        self.a, self.b, self.w = (nn.Parameter(part) for part in (a, b, w))

    def forward(self, x: Tensor) -> Tensor:
        """(m,) values of points x (m, d) in float64."""
        return hinges(x.flatten(1).to(self.a.dtype) @ self.a, self.b, self.w)


class DeepMemoriser(nn.Module):
    """The same function in k - 1 hidden layers of at most ceil(n / (k - 1)) + 3 units.

    Hidden layer l holds the shifted projection z (positive on the points it was built for), the positive and the
    negative part of the sum so far, and its own block of hinges relu(z - b). Absent connections are not stored; the
    weights are those of `count_weights`.

    Attributes:
        a: (d,), the direction of the projection.
        shift: (), added to the projection.
        b: (k - 1 blocks, width - 3), positions of the hinges.
        w: (k - 1 blocks, width - 3), their weights; the last block is filled up with hinges of weight 0.
    """

    def __init__(self, a: Tensor, shift: Tensor, b: Tensor, w: Tensor) -> None:
        super().__init__()
        self.a, self.shift, self.b, self.w = (nn.Parameter(part) for part in (a, shift, b, w))

    @property
    def depth(self) -> int:
        """k: the hidden layers and the output layer."""
        return len(self.b) + 1

    @property
    def width(self) -> int:
        """Units of the widest hidden layer."""
        return self.b.shape[1] + 3

    def forward(self, x: Tensor) -> Tensor:
        """(m,) values of points x (m, d) in float64."""
        z = torch.relu(x.flatten(1).to(self.a.dtype) @ self.a + self.shift)
        plus = minus = torch.zeros_like(z)
        for b, w in zip(self.b[:-1], self.w[:-1], strict=True):
            total = plus - minus + hinges(z, b, w)
            plus, minus, z = torch.relu(total), torch.relu(-total), torch.relu(z)
        return plus - minus + hinges(z, self.b[-1], self.w[-1])


def memorise(x: np.ndarray, y: np.ndarray, seed: int = 0) -> Memoriser:
    """The network of theorem 1 that has the values y (n,) at the points x (n, ...).

    Args:
        x: n points, all different; flattened to d numbers.
        y: (n,) real values, or class numbers.
        seed: random seed of the direction a.

    Raises:
        BadInput: two points are equal, or so close that no tried direction separates them, or shapes do not match.
    """
    a, b, w = _solve(x, y, seed)
    return Memoriser(*(torch.as_tensor(part) for part in (a, b, w)))


def memorise_deep(x: np.ndarray, y: np.ndarray, depth: int, seed: int = 0) -> DeepMemoriser:
    """The network of `depth` layers, with hidden layers of width at most ceil(n / (depth - 1)) + 3.

    Raises:
        BadInput: the depth is below 2 or above n + 1; and as `memorise`.
    """
    if not 2 <= depth <= len(x) + 1:
        raise BadInput(f"depth={depth} must lie between 2 and the number of points plus one, {len(x) + 1}")
    a, b, w = _solve(x, y, seed)
    shift = 1 - b[0]
    size = math.ceil(len(w) / (depth - 1))
    filled = np.full((depth - 1) * size, b[-1] + shift)
    weights = np.zeros_like(filled)
    filled[: len(b)], weights[: len(w)] = b + shift, w
    parts = (a, np.array(shift), filled.reshape(depth - 1, size), weights.reshape(depth - 1, size))
    return DeepMemoriser(*(torch.as_tensor(part) for part in parts))


def count_weights(net: Memoriser | DeepMemoriser) -> int:
    """The number of weights and biases that are not zero, including connections that copy a unit: O(n + d)."""
    if isinstance(net, Memoriser):
        return net.a.numel() + net.b.numel() + net.w.numel()
    blocks, size = net.b.shape
    into_hinges = 2 * blocks * size
    passed_on = (blocks - 1) * 5
    sums = 2 * (blocks - 1) * size + size
    return net.a.numel() + 1 + into_hinges + passed_on + sums + 2


def _solve(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    points = np.asarray(x, dtype=np.float64).reshape(len(x), -1)
    values = np.asarray(y, dtype=np.float64)
    if values.shape != (len(points),) or not len(points):
        raise BadInput(f"y has shape {values.shape}, but must be ({len(points)},): a value per point")
    a, z = _direction(points, seed)
    order = np.argsort(z)
    z = z[order]
    gaps = np.diff(z)
    b = np.append(z[0] - gaps.mean() if len(gaps) else z[0] - 1.0, z[:-1] + gaps / 2)
    return a, b, _forward(z, b, values[order])


def _direction(points: np.ndarray, seed: int, tries: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """The random direction, out of some, with the widest smallest gap between points, relative to their spread."""
    rng = np.random.default_rng(seed)
    widest, chosen = -1.0, np.zeros(points.shape[1])
    for _ in range(tries):
        a = rng.normal(size=points.shape[1])
        z = points @ a
        scale = float(np.ptp(z)) or 1.0
        gap = float(np.diff(np.sort(z)).min() / scale) if len(z) > 1 else 1.0
        if gap > widest:
            widest, chosen = gap, np.asarray(a / scale)
    if widest < 1e-15:
        raise BadInput(f"two of the {len(points)} points are the same: they cannot have different values")
    return chosen, points @ chosen


def _forward(z: np.ndarray, b: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The weights, by the recursion in the module's docstring, in the order and precision of the sums in `hinges`."""
    w = np.empty_like(z)
    slope = offset = 0.0
    for i in range(len(z)):
        w[i] = (y[i] - (slope * z[i] - offset)) / (z[i] - b[i])
        slope += w[i]
        offset += w[i] * b[i]
    return w
