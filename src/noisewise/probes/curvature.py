"""Sharpness of the minimum: curvature of the loss, and its rise nearby (Li et al., NeurIPS 2018, and others).

H is the Hessian of the mean cross entropy of the rows with their given labels, in evaluation mode. It is never formed:

    H v = d/dt grad L(w + t v) at t = 0                      Pearlmutter 1994; jvp of grad, block by block of rows
    top eigenvalues by Lanczos iteration over such products
    trace H = E z . H z for random signs z                   Hutchinson 1990
    sharpness = E L(w + radius d) - L(w)                     d Gaussian, each filter with the norm of that of w; biases
                                                             and normalisations stay (Li et al. 2018, section 4)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh
from torch import Tensor, nn
from torch.func import functional_call, grad, jvp

from noisewise.bounds import at_least, whole
from noisewise.errors import BadInput
from noisewise.probes.probe import Measured, Probe, ProbeCard, Subject

Params = dict[str, Tensor]
TOLERANCE = 1e-4  # relative accuracy of eigenvalues
BLOCK = 512  # rows per pass


@dataclass(frozen=True, eq=False)
class Landscape:
    """The mean cross entropy of some rows as a function of a network's parameters.

    Attributes:
        net: maps (n, ...) inputs to (n, K) logits, in evaluation mode; it does not change.
        x: (n, ...) inputs.
        given: (n,) labels.
        block: rows per pass.
    """

    net: nn.Module
    x: Tensor
    given: Tensor
    block: int = BLOCK

    @property
    def params(self) -> Params:
        """The trainable parameters by name, detached; all parameters if none is trainable."""
        every = dict(self.net.named_parameters())
        chosen = {name: p for name, p in every.items() if p.requires_grad} or every
        return {name: p.detach() for name, p in chosen.items()}

    def _parts(self) -> list[Callable[[Params], Tensor]]:
        """The contribution of each block of rows to the mean loss, as functions of the parameters."""
        fixed = {name: p.detach() for name, p in self.net.named_parameters() if not p.requires_grad}
        fixed |= dict(self.net.named_buffers())

        def part(x: Tensor, given: Tensor) -> Callable[[Params], Tensor]:
            def loss(params: Params) -> Tensor:
                scores = functional_call(self.net, {**fixed, **params}, (x,))
                return nn.functional.cross_entropy(scores, given, reduction="sum") / len(self.x)

            return loss

        blocks = zip(self.x.split(self.block), self.given.split(self.block), strict=True)
        return [part(x, given) for x, given in blocks]

    def loss(self, params: Params) -> float:
        """The mean cross entropy at these parameters."""
        with torch.no_grad():
            return sum(float(part(params)) for part in self._parts())

    def product(self, direction: Params) -> Params:
        """The Hessian-vector product H v at the network's parameters, by name of the parameter like v."""
        params = self.params
        total = {name: torch.zeros_like(p) for name, p in params.items()}
        for part in self._parts():
            turned = jvp(grad(part), (params,), (direction,))[1]
            total = {name: total[name] + turned[name].detach() for name in total}
        return total


def top_eigenvalues(landscape: Landscape, top: int, rng: torch.Generator) -> np.ndarray:
    """(top,) the largest eigenvalues of the Hessian, in descending order; NaN if the iteration does not converge.

    Args:
        landscape: the loss.
        top: number of eigenvalues.
        rng: generator of the initial vector of the iteration.

    Raises:
        BadInput: `top` is not below the number of parameters.
    """
    like = landscape.params
    size = sum(p.numel() for p in like.values())
    if top >= size:
        raise BadInput(f"curvature: top={top} must be below the number of trainable parameters, {size}")

    def turned(vector: np.ndarray) -> np.ndarray:
        return flat(landscape.product(shaped(torch.from_numpy(vector.ravel().copy()), like)))

    start = torch.randn(size, generator=rng, dtype=torch.float64).numpy()
    first = turned(start)
    if not np.isfinite(first).all():
        return np.full(top, np.nan)
    if not first.any():
        return np.zeros(top)
    operator = LinearOperator((size, size), matvec=turned, dtype=np.float64)
    try:
        found = eigsh(operator, k=top, which="LA", v0=start, tol=TOLERANCE, return_eigenvectors=False)
    except ArpackError:
        return np.full(top, np.nan)
    return np.sort(found)[::-1]


