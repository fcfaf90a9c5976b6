"""Adversarial training (Madry et al., ICLR 2018, arXiv 1706.06083), equation 2.1 with the attack of section 2.1.

    min_w E max_{|d|_inf <= eps} L(w, x + d);   x <- Proj(x + step sign grad_x L), from a random start

eps and the step size are in units of the raw input range [0, 1] for images, and of one standard deviation of each
column for vectors; images stay in their range. The attack runs the networks in evaluation mode (`mode=train` uses
batch statistics).

Other attacks are settings: `steps=1,start=input` is the fast gradient sign method (Goodfellow et al., 2015), `norm=l2`
the attack within a Euclidean ball, `target=next` one that aims at a class, and `loss=margin` raises the margin of
Carlini and Wagner (2017) rather than the cross entropy.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from noisewise.bounds import between, one_of, whole
from noisewise.devices import generator_on
from noisewise.models.attacks import LOSSES, NORMS, STARTS, TARGETS, Ascent, aimed, loss_of
from noisewise.training.batch import Batch
from noisewise.training.method import LearningTask, Method, MethodCard
from noisewise.training.networks import Networks, eval_forward, stateless_forward


class PGDTraining(Method):
    """Edit station: replaces every input by an adversarial one near it.

    Args:
        eps: radius (in the maximum norm MNIST 0.3, CIFAR-10 8/255).
        step_size: step size of the attack; None takes 2.5 eps / steps.
        steps: steps of the attack (the paper: 40 for MNIST, 7 for CIFAR-10).
        mode: "eval" or "train", the mode of the networks during the attack.
        norm: in which eps is measured: "inf", the largest change of a number, or "l2", the Euclidean length of all.
        start: "random" in the ball, or "input", at the input itself.
        target: "away" raises the loss of the given class; "next" and "random" lower that of the next or another class.
        loss: "ce", the cross entropy, or "margin", the largest other logit minus that of the class, at most 50.
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
        "paper's MNIST setting is eps=0.3, steps=40; training on targeted attacks and on margins is ours",
    )
    bounds = {
        "eps": between(0, 100),
        "step_size": between(0, 100) | None,
        "steps": whole(0, 1000),
        "mode": one_of("eval", "train"),
        "norm": one_of(*NORMS),
        "start": one_of(*STARTS),
        "target": one_of(*TARGETS),
        "loss": one_of(*LOSSES),
    }

    def __init__(
        self,
        eps: float = 0.1,
        step_size: float | None = None,
        steps: int = 7,
        mode: str = "eval",
        norm: str = "inf",
        start: str = "random",
        target: str = "away",
        loss: str = "ce",
    ) -> None:
        super().__init__()
        self.ascent = Ascent(eps, steps, step_size, norm)
        self.eps, self.mode, self.start = eps, mode, start
        self.aim, self.raised = target, loss  # `target` and `loss` are stations

    def prepare(self, task: LearningTask) -> None:
        """Store the smallest and largest legal input, (C, 1, 1) each; None for vectors."""
        self.box = task.box

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        draws = generator_on(batch.x.device, rng)
        x, y = batch.x, batch.y
        start = self.ascent.random(x, draws, self.unit) if self.start == "random" else torch.zeros_like(x)
        if self.aim != "away":
            classes = y.shape[-1]
            y = one_hot(aimed(y.argmax(dim=-1), classes, self.aim, draws), classes).to(y)
        return replace(batch, x=self.attack(nets, x, y, start))

    @property
    def unit(self) -> Tensor | float:
        """What the whole range of a pixel is in units of a prepared image; 1 for vectors."""
        return 1.0 if self.box is None else self.box[1] - self.box[0]

    def attack(self, nets: Networks, x: Tensor, y: Tensor, start: Tensor) -> Tensor:
        """Projected gradient ascent on the loss, or descent towards `y` where the attack is targeted.

        Args:
            nets: the networks under attack.
            x: (B, ...) inputs.
            y: (B, K) targets.
            start: (B, ...) initial perturbation.

        Returns:
            (B, ...) adversarial inputs within eps of `x`.
        """

        def slope(moved: Tensor) -> Tensor:
            moved = moved.detach().requires_grad_()
            with torch.enable_grad():
                logits = eval_forward(nets, moved) if self.mode == "eval" else stateless_forward(nets, moved)
                (found,) = torch.autograd.grad(loss_of(logits, y, self.raised), moved)
            return found if self.aim == "away" else -found

        return self.ascent.climb(slope, x, x + start, self.unit, self.box)
