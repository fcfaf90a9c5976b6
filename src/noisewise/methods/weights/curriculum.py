"""Shared by the weights family: weights from the losses and a running threshold, and their normalisation.

The threshold is the running average of a percentile of the batch losses, as in MentorNet (Jiang et al., ICML 2018). The
percentile is an option, or one minus the stated or estimated noise rate. The weights are divided by their mean over
the batch, so that the size of the step does not depend on how many rows count.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.rate import estimated_noise_rate
from noisewise.training.batch import Batch
from noisewise.training.method import EpochEnd, LearningTask, Method


def mean_one(weights: Tensor) -> Tensor:
    """(..., B) weights divided by their mean over the batch; zeros where all are zero."""
    return weights / weights.mean(dim=-1, keepdim=True).clamp_min(1e-8)


class Curriculum(Method):
    """Weight station: the base of methods whose weights depend on the loss and a threshold. They define `curriculum`.

    Args:
        keep: share of the rows with a loss below the threshold; None is one minus the stated or estimated noise rate.
        burn_in: share of the training in which every row counts.
        decay: decay of the running average of the threshold, per step.
    """

    bounds = {"keep": between(0.01, 1) | None, "burn_in": between(0, 1), "decay": between(0, 1)}
    share: Tensor
    threshold: Tensor
    kept: Tensor

    def __init__(self, keep: float | None, burn_in: float, decay: float) -> None:
        super().__init__()
        self.keep, self.burn_in, self.decay = keep, burn_in, decay

    def prepare(self, task: LearningTask) -> None:
        """Allocate the threshold (N, 1), the share of rows below it, and the last weight of every row (rows,)."""
        device = task.given.device
        stated = self.keep if self.keep is not None else 1 - (task.noise_rate or 0.0)
        self.estimates = self.keep is None and task.noise_rate is None
        self.register_buffer("share", torch.tensor(float(stated), device=device))
        self.register_buffer("threshold", torch.full((task.networks, 1), torch.inf, device=device))
        self.register_buffer("kept", torch.ones(task.rows, device=device))

    def curriculum(self, batch: Batch) -> Tensor:
        """(N, B) weights in [0, 1] from the losses and `self.threshold` (N, 1). Pure."""
        raise NotImplementedError

    def counts(self, batch: Batch) -> Tensor:
        """(N, B) the weights of the curriculum; ones during the burn-in and before the first threshold."""
        ones = torch.ones_like(batch.losses)
        if batch.clock.progress < self.burn_in:
            return ones
        return torch.where(torch.isfinite(self.threshold), self.curriculum(batch), ones).detach()

    def weight(self, batch: Batch) -> Tensor:
        if batch.clock.progress < self.burn_in:
            return batch.w
        return batch.w * mean_one(self.counts(batch))

    def observe(self, batch: Batch) -> None:
        if batch.index is not None:
            self.kept[batch.index] = self.counts(batch).mean(dim=0).to(self.kept.dtype)
        at = torch.quantile(batch.losses.float(), self.share, dim=-1, keepdim=True)
        known = torch.isfinite(self.threshold)
        self.threshold.copy_(torch.where(known, self.decay * self.threshold + (1 - self.decay) * at, at))

    def refit(self, epoch_end: EpochEnd) -> None:
        if self.estimates:
            self.share.fill_(1 - estimated_noise_rate(epoch_end.ledger))

    def selection(self) -> Tensor | None:
        return self.kept
