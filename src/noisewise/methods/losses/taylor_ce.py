"""Taylor cross entropy (Feng et al., IJCAI 2020), the equation of the truncated series.

    L = sum_{i=1..t} (1 - p_y)^i / i

The Taylor series of -log p_y around p_y = 1, truncated after t terms: t = 1 is 1 - p_y (half the mean absolute error),
t to infinity is cross entropy. In between the loss is bounded by the harmonic number of t. Soft targets average the
loss over their classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import whole
from noisewise.training.batch import Batch, distributions
from noisewise.training.method import Method, MethodCard


def taylor_cross_entropy(logits: Tensor, targets: Tensor, order: int = 2) -> Tensor:
    """Taylor cross entropy sum_{i=1..order} (1 - p_y)^i / i (Feng et al. 2020).

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.
        order: number of terms, at least 1.

    Returns:
        (..., B) per-sample losses.
    """
    e = -torch.expm1(torch.log_softmax(logits, dim=-1))
    series = torch.zeros_like(e)
    for i in range(order, 0, -1):
        series = e * (1 / i + series)
    return (distributions(logits, targets) * series).sum(dim=-1)


class TaylorCE(Method):
    """Loss station: the first terms of the series of cross entropy.

    Args:
        order: number of terms; few are robust, many learn fast.
    """

    card = MethodCard(
        "taylor-ce",
        "Cross entropy is a series whose first term is the mean absolute error. Truncated after a few terms it is "
        "bounded and thus tolerates wrong labels, but learns faster than the first term alone.",
        "Feng, Shu, Lin, Lv, Li and An, Can Cross Entropy Loss Be Robust to Label Noise?, IJCAI 2020",
        2020,
        "L = sum_{i=1..t} (1 - p_y)^i / i",
    )
    bounds = {"order": whole(1, 1000)}

    def __init__(self, order: int = 2) -> None:
        super().__init__()
        self.order = order

    def loss(self, batch: Batch) -> Tensor:
        return taylor_cross_entropy(batch.scores, batch.y, self.order)
