"""Shared by the weights family: weights from the losses and a running threshold, and their normalisation.

The threshold is the running average of a percentile of the batch losses, as in MentorNet (Jiang et al., ICML 2018). The
percentile is an option, or one minus the stated or estimated noise rate. A class that is not learned when rows start to
be dropped is lost, so every row counts until learning has settled (see `methods/rate.py`). The weights are divided by
their mean over the batch, so that the size of the step does not depend on how many rows count.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.rate import NoiseRate
from noisewise.training.batch import Batch, Clock
from noisewise.training.method import EpochEnd, LearningTask, Method


def mean_one(weights: Tensor) -> Tensor:
    """(..., B) weights divided by their mean over the batch; zeros where all are zero."""
    return weights / weights.mean(dim=-1, keepdim=True).clamp_min(1e-8)


class Curriculum(Method):
    """Weight station: the base of methods whose weights depend on the loss and a threshold. They define `curriculum`.

    Args:
        keep: share of the rows with a loss below the threshold; None is one minus the stated or estimated noise rate.
        burn_in: share of the training in which every row counts; None until learning has settled.
        decay: decay of the running average of the threshold, per step.
    """

    bounds = {"keep": between(0.01, 1) | None, "burn_in": between(0, 1) | None, "decay": between(0, 1)}
    threshold: Tensor
    kept: Tensor

    def __init__(self, keep: float | None, burn_in: float | None, decay: float) -> None:
        super().__init__()
        self.keep, self.burn_in, self.decay = keep, burn_in, decay

    def prepare(self, task: LearningTask) -> None:
        """Allocate what the noise rate needs, the threshold (N, 1), and the last weight of every row (rows,)."""
        device = task.given.device
        self.noise = NoiseRate(task, task.noise_rate if self.keep is None else 1 - self.keep)
        self.register_buffer("threshold", torch.full((task.networks, 1), torch.inf, device=device))
        self.register_buffer("kept", torch.ones(task.rows, device=device))

    def curriculum(self, batch: Batch) -> Tensor:
        """(N, B) weights in [0, 1] from the losses and `self.threshold` (N, 1). Pure."""
        raise NotImplementedError

    @property
    def below(self) -> float:
        """Share of the rows with a loss below the threshold."""
        return 1 - (self.noise.dropped if self.burn_in is None else self.noise.value)

    def burning_in(self, clock: Clock) -> bool:
        """Whether every row counts still."""
        return not self.noise.settled if self.burn_in is None else clock.progress < self.burn_in

    def counts(self, batch: Batch) -> Tensor:
        """(N, B) the weights of the curriculum; ones during the burn-in and before the first threshold."""
        ones = torch.ones_like(batch.losses)
        if self.burning_in(batch.clock):
            return ones
        return torch.where(torch.isfinite(self.threshold), self.curriculum(batch), ones).detach()

    def weight(self, batch: Batch) -> Tensor:
        # Not divided by their mean: where few rows count, larger steps on them make a network without normalisation
        # diverge.
        if self.burning_in(batch.clock):
            return batch.w
        return batch.w * self.counts(batch)

    def observe(self, batch: Batch) -> None:
        if batch.index is not None:
            self.kept[batch.index] = self.counts(batch).mean(dim=0).to(self.kept.dtype)
        at = torch.quantile(batch.losses.float(), self.below, dim=-1, keepdim=True)
        known = torch.isfinite(self.threshold)
        self.threshold.copy_(torch.where(known, self.decay * self.threshold + (1 - self.decay) * at, at))

    def refit(self, epoch_end: EpochEnd) -> None:
        self.noise.update(epoch_end)

    def selection(self) -> Tensor | None:
        return self.kept
