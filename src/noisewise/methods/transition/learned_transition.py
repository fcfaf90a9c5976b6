"""Meta loss correction (Wang, Hu and Hu, CVPR 2020, Training Noise-Robust Deep Neural Networks via Meta-Learning): its
bilevel update equations for a transition matrix.

    L(w; T) = -log sum_i p_i T_iy,    T = softmax over each row of U
    w'(U) = w - a grad_w L(w; T(U))
    U <- U - b grad_U L_trusted(w'(U))
    w <- w - a grad_w L(w; T)         with the new T

T thus needs no second network and no anchor points. It starts with `start` on the diagonal and a uniform rest: a
softmax near the identity would hardly change, and labels memorised before T has changed stay memorised. A trusted batch
carries no information about a class that it does not contain; the row of U of that class gets no gradient from it.
Passes per row: 2 forward and 4 backward for `order=exact`, 2 and 3 for `first`, 2 and 1 for `last-layer`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from noisewise.bounds import between
from noisewise.methods.transition.matrix import forward_loss
from noisewise.training.batch import Batch
from noisewise.training.meta import TRUSTED, Learned
from noisewise.training.method import LearningTask, Method, MethodCard

CARD = MethodCard(
    "learned-transition",
    "The transition matrix of the labels is learned on a few trusted rows while the network trains with it. No first "
    "network is needed to estimate it.",
    "Wang, Hu and Hu, Training Noise-Robust Deep Neural Networks via Meta-Learning, CVPR 2020",
    2020,
    "L = -log sum_i p_i T_iy,  T <- T - b grad_T L_trusted(w - a grad L(w; T))",
    stations=("run", "loss"),
    forwards=2,
    backwards=4,
    needs_trusted=True,
    departures="the rows of the matrix are softmaxes, updated by Adam; a trusted batch does not update the row of a "
    "class that it does not contain",
)


def initial_scores(classes: int, start: float) -> Tensor:
    """Scores (K, K) whose softmax is `start` on the diagonal and constant elsewhere."""
    return math.log(start * max(classes - 1, 1) / (1 - start)) * torch.eye(classes)


class Transition(Method):
    """Loss station: cross entropy after a learned transition matrix.

    Args:
        start: initial value on the diagonal, in (0, 1).
    """

    card = CARD

    def __init__(self, start: float = 0.5) -> None:
        super().__init__()
        self.start = start
        self.scores = nn.Parameter(torch.zeros(0, 0))

    def prepare(self, task: LearningTask) -> None:
        """Allocate U, (K, K)."""
        self.scores = nn.Parameter(initial_scores(task.classes, self.start).to(task.given.device))

    @property
    def transition(self) -> Tensor:
        """(K, K) the current matrix, T[i, j] = P(given = j | true = i)."""
        return self.scores.softmax(dim=-1)

    def loss(self, batch: Batch) -> Tensor:
        return forward_loss(batch.scores, batch.y, self.transition)


class LearnedTransition(Learned):
    """A learned loss correction.

    Args:
        start: initial share of every class that is assumed to be labelled correctly, in (0, 1).
        lr: learning rate of the matrix.
        order: order of the meta-gradient, "exact", "first" or "last-layer".
        derivative: of the logits along the trusted gradient, "exact" or "difference".
    """

    card = CARD
    bounds = {"start": between(1e-6, 1 - 1e-6), "lr": between(0, 10)}

    def __init__(self, start: float = 0.5, lr: float = 0.03, order: str = "exact", derivative: str = "exact") -> None:
        super().__init__([Transition(start)], lr=lr, order=order, derivative=derivative)

    def meta_gradient(self, batch: Batch, tangent: Tensor, knobs: list[Tensor]) -> tuple[Tensor, ...]:
        """The gradient of the base class, with zero rows for the classes that the trusted batch does not contain."""
        first, *others = super().meta_gradient(batch, tangent, knobs)
        present = batch.auxiliary[TRUSTED].y.sum(dim=0) > 0
        return first * present[:, None], *others
