"""Self-paced learning (Kumar, Packer and Koller, NeurIPS 2010), equation 4, with a threshold by percentile.

    v = 1 if l <= lambda else 0,    the minimiser of v l - lambda v over [0, 1]

A fixed lambda drops everything early, so lambda is the running average of a percentile of the batch losses, as in
MentorNet's self-paced curriculum (Jiang et al., ICML 2018): the `keep` easiest share counts. Weights are divided by
their mean over the batch, so that the step does not shrink with the share that is kept.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.methods.checks import within
from noisewise.methods.rate import estimated_noise_rate
from noisewise.training.batch import Batch
from noisewise.training.method import Card, Method, Sight, Task


def self_paced_weights(losses: Tensor, threshold: Tensor) -> Tensor:
    """(N, B) ones where the loss is at most the threshold (N, 1), else zeros."""
    return (losses <= threshold).to(losses.dtype)


class SelfPaced(Method):
    """Weight station: rows with a loss above a running percentile do not count.

    Args:
        keep: share of the rows that counts; None keeps one minus the stated or estimated noise rate.
        burn_in: share of the training in which every row counts.
        decay: of the running average of the threshold.

    Raises:
        BadInput: an option outside its range.
    """

    card = Card(
        "self-paced",
        "Train on the easy rows only, those with a small loss. The threshold follows a percentile of the losses.",
        "Kumar, Packer and Koller, Self-Paced Learning for Latent Variable Models, NeurIPS 2010",
        2010,
        "v = 1[l <= lambda]",
        departures="lambda is a running percentile (MentorNet) instead of a fixed value that anneals; weights "
        "have mean one",
    )

    share: Tensor
    threshold: Tensor
    kept: Tensor

    def __init__(self, keep: float | None = None, burn_in: float = 0.15, decay: float = 0.9) -> None:
        super().__init__()
        within("self-paced", "keep", keep, 0.01, 1)
        within("self-paced", "burn_in", burn_in, 0, 1)
        within("self-paced", "decay", decay, 0, 1)
        self.keep, self.burn_in, self.decay = keep, burn_in, decay

    def prepare(self, task: Task) -> None:
        """Allocate the threshold (N, 1), the share kept and the last weight of every row (rows,)."""
        device = task.given.device
        stated = self.keep if self.keep is not None else 1 - (task.noise_rate or 0.0)
        self.estimates = self.keep is None and task.noise_rate is None
        self.register_buffer("share", torch.tensor(float(stated), device=device))
        self.register_buffer("threshold", torch.full((task.networks, 1), torch.inf, device=device))
        self.register_buffer("kept", torch.ones(task.rows, device=device))

    def weight(self, batch: Batch) -> Tensor:
        if batch.clock.progress < self.burn_in:
            return batch.w
        v = self_paced_weights(batch.losses.detach(), self.threshold)
        return batch.w * v / v.mean(dim=-1, keepdim=True).clamp_min(1e-8)

    def observe(self, batch: Batch) -> None:
        at = torch.quantile(batch.losses.float(), self.share, dim=-1, keepdim=True)
        known = torch.isfinite(self.threshold)
        self.threshold.copy_(torch.where(known, self.decay * self.threshold + (1 - self.decay) * at, at))
        if batch.index is not None:
            self.kept[batch.index] = (batch.w > 0).float().mean(dim=0) if batch.w.ndim == 2 else (batch.w > 0).float()

    def refit(self, sight: Sight) -> None:
        if self.estimates:
            self.share.fill_(1 - estimated_noise_rate(sight.ledger))

    def selection(self) -> Tensor:
        return self.kept
