"""Adaptive robust loss (Shu et al., 2020, arXiv 2002.06482): the three update equations of Meta-Weight-Net, with the
hyper-parameters Lambda of a robust loss in place of a weighting network.

    w'(Lambda) = w - a (1/n) sum grad l(w; Lambda)
    Lambda <- Lambda - b grad_Lambda L_trusted(w'(Lambda))
    w <- w - a (1/n) sum grad l(w; Lambda)       with the new Lambda

Lambda is a function of unconstrained parameters u, which keeps it within its bounds. It starts at known good values:

    gce           q = sigmoid(u), 0.7
    sce           alpha, beta = softplus(u), 0.1 and 1
    bi-tempered   t1 = sigmoid(u), t2 = 1 + softplus(u), 0.8 and 1.2
    poly-soft     lambda = softplus(u), d = 1 + softplus(u), 2 log K and 2

PolySoft starts at twice the loss of a guess, so that every row counts for a fresh network. The parameters u are trained
by Adam (the paper uses SGD), whose steps do not depend on how flat the trusted loss is in them. Passes per row:
2 forward and 4 backward for `order=exact`, 2 and 3 for `first`, 2 and 1 for `last-layer`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from noisewise.bounds import between, one_of
from noisewise.methods.losses.bi_tempered import bi_tempered_loss, tempered_log_softmax
from noisewise.methods.losses.gce import generalized_cross_entropy
from noisewise.methods.losses.poly_soft import poly_soft_loss
from noisewise.methods.losses.sce import symmetric_cross_entropy
from noisewise.training.batch import Batch
from noisewise.training.meta import Learned
from noisewise.training.method import LearningTask, Method, MethodCard
from noisewise.training.networks import first_network

_LEAST = 1e-3


def _logit(value: float) -> float:
    return math.log(value / (1 - value))


def _inverse_softplus(value: float) -> float:
    return math.log(math.expm1(value))


def _share(u: Tensor) -> Tensor:
    return _LEAST + (1 - _LEAST) * u.sigmoid()


def _above(u: Tensor, least: float = 0.0) -> Tensor:
    return least + _LEAST + functional.softplus(u)


@dataclass(frozen=True)
class Base:
    """A robust loss, and how unconstrained parameters map to its hyper-parameters.

    Attributes:
        loss: function of logits, targets and the hyper-parameters.
        bounded: maps (p,) unconstrained parameters to the p hyper-parameters.
        start: the initial unconstrained parameters, given the number of classes.
    """

    loss: Callable[..., Tensor]
    bounded: Callable[[Tensor], tuple[Tensor, ...]]
    start: Callable[[int], list[float]]


BASES = {
    "gce": Base(generalized_cross_entropy, lambda u: (_share(u[0]),), lambda k: [_logit(0.7)]),
    "sce": Base(
        symmetric_cross_entropy,
        lambda u: (_above(u[0]), _above(u[1])),
        lambda k: [_inverse_softplus(0.1), _inverse_softplus(1.0)],
    ),
    "bi-tempered": Base(
        bi_tempered_loss,
        lambda u: (_share(u[0]), _above(u[1], 1.0)),
        lambda k: [_logit(0.8), _inverse_softplus(0.2)],
    ),
    "poly-soft": Base(
        poly_soft_loss,
        lambda u: (_above(u[0]), _above(u[1], 1.0)),
        lambda k: [_inverse_softplus(2 * math.log(k)), _inverse_softplus(1.0)],
    ),
}

CARD = MethodCard(
    "learned-loss",
    "A robust loss whose hyper-parameters are learned on a few trusted rows during training. They need no knowledge "
    "of the noise, and may change over time.",
    "Shu, Zhao, Chen, Xu and Meng, Learning Adaptive Loss for Robust Learning with Noisy Labels, arXiv 2020",
    2020,
    "Lambda <- Lambda - b grad_Lambda L_trusted(w - a grad L(w; Lambda))",
    stations=("run", "loss"),
    forwards=2,
    backwards=4,
    needs_trusted=True,
    departures="bounds are kept by sigmoid and softplus, and the hyper-parameters are trained by Adam",
)


class AdaptiveLoss(Method):
    """Loss station: a robust loss with learnable hyper-parameters.

    Args:
        base: a name in BASES.
    """

    card = CARD

    def __init__(self, base: str = "gce") -> None:
        super().__init__()
        self.base, self.kind = base, BASES[base]
        self.free = nn.Parameter(torch.zeros(len(self.kind.start(2))))

    def prepare(self, task: LearningTask) -> None:
        """Set the hyper-parameters to the initial values of the loss."""
        self.free.data.copy_(torch.tensor(self.kind.start(task.classes)))

    @property
    def values(self) -> tuple[Tensor, ...]:
        """The present hyper-parameters, differentiable in `free`."""
        return self.kind.bounded(self.free)

    def loss(self, batch: Batch) -> Tensor:
        return self.kind.loss(batch.scores, batch.y, *self.values)

    def predict(self, logits: Tensor) -> Tensor:
        """The tempered softmax for the bi-tempered loss, the softmax for the others."""
        if self.base != "bi-tempered":
            return first_network(logits)
        return tempered_log_softmax(logits[0], self.values[1].detach()).exp()


class LearnedLoss(Learned):
    """Loss station with hyper-parameters learned on trusted rows.

    Args:
        base: "gce", "sce", "bi-tempered" or "poly-soft".
        lr: learning rate of the unconstrained parameters.
        order: form of the meta-gradient, "exact", "first" or "last-layer".
        derivative: of the logits along the trusted gradient, "exact" or "difference".
    """

    card = CARD
    bounds = {"base": one_of(*BASES), "lr": between(0, 10)}

    def __init__(self, base: str = "gce", lr: float = 0.01, order: str = "exact", derivative: str = "exact") -> None:
        super().__init__([AdaptiveLoss(base)], lr=lr, order=order, derivative=derivative)
