"""Class-balanced weights (Cui et al., CVPR 2019), equation 2 of the effective number of rows.

    E_n = (1 - beta^n) / (1 - beta),    v = 1 / E_n of the row's class

n is the number of rows with the given label. beta = 0 gives all rows the same weight, beta -> 1 a weight of 1 / n. The
weights have mean one over the rows of the training split; in the paper those of the classes sum to K.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch
from noisewise.training.method import LearningTask, Method, MethodCard


def class_balanced_weights(counts: Tensor, beta: float) -> Tensor:
    """Weights by the inverse effective number of rows.

    Args:
        counts: (K,) number of rows per class.
        beta: see `ClassBalanced`.

    Returns:
        (K,) weights with mean one over the rows; zero for a class without rows.
    """
    n = counts.double()
    # expm1 is exact where beta^n is close to one, as it is for rare classes.
    effective = -torch.expm1(n * math.log(beta)) if beta else torch.ones_like(n)
    v = torch.where(n > 0, 1 / effective, 0.0)
    return v * n.sum() / (v * n).sum()


class ClassBalanced(Method):
    """Weight station: rows of rare classes get larger weights.

    Args:
        beta: in [0, 1); the paper tries 0.9, 0.99, 0.999 and 0.9999.
    """

    card = MethodCard(
        "class-balanced",
        "Rows of rare classes get larger weights, by the inverse of the effective number of rows of their class. It "
        "addresses class imbalance, not wrong labels.",
        "Cui, Jia, Lin, Song and Belongie, Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019",
        2019,
        "v = (1 - beta) / (1 - beta^n)",
        departures="weights have mean one over the rows; classes are counted by the given labels",
    )
    bounds = {"beta": between(0, 1 - 1e-9)}
    memory: Tensor

    def __init__(self, beta: float = 0.999) -> None:
        super().__init__()
        self.beta = beta

    def prepare(self, task: LearningTask) -> None:
        """Set the weights by class, (K,), from the given labels of the training split."""
        counts = torch.bincount(task.given[task.given >= 0], minlength=task.classes)
        self.register_buffer("memory", class_balanced_weights(counts, self.beta).float())

    def weight(self, batch: Batch) -> Tensor:
        return batch.w * (batch.y @ self.memory.to(batch.y.dtype))
