"""Bootstrapping (Reed et al., ICLR 2015 workshop, arXiv 1412.6596), equation 6 (soft) and its hard twin.

    soft   L = -sum_k (beta y_k + (1 - beta) p_k) log p_k
    hard   L = -sum_k (beta y_k + (1 - beta) [k = argmax p]) log p_k

The gradient flows through the prediction p in the soft target, as in the paper: soft bootstrapping is cross entropy
with a minimum-entropy regulariser. `detach=true` treats p as a constant.
"""

from __future__ import annotations

from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch, cross_entropy, distributions, one_hot
from noisewise.training.method import Method, MethodCard

_PAPER = (
    "Reed, Lee, Anguelov, Szegedy, Erhan and Rabinovich, Training Deep Neural Networks on Noisy Labels with "
    "Bootstrapping, ICLR 2015 workshop"
)


def soft_target(y: Tensor, p: Tensor, beta: float) -> Tensor:
    """The mixture beta y + (1 - beta) p of distributions (..., B, K)."""
    return beta * y + (1 - beta) * p


def hard_prediction(logits: Tensor) -> Tensor:
    """One-hot class of the largest of (..., B, K) logits."""
    return one_hot(logits.detach().argmax(dim=-1), logits.shape[-1]).to(logits.dtype)


def bootstrap_soft_loss(logits: Tensor, targets: Tensor, beta: float = 0.95, detach: bool = False) -> Tensor:
    """Cross entropy with the target beta y + (1 - beta) p (Reed et al. 2015, equation 6).

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.
        beta: weight of the given label.
        detach: treat the prediction in the target as a constant.

    Returns:
        (..., B) per-sample losses.
    """
    p = logits.softmax(dim=-1)
    return cross_entropy(logits, soft_target(distributions(logits, targets), p.detach() if detach else p, beta))


def bootstrap_hard_loss(logits: Tensor, targets: Tensor, beta: float = 0.8) -> Tensor:
    """Cross entropy with the target beta y + (1 - beta) onehot(argmax p) (Reed et al. 2015).

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.
        beta: weight of the given label.

    Returns:
        (..., B) per-sample losses.
    """
    return cross_entropy(logits, soft_target(distributions(logits, targets), hard_prediction(logits), beta))


class BootstrapSoft(Method):
    """Target station: the given label mixed with the network's own prediction.

    Args:
        beta: weight of the given label; the paper's 0.95.
        detach: treat the prediction in the target as a constant instead of differentiating through it.
    """

    card = MethodCard(
        "bootstrap-soft",
        "Train on a mixture of the given label and the network's own prediction. A consistent network can thus "
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

    card = MethodCard(
        "bootstrap-hard",
        "Train on a mixture of the given label and the class the network predicts. A confident network can thus "
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
