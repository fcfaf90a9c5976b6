"""CORES2 (Cheng et al., ICLR 2021, arXiv 2010.02347), the equations of confidence regularisation and sample sieve.

    L = l(f, y) - beta E_q[l(f, Y)],    q the frequencies of the given labels among the rows kept so far
    v = 1[l(f, y) <= alpha],            alpha = mean over all classes k of l(f, k)

The second part of the loss rewards confident predictions, which cancels the average effect of symmetric noise. The
sieve needs no noise rate: it keeps rows whose label is likelier than a guess. As in the authors' code beta is zero at
first, then rises linearly, and the sieve starts once predictions are confident. Both start later here than there (their
schedule is the preset), since a network without normalisation collapses otherwise; the sieve also waits until learning
has settled (see `methods/rate.py`), since before it would keep the network's own errors. They divide the learning rate
by 1 + beta; here the loss is divided. In E and alpha, l is -log(p + 1e-8), which bounds the reward. Their second phase,
consistency training on the rows that were sieved out, is not part of this method.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between, check
from noisewise.methods.rate import NoiseRate
from noisewise.methods.weights.curriculum import mean_one
from noisewise.training.batch import Batch, Clock, cross_entropy
from noisewise.training.method import EpochEnd, LearningTask, Method, MethodCard

_FLOOR = 1e-8
_START = 0.4


def class_losses(logits: Tensor) -> Tensor:
    """(..., B, K) -log(p_k + 1e-8) of every class."""
    return -(logits.softmax(dim=-1) + _FLOOR).log()


def confidence_regularised(logits: Tensor, targets: Tensor, prior: Tensor, beta: float) -> Tensor:
    """Cross entropy minus the confidence term, l(f, y) - beta sum_k q_k l(f, k).

    Args:
        logits: (..., B, K).
        targets: (..., B, K) distributions.
        prior: (..., 1, K) class frequencies q.
        beta: weight of the confidence term.

    Returns:
        (..., B) losses.
    """
    return cross_entropy(logits, targets) - beta * (prior * class_losses(logits)).sum(dim=-1)


def sieve(logits: Tensor, targets: Tensor) -> Tensor:
    """(..., B) ones where the loss of the target is at most the mean over all classes, else zeros."""
    return (cross_entropy(logits, targets) <= class_losses(logits).mean(dim=-1)).to(logits.dtype)


class CORES2(Method):
    """Loss and weight stations: confidence regularisation and a sample sieve. Remembers which rows the sieve kept.

    Args:
        beta: final weight of the confidence term (the paper: 2).
        warm: share of the training with beta = 0.
        full: share of the training after which beta is at its final value.
        start: share of the training after which rows are sieved; None is 0.4, or later when learning has settled.
    """

    card = MethodCard(
        "cores2",
        "Reward confident predictions, and sieve out rows whose label is less likely than a guess. No noise rate is "
        "needed.",
        "Cheng, Zhu, Li, Gong, Sun and Liu, Learning with Instance-Dependent Label Noise: A Sample Sieve Approach, "
        "ICLR 2021",
        2021,
        "L = v (l(f, y) - beta E_q[l(f, Y)]),  v = 1[l(f, y) <= mean_k l(f, k)]",
        departures="the loss is divided by 1 + beta instead of the learning rate; no second phase on the rows that "
        "were sieved out; no row is sieved out before 40 % of the training or before predictions are stable, which "
        "under heavy noise may be never",
    )
    bounds = {"beta": between(0, 100), "warm": between(0, 1), "full": between(0, 1), "start": between(0, 1) | None}
    memory: Tensor
    kept: Tensor
    given: Tensor

    def __init__(self, beta: float = 2.0, warm: float = 0.2, full: float = 0.6, start: float | None = None) -> None:
        super().__init__()
        check("cores2", "full", full, between(warm, 1))
        self.beta, self.warm, self.full, self.start = beta, warm, full, start

    def prepare(self, task: LearningTask) -> None:
        """Allocate q (N, K), which rows the sieve kept (N, rows), and the given labels (rows,)."""
        self.noise = NoiseRate(task, 0.0)
        self.register_buffer("given", task.given.clone())
        self.register_buffer("kept", torch.ones(task.networks, task.rows, device=task.given.device))
        self.register_buffer("memory", torch.zeros(task.networks, task.classes, device=task.given.device))
        self._count()

    def beta_at(self, progress: float) -> float:
        """Weight of the confidence term after the share `progress` of the training."""
        risen = (progress - self.warm) / max(self.full - self.warm, 1e-9)
        return self.beta * min(max(risen, 0.0), 1.0)

    def loss(self, batch: Batch) -> Tensor:
        beta = self.beta_at(batch.clock.progress)
        prior = self.memory.to(batch.scores.dtype)[:, None]
        return confidence_regularised(batch.scores, batch.y, prior, beta) / (1 + beta)

    def weight(self, batch: Batch) -> Tensor:
        if not self._sieves(batch.clock):
            return batch.w
        return batch.w * mean_one(sieve(batch.scores.detach(), batch.y))

    def observe(self, batch: Batch) -> None:
        if batch.index is not None and self._sieves(batch.clock):
            self.kept[:, batch.index] = sieve(batch.scores, batch.y).to(self.kept.dtype)

    def _sieves(self, clock: Clock) -> bool:
        if self.start is None:
            return self.noise.settled and clock.progress >= _START
        return clock.progress >= self.start

    def refit(self, epoch_end: EpochEnd) -> None:
        if self.start is None:
            self.noise.update(epoch_end)
        self._count()

    def _count(self) -> None:
        rows = self.given >= 0
        counts = torch.zeros_like(self.memory).index_add_(1, self.given[rows], self.kept[:, rows])
        self.memory.copy_(counts / counts.sum(dim=-1, keepdim=True).clamp_min(1))

    def selection(self) -> Tensor:
        return self.kept.mean(dim=0)
