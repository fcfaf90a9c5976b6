"""Volume minimisation (Li et al., ICML 2021, arXiv 2102.02400), the paper's equation for end-to-end learning.

    L = -log (p T)_y + lambda log det T,    T = rows of (I + sigmoid(w) off the diagonal), each over its sum

T is learned along with the network, without anchor points. Of all matrices that explain the given labels, the penalty
selects the one with the smallest simplex, which is the true one if the clean posteriors are sufficiently scattered. By
construction the diagonal entry is the largest of its row. As in the authors' code, the logarithm is of the absolute
value of the determinant.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from noisewise.bounds import between, one_of
from noisewise.methods.transition.matrix import forward_loss
from noisewise.training.batch import Batch
from noisewise.training.config import OPTIMIZERS
from noisewise.training.method import LearningTask, Method, MethodCard

_AWAY = 1.073


def dominant_transition(raw: Tensor) -> Tensor:
    """Transition matrix (K, K): 1 on the diagonal, sigmoid(raw) off it, each row divided by its sum."""
    identity = torch.eye(len(raw), dtype=raw.dtype, device=raw.device)
    filled = identity + raw.sigmoid() * (1 - identity)
    return filled / filled.sum(dim=1, keepdim=True)


def start(classes: int) -> float:
    """Initial raw entry of T: the authors' -2 for ten classes, and about the same share of wrong labels for others.

    That share is the mass of T off the diagonal; for two classes it is the largest possible.
    """
    share = min(0.5, _AWAY / (classes - 1))
    return math.log(share / (1 - share))


class VolMinNet(Method):
    """Loss and penalty station with a learned transition matrix.

    Args:
        lam: weight of the log-volume (the paper: 1e-4).
        lr: learning rate of the matrix; None is the networks', as in the paper.
        init: initial raw entry (the authors: -2 for 10 classes, -4.5 for 100); None sets it by the number of classes.
        optimizer: optimiser of the matrix: "sgd", "nesterov", "adam" or "adamw"; None is the networks' (the authors:
            SGD on CIFAR-10, Adam on MNIST and CIFAR-100).
    """

    card = MethodCard(
        "volminnet",
        "Learn the transition matrix of the labels together with the network in front of it. Among the matrices that "
        "explain the labels, the one with the smallest volume is preferred.",
        "Li, Liu, Han, Niu and Sugiyama, Provably End-to-end Label-noise Learning without Anchor Points, ICML 2021",
        2021,
        "L = -log sum_i p_i T_iy + lambda log det T",
        departures="the matrix keeps one learning rate, and the authors' falls with the networks'; the epoch to keep "
        "is chosen as for every method, by accuracy on noisy validation rows, and the authors' by the loss there",
    )
    bounds = {
        "lam": between(0, 1000),
        "lr": between(1e-12, 1000) | None,
        "init": between(-50, 50) | None,
        "optimizer": one_of(*OPTIMIZERS) | None,
    }
    raw: Tensor

    def __init__(
        self,
        lam: float = 1e-4,
        lr: float | None = None,
        init: float | None = None,
        optimizer: str | None = None,
    ) -> None:
        super().__init__()
        self.lam, self.joint_lr, self.init, self.joint_optimizer = lam, lr, init, optimizer

    def prepare(self, task: LearningTask) -> None:
        """Allocate the raw entries of T (K, K)."""
        raw = start(task.classes) if self.init is None else float(self.init)
        self.raw = nn.Parameter(torch.full((task.classes, task.classes), raw, device=task.given.device))

    @property
    def transition(self) -> Tensor:
        """(K, K) the current matrix."""
        return dominant_transition(self.raw)

    def loss(self, batch: Batch) -> Tensor:
        return forward_loss(batch.scores, batch.y, self.transition)

    def penalty(self, batch: Batch) -> Tensor:
        return self.lam * self.transition.slogdet().logabsdet
