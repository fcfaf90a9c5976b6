"""Bi-tempered logistic loss (Amid et al., NeurIPS 2019, arXiv 1906.03361), equation of the convex-duality section.

    log_t u = (u^(1-t) - 1) / (1 - t),    exp_t its inverse,    p_k = exp_t2(z_k - lambda(z)) with sum_k p_k = 1
    L = sum_k y_k (log_t1 y_k - log_t1 p_k) - (y_k^(2-t1) - p_k^(2-t1)) / (2 - t1)

t1 < 1 bounds the loss, t2 > 1 gives the softmax heavy tails; t1 = t2 = 1 is cross entropy. The paper's fixed-point
iteration for lambda is slow for large t2. Here Newton's method finds the root of h(lambda) = log_t2 sum_k
exp_t2(z_k - lambda), starting at lambda = max z. Since h is convex and decreasing, the iterates increase monotonically
to the root; one step suffices when all logits are equal. Autograd runs through the last two steps only, which gives the
first three derivatives of the exact lambda by logits and temperatures.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch, distributions
from noisewise.training.method import Method, MethodCard

_STEPS = 12
_SMALL = 1e-3


def _expm1_over(x: Tensor) -> Tensor:
    small = x.abs() < _SMALL
    safe = torch.where(small, 1.0, x)
    return torch.where(small, 1 + x / 2 * (1 + x / 3 * (1 + x / 4)), torch.expm1(safe) / safe)


def _log1p_over(x: Tensor) -> Tensor:
    small = x.abs() < _SMALL
    safe = torch.where(small, 1.0, x)
    return torch.where(small, 1 - x * (1 / 2 - x * (1 / 3 - x / 4)), torch.log1p(safe) / safe)


def _tempered_log(log_u: Tensor, t: Tensor) -> Tensor:
    return log_u * _expm1_over((1 - t) * log_u)


def _log_tempered_exp(u: Tensor, t: Tensor) -> Tensor:
    return u * _log1p_over((1 - t) * u)


def tempered_log_softmax(logits: Tensor, t: float | Tensor) -> Tensor:
    """Logarithm of the tempered softmax.

    Args:
        logits: (..., K).
        t: temperature, at least 1; 1 is the ordinary softmax.

    Returns:
        (..., K).
    """
    temperature = torch.as_tensor(t, dtype=logits.dtype)  # a number stays on the host, where no copy waits for it

    def newton(at: Tensor, z: Tensor, heat: Tensor) -> Tensor:
        log_p = _log_tempered_exp(z - at, heat)
        total = log_p.exp().sum(dim=-1, keepdim=True)
        slope = (heat * log_p).exp().sum(dim=-1, keepdim=True)
        return at + _tempered_log(total.log(), heat) * total**heat / slope

    with torch.no_grad():
        normaliser = logits.detach().amax(dim=-1, keepdim=True)
        for _ in range(_STEPS):
            normaliser = newton(normaliser, logits.detach(), temperature.detach())
    for _ in range(2):
        normaliser = newton(normaliser, logits, temperature)
    return _log_tempered_exp(logits - normaliser, temperature)


def bi_tempered_loss(logits: Tensor, targets: Tensor, t1: float | Tensor = 0.5, t2: float | Tensor = 1.2) -> Tensor:
    """Bi-tempered logistic loss (Amid et al. 2019); differentiable in both temperatures where they are tensors.

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.
        t1: in [0, 1]; the smaller, the lower the bound of the loss.
        t2: at least 1; the larger, the heavier the tails of the softmax.

    Returns:
        (..., B) per-sample losses.
    """
    targets = distributions(logits, targets)
    cold = torch.as_tensor(t1, dtype=logits.dtype)
    log_p = tempered_log_softmax(logits, t2)
    log_y = targets.clamp_min(torch.finfo(targets.dtype).tiny).log()
    gap = _tempered_log(log_y, cold) - _tempered_log(log_p, cold)
    powers = targets * ((1 - cold) * log_y).exp() - ((2 - cold) * log_p).exp()
    return (targets * gap - powers / (2 - cold)).sum(dim=-1)


class BiTempered(Method):
    """Loss station, and the tempered softmax at inference.

    Args:
        t1: in [0, 1]; the smaller, the lower the bound of the loss (the paper: 0.8 for CIFAR-100, 0.5 for MNIST).
        t2: at least 1; the larger, the heavier the tails (the paper: 1.2 for CIFAR-100, 4 for MNIST).
    """

    card = MethodCard(
        "bi-tempered",
        "Two temperatures bend cross entropy: one bounds the loss of rows far on the wrong side, the other gives the "
        "softmax heavy tails near the boundary. Both limit the influence of a wrong label.",
        "Amid, Warmuth, Anil and Koren, Robust Bi-Tempered Logistic Loss Based on Bregman Divergences, NeurIPS 2019",
        2019,
        "L = sum_k y_k (log_t1 y_k - log_t1 p_k) - (y_k^(2-t1) - p_k^(2-t1)) / (2 - t1),  p = exp_t2(z - lambda)",
        departures="lambda by Newton's method to convergence instead of five fixed-point iterations; t2 < 1, which is "
        "not robust, is not offered; the defaults are t1 of the paper's MNIST and t2 of its CIFAR-100",
    )
    bounds = {"t1": between(0, 1), "t2": between(1, 10)}

    def __init__(self, t1: float = 0.5, t2: float = 1.2) -> None:
        super().__init__()
        self.t1, self.t2 = t1, t2

    def loss(self, batch: Batch) -> Tensor:
        return bi_tempered_loss(batch.scores, batch.y, self.t1, self.t2)

    def predict(self, logits: Tensor) -> Tensor:
        return tempered_log_softmax(logits[0], self.t2).exp()
