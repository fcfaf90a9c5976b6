"""Perturbed gradient descent with noise annealing (Zhou et al., ICML 2019, arXiv 1909.03172), algorithm 1.

    xi ~ Unif(Ball(rho_s)),    w <- w - eta grad L(w + xi),    rho_s falls from stage to stage, to zero in the last

The noise smooths the objective: the gradient is taken at the perturbed weights. The paper's two-layer network has
weights of norm one, with one ball for its filter and one for its output layer. Here every parameter tensor has its own
ball, with a radius relative to the tensor's norm, and there is no projection to the sphere. The radius decays
geometrically, as in the paper's experiments.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between, whole
from noisewise.methods.gradients.gradient_noise import Draws
from noisewise.training.batch import Batch, Clock
from noisewise.training.method import Gradients, LearningTask, Method, MethodCard, Regrad


def in_ball(like: Tensor, rng: torch.Generator) -> Tensor:
    """A point drawn uniformly from the unit ball, of the shape of `like`."""
    direction = torch.randn(like.shape, generator=rng, dtype=like.dtype, device=like.device)
    length = torch.rand((), generator=rng, dtype=like.dtype, device=like.device) ** (1 / like.numel())
    return direction * (length / direction.norm().clamp_min(1e-12))


class PerturbedGD(Method):
    """Gradient station: the gradient at a random point nearby, at a distance that decays.

    Args:
        rho: radius in the first stage, relative to the norm of each parameter tensor.
        stages: number of stages of equal length; the last has no noise.
        ratio: factor of the radius from stage to stage (the paper: 0.4).
    """

    card = MethodCard(
        "perturbed-gd",
        "Take the gradient at a random point near the weights, closer from stage to stage. The noise smooths the "
        "objective and helps to avoid spurious minima.",
        "Zhou, Liu, Li, Lin, Zhou and Zhao, Toward Understanding the Importance of Noise in Training Neural Networks, "
        "ICML 2019",
        2019,
        "g <- grad L(w + xi),  xi ~ Unif(Ball(rho_s))",
        forwards=1.8,
        backwards=1.8,
        departures="a ball for every parameter tensor, relative to its norm, in place of unit-norm weights with a "
        "projection; the paper proves its theorem for one small network without label noise",
    )
    bounds = {"rho": between(0, 100), "stages": whole(2, 1000), "ratio": between(0, 1)}

    def __init__(self, rho: float = 0.5, stages: int = 5, ratio: float = 0.4) -> None:
        super().__init__()
        self.rho, self.stages, self.ratio = rho, stages, ratio

    def prepare(self, task: LearningTask) -> None:
        """Draw the seed of the noise."""
        self.draws = Draws(task)

    def radius(self, clock: Clock) -> float:
        """rho_s of the stage that this step lies in."""
        stage = int(clock.progress * self.stages)
        return 0.0 if stage >= self.stages - 1 else self.rho * self.ratio**stage

    def gradient(self, gradients: Gradients, params: Gradients, regrad: Regrad, batch: Batch) -> Gradients:
        radius = self.radius(batch.clock)
        if radius == 0:
            return gradients
        rng = self.draws.at(batch.clock)
        return regrad({name: p + radius * p.norm() * in_ball(p, rng) for name, p in params.items()})
