"""The confidence penalty (Pereyra, Tucker, Chorowski, Kaiser and Hinton, ICLR workshop 2017), equation of section 3.

    L = CE - beta H(p),   H(p) = - sum_k p_k log p_k

A network that may not be certain fits wrong labels more slowly. The penalty is the only station that is changed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import at_least
from noisewise.training import Batch, Method, MethodCard


def entropy(logits: Tensor) -> Tensor:
    """(...,) entropy in nats of the softmax of logits (..., K)."""
    log_p = torch.log_softmax(logits, dim=-1)
    return -(log_p.exp() * log_p).sum(dim=-1)


class ConfidencePenalty(Method):
    """Penalty station: minus beta times the entropy of the prediction.

    Args:
        beta: weight of the entropy.
    """

    card = MethodCard(
        "confidence-penalty",
        "Predictions with low entropy are penalised. The network cannot become certain of labels that are wrong.",
        "Pereyra, Tucker, Chorowski, Kaiser and Hinton, Regularizing Neural Networks by Penalizing Confident Output "
        "Distributions, ICLR workshop 2017",
        2017,
        "L = CE - beta H(p)",
    )
    bounds = {"beta": at_least(0)}

    def __init__(self, beta: float = 0.1) -> None:
        super().__init__()
        self.beta = beta

    def penalty(self, batch: Batch) -> Tensor:
        # (N, B) entropies: the mean over the batch, and the sum over the networks
        return -self.beta * entropy(batch.scores).mean(dim=-1).sum()
