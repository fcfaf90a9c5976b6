"""PolySoft loss (Shu et al., 2020, arXiv 2002.06482), the equation of the self-paced loss with polynomial weights.

    L = (d - 1) lambda / d (1 - (1 - l / lambda)^(d / (d - 1)))    for l < lambda,    else (d - 1) lambda / d

l is cross entropy. The derivative by l is the self-paced weight (1 - l / lambda)^(1 / (d - 1)): linear for d = 2,
nearly a hard threshold for large d. The noise-tolerant lambda is log K, the loss of a uniform guess, at which an
untrained network would learn nothing. Training therefore starts with cross entropy. Afterwards lambda is the maximum of
log K and the running percentile of the batch losses at the estimated share of clean rows. Classes that are not learned
before the switch are lost, so cross entropy lasts for half of the training.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.rate import SELF_SET, NoiseRate
from noisewise.training.batch import Batch, cross_entropy
from noisewise.training.method import EpochEnd, LearningTask, Method, MethodCard


def poly_soft(losses: Tensor, lam: float | Tensor, d: float | Tensor) -> Tensor:
    """PolySoft loss of given losses; differentiable in all three arguments.

    Args:
        losses: of any shape; the cross entropies l.
        lam: threshold above 0 beyond which the loss is constant.
        d: above 1; 2 gives linear weights.

    Returns:
        Of the shape of `losses`.
    """
    left = (1 - losses / lam).clamp_min(torch.finfo(losses.dtype).eps)
    return (d - 1) * lam / d * (1 - left ** (d / (d - 1)))


def poly_soft_loss(logits: Tensor, targets: Tensor, lam: float | Tensor, d: float | Tensor = 2.0) -> Tensor:
    """PolySoft loss: cross entropy that levels off at a threshold (Shu et al. 2020).

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.
        lam: threshold, in nats, above 0.
        d: above 1; 2 gives linear weights.

    Returns:
        (..., B) per-sample losses.
    """
    return poly_soft(cross_entropy(logits, targets), lam, d)


class PolySoft(Method):
    """Loss station: cross entropy that levels off at a threshold.

    Args:
        lam: threshold, in nats; None sets it as described above, from the stated or estimated noise rate.
        d: above 1; 2 gives linear weights.
        burn_in: share of the training that uses cross entropy.
        decay: decay of the running average of the percentile.
    """

    card = MethodCard(
        "poly-soft",
        "Cross entropy that levels off: the gradient of a row falls polynomially with its loss and is zero beyond a "
        "threshold. This is self-paced learning written as a loss.",
        "Shu, Zhao, Chen, Xu and Meng, Learning Adaptive Loss for Robust Learning with Noisy Labels, arXiv 2020",
        2020,
        "L = (d - 1) lambda / d (1 - (1 - l / lambda)_+^(d / (d - 1)))",
        departures=f"starts with cross entropy; lambda is log K or a running percentile of the losses; {SELF_SET}",
    )
    bounds = {
        "lam": between(1e-3, 1000) | None,
        "d": between(1.01, 1000),
        "burn_in": between(0, 1),
        "decay": between(0, 1),
    }
    percentile: Tensor

    def __init__(self, lam: float | None = None, d: float = 2.0, burn_in: float = 0.5, decay: float = 0.9) -> None:
        super().__init__()
        self.lam, self.d, self.burn_in, self.decay = lam, d, burn_in, decay

    def prepare(self, task: LearningTask) -> None:
        """Allocate what the noise rate needs, and the percentile (N, 1)."""
        device = task.given.device
        self.noise = NoiseRate(task, task.noise_rate if self.lam is None else 0.0)
        self.register_buffer("percentile", torch.zeros(task.networks, 1, device=device))

    def loss(self, batch: Batch) -> Tensor:
        losses = cross_entropy(batch.scores, batch.y)
        if batch.clock.progress < self.burn_in:
            return losses
        guess = math.log(batch.scores.shape[-1])
        return poly_soft(losses, self.percentile.clamp_min(guess) if self.lam is None else self.lam, self.d)

    def observe(self, batch: Batch) -> None:
        losses = cross_entropy(batch.scores, batch.y).float()
        at = torch.quantile(losses, 1 - self.noise.value, dim=-1, keepdim=True)
        moved = self.decay * self.percentile + (1 - self.decay) * at
        self.percentile.copy_(torch.where(self.percentile > 0, moved, at))

    def refit(self, epoch_end: EpochEnd) -> None:
        self.noise.update(epoch_end)
