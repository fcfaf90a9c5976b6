"""Active passive loss of NCE and RCE (Ma et al., ICML 2020), the equations of normalised and active passive losses.

    L = alpha NCE + beta RCE,    NCE = log p_y / sum_k log p_k,    RCE = -sum_k p_k log y_k with log 0 := log 1e-4

Any loss divided by its sum over all labels is symmetric, and so robust, but underfits. An active loss, which only
raises p_y, is therefore paired with a passive one, which also lowers the others. The paper's weights differ tenfold and
more between data sets. The default keeps a ratio of ten to one, and a scale at which no row pulls harder than under
cross entropy: RCE is 9.2 times the mean absolute error, and at an ordinary learning rate a large beta loses classes, or
the whole network, for good.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.losses.sce import reverse_cross_entropy
from noisewise.training.batch import Batch
from noisewise.training.method import Card, Method


def normalized_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """(..., B) losses in (0, 1) of (..., B, K) logits with target distributions that broadcast to them."""
    log_p = torch.log_softmax(logits, dim=-1)
    return (targets * log_p).sum(dim=-1) / log_p.sum(dim=-1)


class NCEandRCE(Method):
    """Loss station: normalised cross entropy and reverse cross entropy.

    Args:
        alpha: weight of NCE (the paper: 1 for MNIST and CIFAR-10, 10 for CIFAR-100).
        beta: weight of RCE (the paper: 10, 1 and 0.1).
    """

    card = Card(
        "nce-rce",
        "Two symmetric losses together: one pulls the given class up, the other pushes the rest down. Each alone is "
        "robust and underfits; the pair learns.",
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
        active = normalized_cross_entropy(batch.scores, batch.y)
        return self.alpha * active + self.beta * reverse_cross_entropy(batch.scores, batch.y)
