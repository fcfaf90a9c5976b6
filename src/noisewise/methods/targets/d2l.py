"""Dimensionality-driven learning, D2L (Ma et al., ICML 2018, arXiv 1806.02612), algorithm 1.

    LID(x) = -(1/k sum_i log r_i / r_k)^-1       r_1 <= ... <= r_k: distances to the k nearest rows of its batch
    turn when LID_e > mean + 2 std of the LIDs of the `window` epochs before
    from then on   y* = alpha y + (1 - alpha) onehot(argmax p),   alpha = exp(-(e/E) LID_e / min_{j<e} LID_j)

The dimension of the last hidden representation first falls, and rises when memorisation begins; from then on the
network's own predictions are mixed into the labels. The dimension is measured in evaluation mode on the first `points`
rows of every epoch as they are drawn. No turn is detected in the first 40 of 120 epochs for CIFAR-10 and 5 of 50 for
MNIST in the paper, and in a share of the training here. The weights are not reset to the epoch before the turn: in the
authors' code that step has no effect, because the stored weights have been overwritten by then.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from noisewise.bounds import between, whole
from noisewise.methods.phases import phase_epochs
from noisewise.methods.targets.bootstrap import hard_prediction
from noisewise.models import penultimate
from noisewise.theory.dimension import intrinsic_dimension
from noisewise.training.batch import Batch
from noisewise.training.method import EpochEnd, LearningTask, Method, MethodCard
from noisewise.training.networks import Networks, evaluating

_BURN_IN = 0.2


def has_turned(lids: Tensor) -> Tensor:
    """Whether the last of (..., window + 1) values exceeds the mean of the rest by more than 2 standard deviations."""
    before = lids[..., :-1]
    return lids[..., -1] - before.mean(dim=-1) > 2 * before.std(dim=-1, correction=0)


class D2L(Method):
    """Target station that follows the dimension of the representation; each network has its own.

    Args:
        neighbours: k, the paper's 20.
        window: number of epochs to compare with, at most a quarter of the training.
        burn_in: share of the training before the first window, in which no turn is detected; None takes a fifth,
            between the paper's tenth (MNIST) and third (CIFAR-10), in a short training 250 steps or a third.
        points: rows per epoch on which the dimension is measured, the paper's 1,280.
    """

    card = MethodCard(
        "d2l",
        "Monitor the dimension of the representation, which rises when the network begins to memorise. From then on a "
        "growing share of the labels is replaced by its own predictions.",
        "Ma, Wang, Houle, Zhou, Erfani, Xia, Wijewickrema and Bailey, Dimensionality-Driven Learning with Noisy "
        "Labels, ICML 2018",
        2018,
        "target = alpha y + (1 - alpha) onehot(argmax p),  alpha = exp(-(e/E) LID_e / min LID)",
        forwards=1.03,
        departures="the weights are not reset at the turn; the burn-in is a share of the training, in a short one "
        "250 steps or a third of it, where the paper has a number of epochs for every data set; the window is at "
        "most a quarter of the training; the dimension is measured on rows as drawn; the lowest dimension is that of "
        "earlier epochs, as in the paper, where the code includes the present one",
    )
    bounds = {
        "neighbours": whole(2, 10_000),
        "window": whole(2, 10_000),
        "burn_in": between(0, 1) | None,
        "points": whole(2, 10_000_000),
    }
    recent: Tensor
    lowest: Tensor
    turned: Tensor
    alpha: Tensor
    total: Tensor

    def __init__(self, neighbours: int = 20, window: int = 5, burn_in: float | None = None, points: int = 1280) -> None:
        super().__init__()
        self.neighbours, self.window, self.burn_in, self.points = neighbours, window, burn_in, points

    def prepare(self, task: LearningTask) -> None:
        """Allocate, per network, the recent dimensions, the lowest, whether it turned, alpha, and the epoch's sums."""
        device, nets = task.given.device, task.networks
        self.span = max(2, min(self.window, task.epochs // 4))
        published = round(_BURN_IN * task.epochs)
        self.start = (
            phase_epochs(published, task.epochs, task.steps)
            if self.burn_in is None
            else round(self.burn_in * task.epochs)
        )
        self.register_buffer("recent", torch.zeros(nets, self.span + 1, device=device))
        self.register_buffer("lowest", torch.full((nets,), torch.inf, device=device))
        self.register_buffer("turned", torch.zeros(nets, dtype=torch.bool, device=device))
        self.register_buffer("alpha", torch.ones(nets, device=device))
        self.register_buffer("total", torch.zeros(nets, device=device))
        self.count = 0  # of rows in this epoch: a number, so that no step waits for it

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        short = 0 < batch.clock.step == batch.clock.steps - 1
        if short or self.count >= self.points:
            return batch
        with evaluating(nets):
            found = [intrinsic_dimension(penultimate(net, batch.x), self.neighbours) for net in nets.nets]
        return replace(batch, info={**batch.info, "dimension": torch.stack(found, dim=1)})

    def target(self, batch: Batch) -> Tensor:
        alpha = self.alpha[:, None, None]
        return alpha * batch.y + (1 - alpha) * hard_prediction(batch.scores)

    def observe(self, batch: Batch) -> None:
        if "dimension" in batch.info:
            self.total += batch.info["dimension"].sum(dim=0)
            self.count += len(batch)

    def refit(self, epoch_end: EpochEnd) -> None:
        lid = self.total / self.count
        self.recent.copy_(torch.cat([self.recent[:, 1:], lid[:, None]], dim=1))
        if epoch_end.epoch + 1 > self.start + self.span:
            self.turned |= has_turned(self.recent)
        share = (epoch_end.epoch + 1) / epoch_end.epochs
        self.alpha.copy_(torch.where(self.turned, torch.exp(-share * lid / self.lowest), 1.0))
        self.lowest.copy_(torch.minimum(self.lowest, lid))
        self.total.zero_()
        self.count = 0
