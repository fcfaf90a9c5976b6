"""Generalised cross entropy (Zhang and Sabuncu, NeurIPS 2018, arXiv 1805.07836), equation 6.

    L_q = (1 - p_y^q) / q,    q in (0, 1]

q -> 0 is cross entropy, q = 1 is the mean absolute error 1 - p_y, which is robust to symmetric noise but learns slowly.
With soft targets the loss is the mean of L_q over the target distribution.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch, distributions
from noisewise.training.method import Method, MethodCard


def generalized_cross_entropy(logits: Tensor, targets: Tensor, q: float | Tensor = 0.7) -> Tensor:
    """Generalised cross entropy L_q = (1 - p_y^q) / q (Zhang and Sabuncu 2018, equation 6).

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.
        q: in (0, 1]; a tensor to differentiate by it.

    Returns:
        (..., B) per-sample losses.
    """
    log_p = torch.log_softmax(logits, dim=-1)
    return (distributions(logits, targets) * -torch.expm1(q * log_p) / q).sum(dim=-1)


class GCE(Method):
    """Loss station: L_q in place of cross entropy.

    Args:
        q: in (0, 1]; the paper uses 0.7 everywhere.
    """

    card = MethodCard(
        "gce",
        "A loss between cross entropy and the mean absolute error. Rows the network disagrees with have a smaller "
        "gradient than under cross entropy.",
        "Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels, "
        "NeurIPS 2018",
        2018,
        "L_q = (1 - p_y^q) / q",
    )
    bounds = {"q": between(1e-6, 1)}

    def __init__(self, q: float = 0.7) -> None:
        super().__init__()
        self.q = q

    def loss(self, batch: Batch) -> Tensor:
        return generalized_cross_entropy(batch.scores, batch.y, self.q)
