"""Early-learning regularisation (Liu et al., NeurIPS 2020, arXiv 2007.00151), equations 6 and 9.

    t_i <- beta t_i + (1 - beta) p_i
    L = CE + lambda mean_i log(1 - <t_i, p_i>)

t is a memory per row of what the network predicted early, before it memorised. The penalty pulls the prediction
towards it. The memory used in a step already holds this step's prediction, as in the paper; it is computed on the
fly, so that the penalty stays pure, and written in `observe`. Probabilities are clamped to [1e-4, 1 - 1e-4], and
renormalised for the memory.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch
from noisewise.training.method import Card, Method, Task

_CLAMP = 1e-4


def early_learning_penalty(p: Tensor, memory: Tensor) -> Tensor:
    """(...) mean over rows of log(1 - <t, p>) for clamped probabilities and memory (..., B, K)."""
    return torch.log1p(-(memory * p).sum(dim=-1)).mean(dim=-1)


class ELR(Method):
    """Penalty station with a memory per row.

    Args:
        beta: inertia of the memory (the paper: 0.7 for CIFAR-10, 0.9 for CIFAR-100 and asymmetric noise).
        lam: weight of the penalty (the paper: 3 for CIFAR-10, 7 for CIFAR-100, 1 for asymmetric noise).
    """

    card = Card(
        "elr",
        "Remember for every row what the network predicted early on, and penalise moving away from it. Wrong labels "
        "so lose their pull before they are memorised.",
        "Liu, Niles-Weed, Razavian and Fernandez-Granda, Early-Learning Regularization Prevents Memorization of "
        "Noisy Labels, NeurIPS 2020",
        2020,
        "L = CE + lambda mean log(1 - <t, p>),  t <- beta t + (1 - beta) p",
    )
    remembers_rows = True
    bounds = {"beta": between(0, 1), "lam": between(0, 1000)}
    memory: Tensor

    def __init__(self, beta: float = 0.7, lam: float = 3.0) -> None:
        super().__init__()
        self.beta, self.lam = beta, lam

    def prepare(self, task: Task) -> None:
        """Allocate the memory, (N, rows, K) zeros."""
        self.register_buffer("memory", torch.zeros(task.networks, task.rows, task.classes, device=task.given.device))

    def penalty(self, batch: Batch) -> Tensor:
        p = batch.scores.softmax(dim=-1).clamp(_CLAMP, 1 - _CLAMP)
        return self.lam * early_learning_penalty(p, self._updated(batch)).sum()

    def observe(self, batch: Batch) -> None:
        self.memory[:, batch.rows] = self._updated(batch).to(self.memory.dtype)

    @torch.no_grad()
    def _updated(self, batch: Batch) -> Tensor:
        p = batch.scores.softmax(dim=-1).clamp(_CLAMP, 1 - _CLAMP)
        return self.beta * self.memory[:, batch.rows] + (1 - self.beta) * p / p.sum(dim=-1, keepdim=True)
