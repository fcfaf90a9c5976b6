"""Neural tangent kernels: in closed form at infinite width, by the Jacobian for any network, and their predictions.

Jacot, Gabriel and Hongler, Neural Tangent Kernel: Convergence and Generalization in Neural Networks, NeurIPS 2018,
theorem 1, and Lee, Xiao, Schoenholz, Bahri, Novak, Sohl-Dickstein and Pennington, Wide Neural Networks of Any Depth
Evolve as Linear Models Under Gradient Descent, NeurIPS 2019. The kernel of a network f with weights w is
K(x, x') = df(x)/dw . df(x')/dw. Under gradient descent on 1/2 sum_i (f(x_i) - y_i)^2 the outputs of a network that is
linear in its weights follow f_k = f_0 + (I - (I - rate K)^k) (y - f_0); those of a wide network follow it closely.

Networks have rectified units without biases, scaled to preserve the mean square of units (Jacot's parametrisation with
variance 2): units are h_l = sqrt(2 / m_l) relu(W_l h_{l-1}), the output is w . h_L, all weights are drawn from N(0, 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

from noisewise.errors import BadInput

SMALL = 1e-12


@dataclass(frozen=True, eq=False)
class Kernels:
    """Kernels of networks of infinite width.

    Attributes:
        tangent: (n, m) Theta, the kernel of gradient descent.
        output: (n, m) Sigma, the covariance of initial outputs.
    """

    tangent: np.ndarray
    output: np.ndarray


def infinite_kernels(x: np.ndarray, other: np.ndarray | None = None, *, hidden: int = 1) -> Kernels:
    """Tangent kernel and output covariance of rectified networks with `hidden` hidden layers of infinite width.

    With c the cosine of two points under Sigma_l (Jacot et al., theorem 1; Cho and Saul 2009 for the two expectations):

        Sigma_0 = Theta_0 = x . x'
        Sigma_{l+1} = sqrt(Sigma_l(x, x) Sigma_l(x', x')) (c (pi - arccos c) + sqrt(1 - c^2)) / pi
        Theta_{l+1} = Theta_l (pi - arccos c) / pi + Sigma_{l+1}

    Args:
        x: (n, d).
        other: (m, d), by default x.
        hidden: number of hidden layers, 0 for a linear function.

    Raises:
        BadInput: hidden is below 0.
    """
    if hidden < 0:
        raise BadInput(f"hidden={hidden} must be at least 0")
    x = np.asarray(x, dtype=np.float64)
    second = x if other is None else np.asarray(other, dtype=np.float64)
    lengths = np.sqrt(np.outer((x * x).sum(axis=1), (second * second).sum(axis=1)))
    output = x @ second.T
    tangent = output.copy()
    for _ in range(hidden):
        cosine = np.clip(output / np.maximum(lengths, SMALL), -1, 1)
        if other is None:
            np.fill_diagonal(cosine, 1)
        angle = np.pi - np.arccos(cosine)
        output = lengths * (cosine * angle + np.sqrt(1 - cosine**2)) / np.pi
        tangent = tangent * angle / np.pi + output
    return Kernels(tangent, output)


class TangentNet(nn.Module):
    """A rectified network without biases in the parametrisation above, with one output.

    Attributes:
        hidden: (width, ...) weights of the hidden layers, first to last.
        last: (width,) weights of the output.
    """

    def __init__(self, dimensions: int, width: int, hidden: int = 1, seed: int = 0) -> None:
        """Draw the weights.

        Args:
            dimensions: d, the number of inputs.
            width: m, the number of units of every hidden layer.
            hidden: number of hidden layers, at least 1.
            seed: random seed of the weights.

        Raises:
            BadInput: a number is below 1.
        """
        super().__init__()
        for name, value in {"dimensions": dimensions, "width": width, "hidden": hidden}.items():
            if value < 1:
                raise BadInput(f"{name}={value} must be at least 1")
        draw = torch.Generator().manual_seed(seed)
        sizes = [dimensions] + [width] * (hidden - 1)
        self.hidden = nn.ParameterList(torch.randn(width, size, generator=draw) for size in sizes)
        self.last = nn.Parameter(torch.randn(width, generator=draw))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1) values of points x (B, d)."""
        return (self._units(x)[-1] @ self.last)[:, None]

    @torch.no_grad()
    def tangent(self, x: Tensor, other: Tensor | None = None) -> np.ndarray:
        """(n, m) the tangent kernel, equal to `empirical_tangent` but without forming a Jacobian.

        The gradient with respect to the weights of a layer is the outer product of the layer's input and the gradient
        at its output. Inner products of gradients are thus products of two Gram matrices, summed over layers.
        """
        mine = self._passes(x)
        theirs = mine if other is None else self._passes(other)
        found = torch.zeros(len(mine[0][0]), len(theirs[0][0]))
        for (entering, back), (their_entering, their_back) in zip(mine, theirs, strict=True):
            found += (entering @ their_entering.T) * (back @ their_back.T)
        return found.double().numpy()

    def _units(self, x: Tensor) -> list[Tensor]:
        units = [x]
        for weights in self.hidden:
            units.append(torch.relu(units[-1] @ weights.T) * (2 / len(weights)) ** 0.5)
        return units

    def _passes(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """By layer, from the output back: its input, and the gradient of the network's output at the layer's output."""
        units = self._units(x)
        found = [(units[-1], torch.ones(len(x), 1))]
        back = self.last.expand(len(x), -1)
        for i in reversed(range(len(self.hidden))):
            back = back * (units[i + 1] > 0) * (2 / len(self.last)) ** 0.5
            found.append((units[i], back))
            back = back @ self.hidden[i]
        return found


def empirical_tangent(net: nn.Module, x: Tensor, other: Tensor | None = None, *, block: int = 32) -> np.ndarray:
    """(n, m) the tangent kernel of any network at its present weights, in evaluation mode, averaged over its outputs.

        K(x, x') = 1 / K sum_k df_k(x)/dw . df_k(x')/dw

    Memory: Jacobians of two blocks of rows, 2 x block x K x weights numbers.

    Args:
        net: maps (B, ...) inputs to (B, K) outputs; its mode is restored.
        x: (n, ...).
        other: (m, ...), by default x.
        block: rows per block.

    Raises:
        BadInput: block is below 1, or the network has no trainable weights.
    """
    if block < 1:
        raise BadInput(f"block={block} must be at least 1")
    weights = {name: value.detach() for name, value in net.named_parameters() if value.requires_grad}
    if not weights:
        raise BadInput(f"{type(net).__name__} has no weights with respect to which to differentiate")
    second = x if other is None else other
    found = np.zeros((len(x), len(second)))
    training = net.training
    net.eval()
    try:
        for i in range(0, len(x), block):
            mine = _jacobian(net, weights, x[i : i + block])
            for j in range(i if other is None else 0, len(second), block):
                theirs = mine if other is None and i == j else _jacobian(net, weights, second[j : j + block])
                part = sum(a.flatten(1) @ b.flatten(1).T for a, b in zip(mine, theirs, strict=True))
                found[i : i + block, j : j + block] = torch.as_tensor(part).double().cpu().numpy() / mine[0].shape[1]
    finally:
        net.train(training)
    if other is None:
        found = np.triu(found) + np.triu(found, 1).T
    return found


def _jacobian(net: nn.Module, weights: dict[str, Tensor], x: Tensor) -> list[Tensor]:
    """(B, K, ...) derivatives of the outputs, for every tensor of weights."""
    buffers = {name: value.detach() for name, value in net.named_buffers()}

    def outputs(at: dict[str, Tensor], row: Tensor) -> Tensor:
        found: Tensor = functional_call(net, {**at, **buffers}, (row[None],))
        return found[0]

    by_name: Callable[..., Any] = vmap(jacrev(outputs), in_dims=(None, 0))
    return list(by_name(weights, x).values())


def linearised(
    kernel: np.ndarray,
    y: np.ndarray,
    start: np.ndarray,
    rate: float,
    steps: Sequence[int],
    cross: np.ndarray | None = None,
    cross_start: np.ndarray | None = None,
) -> np.ndarray:
    """Outputs of the linearised network after gradient descent (Lee et al., equations 10 and 11, in discrete steps).

        f_k = f_0 + K_* K^-1 (I - (I - rate K)^k) (y - f_0)

    Args:
        kernel: (n, n) K of the training points.
        y: (n,) values.
        start: (n,) f_0 at the training points.
        rate: step size, below 2 over the largest eigenvalue.
        steps: numbers of steps k.
        cross: (m, n) K_* between other points and the training points, by default K.
        cross_start: (m,) f_0 at the other points.

    Returns:
        (len(steps), n) outputs at the training points, or (len(steps), m) at the other points.

    Raises:
        BadInput: the rate is out of range, or only one of `cross` and `cross_start` is given.
    """
    if (cross is None) != (cross_start is None):
        raise BadInput("cross and cross_start must be given together")
    values, vectors = np.linalg.eigh(kernel)
    if not 0 < rate < 2 / values[-1]:
        raise BadInput(f"rate={rate!r} must be between 0 and 2 / {values[-1]:.4g}, where descent would diverge")
    values = np.maximum(values, SMALL * values[-1])
    left = vectors.T @ (y - start)
    reached = (1 - (1 - rate * values) ** np.asarray(steps)[:, None]) * left
    if cross is None or cross_start is None:
        trained: np.ndarray = start + reached @ vectors.T
        return trained
    elsewhere: np.ndarray = cross_start + (reached / values) @ (cross @ vectors).T
    return elsewhere


def alignment(kernel: np.ndarray, y: np.ndarray) -> float:
    """Alignment of a kernel (n, n) with labels y (n,): y . K y / (|K| |y|^2), at most 1, with the Frobenius norm of K.

    Cristianini, Shawe-Taylor, Elisseeff and Kandola, On Kernel-Target Alignment, NeurIPS 2001, definition 1.

    Raises:
        BadInput: the kernel or the labels are all zero.
    """
    scale = float(np.linalg.norm(kernel) * (y @ y))
    if scale == 0:
        raise BadInput("kernel and labels must not be all zero")
    return float(y @ kernel @ y) / scale


def centred(kernel: np.ndarray) -> np.ndarray:
    """(n, n) the kernel of features minus their mean over the points.

    Cortes, Mohri and Rostamizadeh, Algorithms for Learning Kernels Based on Centered Alignment, JMLR 2012, lemma 1.
    Otherwise the constant part of a kernel, which is large in networks with biases, dominates the alignment.
    """
    less_rows = kernel - kernel.mean(axis=0)
    found: np.ndarray = less_rows - less_rows.mean(axis=1, keepdims=True)
    return found


def relative_difference(kernel: np.ndarray, reference: np.ndarray) -> float:
    """|K - R| / |R| of two matrices in the Frobenius norm."""
    return float(np.linalg.norm(kernel - reference) / np.linalg.norm(reference))
