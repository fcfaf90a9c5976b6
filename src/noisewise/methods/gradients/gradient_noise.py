"""Gradient noise (Neelakantan et al., 2015, arXiv 1511.06807), equation 1.

    g <- g + N(0, sigma_t^2),    sigma_t^2 = eta / (1 + t)^gamma

t counts steps. The noise of a step is a function of a seed, drawn once, and of the step, so that an interrupted
training goes on to the same bits.
"""

from __future__ import annotations

import torch
from torch import nn

from noisewise.bounds import between
from noisewise.training.batch import Batch, Clock
from noisewise.training.config import seeded
from noisewise.training.method import Gradients, LearningTask, Method, MethodCard, Regrad


class Draws(nn.Module):
    """Random numbers of a method as a function of a seed and the step; the seed is saved with checkpoints.

    Args:
        task: for the device on which the numbers are drawn.

    Attributes:
        seed: drawn from torch's global generator.
    """

    def __init__(self, task: LearningTask) -> None:
        super().__init__()
        self.device = task.given.device
        # NumPy and the generators of all devices accept seeds below 2**31. As a number it is known without a wait.
        self.seed = int(torch.randint(2**31, ()))

    def at(self, clock: Clock) -> torch.Generator:
        """A generator for the random numbers of one step: a function of seed, epoch and step."""
        return torch.Generator(self.device).manual_seed(seeded(self.seed, clock.epoch, clock.step))

    def get_extra_state(self) -> dict[str, int]:
        """What a checkpoint stores."""
        return {"seed": self.seed}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Restore what `get_extra_state` returned."""
        self.seed = state["seed"]


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

    def __init__(self, eta: float = 0.001, gamma: float = 0.55) -> None:
        super().__init__()
        self.eta, self.gamma = eta, gamma

    def prepare(self, task: LearningTask) -> None:
        """Draw the seed of the noise."""
        self.draws = Draws(task)

    def deviation(self, clock: Clock) -> float:
        """sigma_t at this step."""
        return (self.eta / (1 + clock.epoch * clock.steps + clock.step) ** self.gamma) ** 0.5

    def gradient(self, gradients: Gradients, params: Gradients, regrad: Regrad, batch: Batch) -> Gradients:
        rng, sigma = self.draws.at(batch.clock), self.deviation(batch.clock)
        return {
            name: g + sigma * torch.randn(g.shape, generator=rng, dtype=g.dtype, device=g.device)
            for name, g in gradients.items()
        }
