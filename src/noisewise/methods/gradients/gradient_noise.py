"""Gradient noise (Neelakantan et al., 2015, arXiv 1511.06807), equation 1.

    g <- g + N(0, sigma_t^2),    sigma_t^2 = eta / (1 + t)^gamma

t counts steps. The noise of a step is a function of a seed, drawn once, and of the step, so that an interrupted
training goes on to the same bits.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch, Clock
from noisewise.training.config import seeded
from noisewise.training.method import Gradients, LearningTask, Method, MethodCard, Regrad


def draw_seed(task: LearningTask) -> Tensor:
    """A seed, as a tensor of shape (), from torch's global generator. As a buffer it is saved with checkpoints."""
    # NumPy and the generators of all devices accept seeds below 2**31.
    return torch.randint(2**31, ()).to(task.given.device)


def generator_at(seed: Tensor, clock: Clock) -> torch.Generator:
    """A generator for the random numbers of one step, on the seed's device: a function of seed, epoch and step."""
    return torch.Generator(seed.device).manual_seed(seeded(int(seed), clock.epoch, clock.step))


class GradientNoise(Method):
    """Gradient station: adds Gaussian noise with a decaying variance.

    Args:
        eta: variance at the first step. The paper's 0.01, 0.3 or 1, with clipped gradients, cost accuracy in short
            trainings.
        gamma: exponent of the decay of the variance (the paper: 0.55).
    """

    card = MethodCard(
        "gradient-noise",
        "Add Gaussian noise to every gradient, with a variance that decays over the steps. The noise helps to leave "
        "narrow minima, in which wrong labels are memorised.",
        "Neelakantan, Vilnis, Le, Sutskever, Kaiser, Kurach and Martens, Adding Gradient Noise Improves Learning for "
        "Very Deep Networks, 2015",
        2015,
        "g <- g + N(0, eta / (1 + t)^gamma)",
        departures="eta is a tenth of the paper's smallest; its clipping of the gradient is the training's "
        "`clip_norm`, and comes after the noise",
    )
    bounds = {"eta": between(0, 100), "gamma": between(0, 10)}
    seed: Tensor

    def __init__(self, eta: float = 0.001, gamma: float = 0.55) -> None:
        super().__init__()
        self.eta, self.gamma = eta, gamma

    def prepare(self, task: LearningTask) -> None:
        """Draw the seed of the noise."""
        self.register_buffer("seed", draw_seed(task))

    def deviation(self, clock: Clock) -> float:
        """sigma_t at this step."""
        return (self.eta / (1 + clock.epoch * clock.steps + clock.step) ** self.gamma) ** 0.5

    def gradient(self, gradients: Gradients, params: Gradients, regrad: Regrad, batch: Batch) -> Gradients:
        rng, sigma = generator_at(self.seed, batch.clock), self.deviation(batch.clock)
        return {
            name: g + sigma * torch.randn(g.shape, generator=rng, dtype=g.dtype, device=g.device)
            for name, g in gradients.items()
        }
