"""Symmetric cross entropy (Wang et al., ICCV 2019), the equation of the symmetric learning loss.

    L = alpha CE + beta RCE,    RCE = -sum_k p_k log y_k    with log 0 := A

The reverse term is -A (1 - p_y) for a hard label, a scaled mean absolute error. A is log 1e-4 as in the authors' code;
`floor` sets it. No probability is clipped.
"""

from __future__ import annotations

import math

from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch, cross_entropy, distributions
from noisewise.training.method import Method, MethodCard

FLOOR = math.log(1e-4)


def reverse_cross_entropy(logits: Tensor, targets: Tensor, floor: float = FLOOR) -> Tensor:
    """Reverse cross entropy -sum_k p_k max(log y_k, floor) (Wang et al. 2019).

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.
        floor: A, the value used for the logarithm of zero.

    Returns:
        (..., B) per-sample losses.
    """
    return -(logits.softmax(dim=-1) * distributions(logits, targets).clamp_min(math.exp(floor)).log()).sum(dim=-1)


def symmetric_cross_entropy(
    logits: Tensor, targets: Tensor, alpha: float | Tensor = 0.1, beta: float | Tensor = 1.0, floor: float = FLOOR
) -> Tensor:
    """Symmetric cross entropy alpha CE + beta RCE (Wang et al. 2019); alpha and beta may be tensors.

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.
        alpha: weight of cross entropy.
        beta: weight of reverse cross entropy.
        floor: A, the value used for the logarithm of zero.

    Returns:
        (..., B) per-sample losses.
    """
    return alpha * cross_entropy(logits, targets) + beta * reverse_cross_entropy(logits, targets, floor)


class SCE(Method):
    """Loss station: cross entropy and its reverse.

    Args:
        alpha: weight of cross entropy (the paper: 0.01 for MNIST, 0.1 for CIFAR-10, 6 for CIFAR-100).
        beta: weight of reverse cross entropy (the paper: 1, 1 and 0.1).
        floor: A, the value used for the logarithm of zero.
    """

    card = MethodCard(
        "sce",
        "Cross entropy plus cross entropy with prediction and label exchanged. The reverse term is bounded and "
        "tolerates wrong labels; the ordinary term makes the network learn.",
        "Wang, Ma, Chen, Luo, Yi and Bailey, Symmetric Cross Entropy for Robust Learning with Noisy Labels, ICCV 2019",
        2019,
        "L = -alpha log p_y - beta sum_k p_k log y_k, log 0 := A",
        departures="A = log 1e-4 as in the authors' code",
    )
    bounds = {"alpha": between(0, 1000), "beta": between(0, 1000), "floor": between(-50, -0.01)}

    def __init__(self, alpha: float = 0.1, beta: float = 1.0, floor: float = FLOOR) -> None:
        super().__init__()
        self.alpha, self.beta, self.floor = alpha, beta, floor

    def loss(self, batch: Batch) -> Tensor:
        return symmetric_cross_entropy(batch.scores, batch.y, self.alpha, self.beta, self.floor)
