"""Bootstrapping (Reed et al., ICLR 2015 workshop, arXiv 1412.6596), equation 6 (soft) and its hard twin.

    soft   L = -sum_k (beta y_k + (1 - beta) p_k) log p_k
    hard   L = -sum_k (beta y_k + (1 - beta) [k = argmax p]) log p_k

The prediction p inside the soft target is part of the objective, as in the paper, so the gradient flows through it:
soft bootstrapping is cross entropy with a minimum-entropy regulariser. `detach=true` holds it fixed.
"""

from __future__ import annotations

from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch, one_hot
from noisewise.training.method import Card, Method

_PAPER = (
    "Reed, Lee, Anguelov, Szegedy, Erhan and Rabinovich, Training Deep Neural Networks on Noisy Labels with "
    "Bootstrapping, ICLR 2015 workshop"
)


def soft_target(y: Tensor, p: Tensor, beta: float) -> Tensor:
    """Beta y + (1 - beta) p for (..., B, K) distributions."""
    return beta * y + (1 - beta) * p


def hard_prediction(logits: Tensor) -> Tensor:
    """(..., B, K) one-hot rows of the largest logit."""
    return one_hot(logits.detach().argmax(dim=-1), logits.shape[-1]).to(logits.dtype)


class BootstrapSoft(Method):
    """Target station: the given label mixed with the network's own prediction.

    Args:
        beta: weight of the given label; the paper's 0.95.
        detach: hold the prediction in the target fixed instead of differentiating through it.
    """

    card = Card(
        "bootstrap-soft",
        "Train on a mixture of the given label and the network's own prediction. A consistent network can so "
        "overrule a wrong label.",
        _PAPER,
        2015,
        "target = beta y + (1 - beta) p",
    )
    bounds = {"beta": between(0, 1)}

    def __init__(self, beta: float = 0.95, detach: bool = False) -> None:
        super().__init__()
        self.beta, self.detach = beta, detach

    def target(self, batch: Batch) -> Tensor:
        p = batch.scores.softmax(dim=-1)
        return soft_target(batch.y, p.detach() if self.detach else p, self.beta)


class BootstrapHard(Method):
    """Target station: the given label mixed with the class that the network predicts.

    Args:
        beta: weight of the given label; the paper's 0.8.
    """

    card = Card(
        "bootstrap-hard",
        "Train on a mixture of the given label and the class the network predicts. A confident network can so "
        "overrule a wrong label.",
        _PAPER,
        2015,
        "target = beta y + (1 - beta) onehot(argmax p)",
    )
    bounds = {"beta": between(0, 1)}

    def __init__(self, beta: float = 0.8) -> None:
        super().__init__()
        self.beta = beta

    def target(self, batch: Batch) -> Tensor:
        return soft_target(batch.y, hard_prediction(batch.scores), self.beta)