def trace(landscape: Landscape, draws: int, rng: torch.Generator) -> tuple[float, float]:
    """Hutchinson's estimate of the trace of the Hessian, and its standard error.

    Args:
        landscape: the loss.
        draws: number of vectors of random signs, at least 2.
        rng: generator of these vectors.
    """
    like, found = landscape.params, []
    size = sum(p.numel() for p in like.values())
    for _ in range(draws):
        signs = 2.0 * torch.randint(2, (size,), generator=rng).double() - 1
        found.append(float(flat(landscape.product(shaped(signs, like))) @ signs.numpy()))
    return float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(draws))


def sharpness(landscape: Landscape, radius: float, draws: int, rng: torch.Generator) -> float:
    """Mean rise of the loss under random perturbations of every filter by `radius` of its norm (Li et al. 2018).

    Args:
        landscape: the loss.
        radius: norm of the perturbation of a filter, relative to the filter's norm.
        draws: number of random directions.
        rng: generator of these directions.
    """
    params = landscape.params
    here, rises = landscape.loss(params), []
    for _ in range(draws):
        moved = {name: p + radius * filter_normalised(p, rng) for name, p in params.items()}
        rises.append(landscape.loss(moved) - here)
    return float(np.mean(rises))


def filter_normalised(weights: Tensor, rng: torch.Generator) -> Tensor:
    """A Gaussian direction in which each filter (first axis) has the norm of that of the weights; zero for vectors."""
    if weights.dim() < 2:
        return torch.zeros_like(weights)
    drawn = torch.randn(weights.shape, generator=rng, dtype=torch.float64).to(weights)
    return drawn * _norms(weights) / _norms(drawn).clamp_min(1e-12)


def _norms(weights: Tensor) -> Tensor:
    """The norm of every filter, in a shape that broadcasts to the weights."""
    return weights.flatten(1).norm(dim=1).reshape(-1, *[1] * (weights.dim() - 1))


def flat(params: Params) -> np.ndarray:
    """Flatten all parameters to one vector (d,), float64."""
    return torch.cat([p.reshape(-1) for p in params.values()]).double().cpu().numpy()


def shaped(vector: Tensor, like: Params) -> Params:
    """Split a vector (d,) into parameters with the shapes, types and devices of `like`."""
    parts = vector.split([p.numel() for p in like.values()])
    return {name: part.reshape(p.shape).to(p) for (name, p), part in zip(like.items(), parts, strict=True)}


class Curvature(Probe):
    """Top eigenvalues and trace of the Hessian, and the rise of the loss nearby.

    Args:
        examples: number of training rows to measure.
        every: number of epochs between measurements.
        top: number of eigenvalues.
        draws: number of random vectors for the trace, and of directions for the sharpness.
        radius: norm of the perturbations, relative to the norm of a filter.
    """

    bounds = {"top": whole(1, 1000), "draws": whole(2, 100_000), "radius": at_least(0)}

    card = ProbeCard(
        "curvature",
        "Sharpness of the minimum: the Hessian of the loss on given labels, and the rise of the loss under random "
        "perturbation. Compare networks at equal training loss, since both go to zero with the loss.",
        {
            "hessian_top": "largest eigenvalue of the Hessian; hessian_top/2 is the next",
            "hessian_trace": "sum of its eigenvalues, estimated",
            "hessian_trace_error": "standard error of that estimate",
            "sharpness": "mean rise of the loss, in nats, when every filter is moved by `radius` of its norm",
        },
        "about 20 to 60 forward and backward passes per eigenvalue, 1 more per draw, and 1 forward pass per draw",
        "Li, Xu, Taylor, Studer and Goldstein, Visualizing the Loss Landscape of Neural Nets, NeurIPS 2018",
        2018,
        departures="the paper plots the perturbed loss; its mean rise is our summary. Eigenvalues and trace are those "
        "of the loss without weight decay",
    )

    def __init__(
        self, examples: int = 256, every: int = 1, top: int = 1, draws: int = 10, radius: float = 0.25
    ) -> None:
        super().__init__(examples, every)

        self.top, self.draws, self.radius = top, draws, radius

    def measure(self, subject: Subject) -> Measured:
        landscape = Landscape(subject.net, subject.x, subject.given)
        eigenvalues = top_eigenvalues(landscape, self.top, subject.rng)
        found = {f"hessian_top/{k + 1}" if k else "hessian_top": float(v) for k, v in enumerate(eigenvalues)}
        mean, error = trace(landscape, self.draws, subject.rng)
        rise = sharpness(landscape, self.radius, self.draws, subject.rng)
        return {**found, "hessian_trace": mean, "hessian_trace_error": error, "sharpness": rise}
