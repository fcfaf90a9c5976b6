"""Co-teaching (Han et al., NeurIPS 2018, arXiv 1804.06872), algorithm 1.

    each network picks the share R(T) of the batch with its smallest losses; the other network trains on these rows
    R(T) = 1 - min((T / T_k)^c, 1) tau

By default no rows are dropped until learning has settled (see `methods/rate.py`); then the share rises to tau in as
many epochs. The paper's ramp begins with the first epoch, and its T_k of 10 epochs is 3,900 steps. In a short training
the networks do not know yet which losses are small, and drop for good what they have not learned.

The exchange is a flip of the picks along the network axis. Each network's objective is the mean over the rows picked
for it. The authors' code divides that mean by the number of picks a second time (with Adam this has no effect); we do
not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between, whole
from noisewise.methods.rate import SELF_SET, NoiseRate
from noisewise.training.batch import Batch
from noisewise.training.method import EpochEnd, LearningTask, Method, MethodCard


def small_loss_picks(losses: Tensor, keep: int | Tensor) -> Tensor:
    """(N, B) ones at the `keep` smallest of each network's losses (N, B), zeros elsewhere."""
    # A stable sort breaks ties by position: equal losses give the same picks on every device.
    order = losses.argsort(dim=-1, stable=True)
    chosen = torch.arange(losses.shape[-1], device=losses.device) < keep
    return torch.zeros_like(losses).scatter_(-1, order, chosen.to(losses.dtype).expand_as(losses))


class CoTeaching(Method):
    """Weight station on two networks: each trains on the other's small-loss rows.

    Args:
        rate: tau, the final share of rows to drop; None takes the stated noise rate, or estimates it after every epoch.
        gradual: T_k, epochs until the share is reached, from the first on (the paper: 10 of 200); None drops nothing
            until learning has settled, and then takes as many epochs again.
        exponent: c of the schedule min((T / T_k)^c, 1), with `gradual`.
    """

    card = MethodCard(
        "coteaching",
        "Two networks train together, and each picks the rows with small losses for the other. Selection errors thus "
        "do not feed back into the network that made them.",
        "Han, Yao, Yu, Niu, Xu, Hu, Tsang and Sugiyama, Co-teaching: Robust Training of Deep Neural Networks with "
        "Extremely Noisy Labels, NeurIPS 2018",
        2018,
        "w = flip(small-loss picks of each network)",
        forwards=2,
        backwards=2,
        networks=2,
        departures="no second division by the number of picks; the share of dropped rows rises from the moment that "
        "learning has settled, instead of over the first T_k epochs (`gradual`); the exponent is that of T / T_k, in "
        f"the authors' code that of tau; {SELF_SET}",
    )
    bounds = {"rate": between(0, 0.99) | None, "gradual": whole(1, 10_000) | None, "exponent": between(0.01, 100)}
    networks = 2
    picked: Tensor

    def __init__(self, rate: float | None = None, gradual: int | None = None, exponent: float = 1.0) -> None:
        super().__init__()
        self.rate, self.gradual, self.exponent = rate, gradual, exponent

    def prepare(self, task: LearningTask) -> None:
        """Allocate what the noise rate needs, and per row (rows,) the share of networks that last trained on it."""
        self.noise = NoiseRate(task, self.rate if self.rate is not None else task.noise_rate)
        self.register_buffer("picked", torch.ones(task.rows, device=task.given.device))

    def forget_rate(self, epoch: int) -> float:
        """1 - R(T), the share of rows to drop in a 0-based epoch."""
        if self.gradual is None:
            return self.noise.dropped
        return self.noise.value * min(((epoch + 1) / self.gradual) ** self.exponent, 1.0)

    def kept(self, rows: int, epoch: int) -> int:
        """How many of `rows` rows are picked in a 0-based epoch; at least one."""
        return max(1, int((1 - self.forget_rate(epoch)) * rows))

    def weight(self, batch: Batch) -> Tensor:
        rows = batch.losses.shape[-1]
        keep = self.kept(rows, batch.clock.epoch)
        picks = small_loss_picks(batch.losses.detach(), keep)
        return batch.w * picks.flip(0) * (rows / keep)

    def observe(self, batch: Batch) -> None:
        if batch.index is not None:
            self.picked[batch.index] = (batch.w > 0).float().mean(dim=0)

    def refit(self, epoch_end: EpochEnd) -> None:
        self.noise.update(epoch_end)

    def selection(self) -> Tensor:
        return self.picked
