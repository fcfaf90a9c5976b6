"""Focal loss (Lin et al., ICCV 2017), equation 4.

    L = -(1 - p_y)^gamma log p_y

Designed for rare classes: confident correct rows count little and rows the network disagrees with count fully, so under
label noise it does no better than cross entropy. The factor is differentiated, as in the paper; some code for noisy
labels treats it as a constant (`detach=true`). Soft targets average the loss over their classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch, distributions
from noisewise.training.method import Method, MethodCard


def focal_loss(logits: Tensor, targets: Tensor, gamma: float | Tensor = 2.0, detach: bool = False) -> Tensor:
    """Focal loss -(1 - p_y)^gamma log p_y (Lin et al. 2017, equation 4).

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.
        gamma: at least 0; 0 is cross entropy.
        detach: let no gradient flow through the factor (1 - p_y)^gamma.

    Returns:
        (..., B) per-sample losses.
    """
    log_p = torch.log_softmax(logits, dim=-1)
    factor = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny) ** gamma
    factor = factor.detach() if detach else factor
    return -(distributions(logits, targets) * factor * log_p).sum(dim=-1)


class Focal(Method):
    """Loss station: cross entropy that counts hard rows more.

    Args:
        gamma: exponent of the factor; 0 is cross entropy, the paper uses 2.
        detach: treat the factor as a constant in the gradient.
    """

    card = MethodCard(
        "focal",
        "Rows that are already right count less, so that hard and rare ones dominate. The opposite of robust: wrong "
        "labels are hard rows.",
        "Lin, Goyal, Girshick, He and Dollar, Focal Loss for Dense Object Detection, ICCV 2017",
        2017,
        "L = -(1 - p_y)^gamma log p_y",
        departures="no class weight alpha; detach=true treats the factor as a constant, as some code does",
    )
    bounds = {"gamma": between(0, 20)}

    def __init__(self, gamma: float = 2.0, detach: bool = False) -> None:
        super().__init__()
        self.gamma, self.detach = gamma, detach

    def loss(self, batch: Batch) -> Tensor:
        return focal_loss(batch.scores, batch.y, self.gamma, self.detach)
