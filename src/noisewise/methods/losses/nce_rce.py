"""Active passive loss of NCE and RCE (Ma et al., ICML 2020), the equations of normalised and active passive losses.

    L = alpha NCE + beta RCE,    NCE = log p_y / sum_k log p_k,    RCE = -sum_k p_k log y_k with log 0 := log 1e-4

Any loss divided by its sum over all labels is symmetric and therefore robust, but underfits. An active loss, which only
raises p_y, is therefore paired with a passive one, which also lowers the others. The paper's weights differ by a factor
of ten and more between data sets. The default has the ratio ten to one, at a scale where no row has a larger gradient
than under cross entropy: RCE is 9.2 times the mean absolute error, and at an ordinary learning rate a large beta makes
some or all classes collapse for good.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.losses.sce import reverse_cross_entropy
from noisewise.training.batch import Batch, distributions
from noisewise.training.method import Method, MethodCard


def normalized_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Normalised cross entropy log p_y / sum_k log p_k, in (0, 1) (Ma et al. 2020).

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.

    Returns:
        (..., B) per-sample losses.
    """
    log_p = torch.log_softmax(logits, dim=-1)
    return (distributions(logits, targets) * log_p).sum(dim=-1) / log_p.sum(dim=-1)


def nce_rce_loss(logits: Tensor, targets: Tensor, alpha: float | Tensor = 2.0, beta: float | Tensor = 0.2) -> Tensor:
    """Active passive loss alpha NCE + beta RCE (Ma et al. 2020).

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.
        alpha: weight of normalised cross entropy.
        beta: weight of reverse cross entropy.

    Returns:
        (..., B) per-sample losses.
    """
    return alpha * normalized_cross_entropy(logits, targets) + beta * reverse_cross_entropy(logits, targets)


class NCEandRCE(Method):
    """Loss station: normalised cross entropy and reverse cross entropy.

    Args:
        alpha: weight of NCE (the paper: 1 for MNIST and CIFAR-10, 10 for CIFAR-100).
        beta: weight of RCE (the paper: 10, 1 and 0.1).
    """

    card = MethodCard(
        "nce-rce",
        "Two symmetric losses together: one raises the given class, the other lowers the rest. Each alone is robust "
        "but underfits; the pair learns.",
        "Ma, Huang, Wang, Romano, Erfani and Bailey, Normalized Loss Functions for Deep Learning with Noisy Labels, "
        "ICML 2020",
        2020,
        "L = alpha log p_y / sum_k log p_k - beta sum_k p_k log y_k",
        departures="one pair of weights between those of the paper",
    )
    bounds = {"alpha": between(0, 1000), "beta": between(0, 1000)}

    def __init__(self, alpha: float = 2.0, beta: float = 0.2) -> None:
        super().__init__()
        self.alpha, self.beta = alpha, beta

    def loss(self, batch: Batch) -> Tensor:
        return nce_rce_loss(batch.scores, batch.y, self.alpha, self.beta)
