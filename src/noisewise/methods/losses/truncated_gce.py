"""Truncated generalised cross entropy (Zhang and Sabuncu, NeurIPS 2018, arXiv 1805.07836), algorithm 1.

    min over v_i in {0, 1} and the network of    sum_i v_i (L_q(p_i) - L_q(k)),    L_q(p) = (1 - p^q) / q

Alternating search (algorithm 1): the network trains on the rows with v_i = 1, and from time to time v_i becomes 1 where
L_q(p_i) < L_q(k), that is p_i > k, else 0. The weights are not normalised. The paper prunes from epoch 40 of 120 on,
every ten epochs; here these are shares of the training. Under heavy noise a network rarely gives any label more than k
and would drop almost every row for good. The rows with the smallest losses therefore always stay: the estimated (or
stated) share of clean rows, and at least a tenth. No row is dropped before learning has settled (see
`methods/rate.py`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.losses.gce import generalized_cross_entropy
from noisewise.methods.rate import SELF_SET, NoiseRate
from noisewise.training.batch import Batch
from noisewise.training.method import EpochEnd, LearningTask, Method, MethodCard


def truncation(q: float, k: float) -> float:
    """L_q(k), the loss above which a row is dropped."""
    return (1 - k**q) / q


class TruncatedGCE(Method):
    """Loss and weight station with a weight per row, updated between epochs.

    Args:
        q: in (0, 1]; the paper uses 0.7 everywhere.
        k: probability of the given label at or below which a row is dropped; the paper's 0.5.
        start: share of the training before the first pruning.
        every: share of the training between prunings; at least an epoch.
    """

    card = MethodCard(
        "truncated-gce",
        "Generalised cross entropy on the rows whose label the network finds likely. Rows whose label has a "
        "probability below k are dropped, and reconsidered later.",
        "Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels, "
        "NeurIPS 2018",
        2018,
        "sum_i v_i (L_q(p_i) - L_q(k)),  v_i = 1[p_i > k]",
        forwards=1.33,
        departures="the estimated number of clean rows always stays, and all rows do until learning has settled; the "
        "schedule is in shares of the training, which adds about eight passes over the rows for any length; "
        "the passes stated are for 24 epochs; "
        f"{SELF_SET}",
    )
    remembers_rows = True
    predicts_rows = True
    bounds = {"q": between(1e-6, 1), "k": between(0, 1), "start": between(0, 1), "every": between(0, 1)}
    kept: Tensor

    def __init__(self, q: float = 0.7, k: float = 0.5, start: float = 1 / 3, every: float = 1 / 12) -> None:
        super().__init__()
        self.q, self.k, self.start, self.every = q, k, start, every

    def prepare(self, task: LearningTask) -> None:
        """Allocate what the noise rate needs, and the weights, (N, rows) ones."""
        self.noise = NoiseRate(task, task.noise_rate)
        self.register_buffer("kept", torch.ones(task.networks, task.rows, device=task.given.device))

    def loss(self, batch: Batch) -> Tensor:
        return generalized_cross_entropy(batch.scores, batch.y, self.q) - truncation(self.q, self.k)

    def weight(self, batch: Batch) -> Tensor:
        return batch.w * self.kept[:, batch.rows].to(batch.w.dtype)

    def refit(self, epoch_end: EpochEnd) -> None:
        self.noise.update(epoch_end)
        done = epoch_end.epoch + 1
        since = done - round(self.start * epoch_end.epochs)
        pause = max(1, round(self.every * epoch_end.epochs))
        if not self.noise.settled or done == epoch_end.epochs or since < 0 or since % pause:
            return
        index, losses = [], []
        for batch in epoch_end.passes():
            index.append(batch.rows)
            losses.append(generalized_cross_entropy(batch.scores, batch.y, self.q))
        self.prune(torch.cat(index), torch.cat(losses, dim=-1), max(0.1, 1 - self.noise.dropped))

    def prune(self, index: Tensor, losses: Tensor, always: float = 0.1) -> None:
        """Set the weights of rows by their losses.

        Args:
            index: (B,) rows.
            losses: (N, B) their L_q.
            always: share of the rows, those with the smallest losses, that are never dropped.
        """
        ranks = losses.argsort(dim=-1).argsort(dim=-1)
        easy = ranks < always * losses.shape[-1]
        self.kept[:, index] = (easy | (losses < truncation(self.q, self.k))).to(self.kept.dtype)

    def selection(self) -> Tensor:
        return self.kept.mean(dim=0)
