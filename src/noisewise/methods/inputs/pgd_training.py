"""Adversarial training (Madry et al., ICLR 2018, arXiv 1706.06083), equation 2.1 with the attack of section 2.1.

    min_w E max_{|d|_inf <= eps} L(w, x + d);   x <- Proj(x + step sign grad_x L), from a random start

eps and the step size are in units of the raw input range [0, 1] for images, and of one standard deviation of each
column for vectors; images stay in their range. The attack runs the networks in evaluation mode (`mode=train` uses
batch statistics).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from noisewise.bounds import between, one_of, whole
from noisewise.devices import generator_on
from noisewise.training.batch import Batch, cross_entropy
from noisewise.training.method import LearningTask, Method, MethodCard
from noisewise.training.networks import Networks, eval_forward, stateless_forward


class PGDTraining(Method):
    """Edit station: replaces every input by an adversarial one near it.

    Args:
        eps: radius in the maximum norm (MNIST 0.3, CIFAR-10 8/255).
        step_size: step size of the attack; None takes 2.5 eps / steps.
        steps: steps of the attack (the paper: 40 for MNIST, 7 for CIFAR-10).
        mode: "eval" or "train", the mode of the networks during the attack.
    """

    card = MethodCard(
        "pgd-training",
        "Train on adversarial inputs, those with the largest loss within a small box around each input. The network "
        "becomes robust to small perturbations.",
        "Madry, Makelov, Schmidt, Tsipras and Vladu, Towards Deep Learning Models Resistant to Adversarial Attacks, "
        "ICLR 2018",
        2018,
        "x <- Proj_eps(x + a sign grad_x L)",
        forwards=8,
        backwards=8,
        departures="by default the attack runs the network in evaluation mode and takes seven steps; the "
        "paper's MNIST setting is eps=0.3, steps=40",
    )
    bounds = {
        "eps": between(0, 100),
        "step_size": between(0, 100) | None,
        "steps": whole(0, 1000),
        "mode": one_of("eval", "train"),
    }

    def __init__(self, eps: float = 0.1, step_size: float | None = None, steps: int = 7, mode: str = "eval") -> None:
        super().__init__()
        self.eps, self.steps, self.mode = eps, steps, mode
        self.step_size = 2.5 * eps / max(steps, 1) if step_size is None else step_size

    def prepare(self, task: LearningTask) -> None:
        """Store the smallest and largest legal input, (C, 1, 1) each; None for vectors."""
        self.box = task.box

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        unit = 1.0 if self.box is None else self.box[1] - self.box[0]
        draws = generator_on(batch.x.device, rng)
        noise = torch.rand(batch.x.shape, generator=draws, device=batch.x.device) * 2 - 1
        return replace(batch, x=self.attack(nets, batch.x, batch.y, self.eps * unit * noise))

    def attack(self, nets: Networks, x: Tensor, y: Tensor, start: Tensor) -> Tensor:
        """Projected gradient ascent on the loss.

        Args:
            nets: the networks under attack.
            x: (B, ...) inputs.
            y: (B, K) targets.
            start: (B, ...) initial perturbation.

        Returns:
            (B, ...) adversarial inputs within eps of `x`.
        """
        unit = 1.0 if self.box is None else self.box[1] - self.box[0]
        moved = self._project(x + start, x, unit)
        for _ in range(self.steps):
            moved = moved.detach().requires_grad_()
            with torch.enable_grad():
                logits = eval_forward(nets, moved) if self.mode == "eval" else stateless_forward(nets, moved)
                (slope,) = torch.autograd.grad(cross_entropy(logits, y).sum(), moved)
            moved = self._project(moved.detach() + self.step_size * unit * slope.sign(), x, unit)
        return moved.detach()

    def _project(self, moved: Tensor, x: Tensor, unit: Tensor | float) -> Tensor:
        near = torch.maximum(torch.minimum(moved, x + self.eps * unit), x - self.eps * unit)
        return near if self.box is None else torch.maximum(torch.minimum(near, self.box[1]), self.box[0])
