"""Volume minimisation (Li et al., ICML 2021, arXiv 2102.02400), the paper's equation for end-to-end learning.

    L = -log (p T)_y + lambda log det T,    T = rows of (I + sigmoid(w) off the diagonal), each over its sum

T is learned along with the network, with no anchor points. Of all matrices that explain the given labels the penalty
chooses the one whose simplex is the smallest, which is the true one if the clean posteriors are sufficiently scattered.
As built, a diagonal entry is the largest of its row. The logarithm is that of the absolute value, as in the authors'
code.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from noisewise.bounds import between
from noisewise.methods.transition.matrix import forward_loss
from noisewise.training.batch import Batch
from noisewise.training.method import Card, Method, Task

_AWAY = 1.073


def dominant_transition(raw: Tensor) -> Tensor:
    """(K, K) rows that sum to one, with one before the division on the diagonal and sigmoid(raw) off it."""
    identity = torch.eye(len(raw), dtype=raw.dtype, device=raw.device)
    filled = identity + raw.sigmoid() * (1 - identity)
    return filled / filled.sum(dim=1, keepdim=True)


def start(classes: int) -> float:
    """The raw entry at which T starts: -2 for ten classes, as the authors', and a like share of wrong labels for more.

    The share is that of all labels that T moves off the diagonal; for two classes it is as large as may be.
    """
    share = min(0.5, _AWAY / (classes - 1))
    return math.log(share / (1 - share))


class VolMinNet(Method):
    """Loss and penalty station with a learned transition matrix.

    Args:
        lam: weight of the log-volume (the paper: 1e-4).
        lr: learning rate of the matrix; None is the networks', as in the paper.
        init: raw entry to start from (the authors: -2 for 10 classes, -4.5 for 100); None chooses by the classes.
    """

    card = Card(
        "volminnet",
        "Learn the matrix of label confusions together with the network behind which it stands. Among the matrices "
        "that explain the labels, the one of the smallest volume is preferred.",
        "Li, Liu, Han, Niu and Sugiyama, Provably End-to-end Label-noise Learning without Anchor Points, ICML 2021",
        2021,
        "L = -log sum_i p_i T_iy + lambda log det T",
    )
    bounds = {"lam": between(0, 1000), "lr": between(1e-12, 1000) | None, "init": between(-50, 50) | None}
    raw: Tensor

    def __init__(self, lam: float = 1e-4, lr: float | None = None, init: float | None = None) -> None:
        super().__init__()
        self.lam, self.joint_lr, self.init = lam, lr, init

    def prepare(self, task: Task) -> None:
        """Allocate the raw entries of T (K, K)."""
        raw = start(task.classes) if self.init is None else float(self.init)
        self.raw = nn.Parameter(torch.full((task.classes, task.classes), raw, device=task.given.device))

    @property
    def transition(self) -> Tensor:
        """(K, K) the matrix as it is now."""
        return dominant_transition(self.raw)

    def loss(self, batch: Batch) -> Tensor:
        return forward_loss(batch.scores, batch.y, self.transition)

    def penalty(self, batch: Batch) -> Tensor:
        return self.lam * self.transition.slogdet().logabsdet
