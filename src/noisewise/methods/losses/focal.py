"""Focal loss (Lin et al., ICCV 2017), equation 4.

    L = -(1 - p_y)^gamma log p_y

Made for rare classes: rows that are right and sure count little, rows the network disagrees with keep their full
pull, so with wrong labels it does no better than cross entropy. The factor is differentiated, as in the paper; some
code for noisy labels holds it constant: `detach=true`. Soft targets average the loss over their classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch
from noisewise.training.method import Card, Method


def focal_loss(logits: Tensor, targets: Tensor, gamma: float | Tensor, detach: bool = False) -> Tensor:
    """(..., B) losses of (..., B, K) logits with target distributions that broadcast to them.

    With `detach` no gradient flows through the factor (1 - p)^gamma.
    """
    log_p = torch.log_softmax(logits, dim=-1)
    factor = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny) ** gamma
    return -(targets * (factor.detach() if detach else factor) * log_p).sum(dim=-1)


class Focal(Method):
    """Loss station: cross entropy that counts hard rows more.

    Args:
        gamma: how much more; 0 is cross entropy, the paper uses 2.
        detach: hold the factor constant for the gradient.
    """

    card = Card(
        "focal",
        "Rows that are already right count less, so that hard and rare ones lead. The opposite of robust: wrong "
        "labels are hard rows.",
        "Lin, Goyal, Girshick, He and Dollar, Focal Loss for Dense Object Detection, ICCV 2017",
        2017,
        "L = -(1 - p_y)^gamma log p_y",
        departures="no class weight alpha; detach=true holds the factor constant, as some code does",
    )
    bounds = {"gamma": between(0, 20)}

    def __init__(self, gamma: float = 2.0, detach: bool = False) -> None:
        super().__init__()
        self.gamma, self.detach = gamma, detach

    def loss(self, batch: Batch) -> Tensor:
        return focal_loss(batch.scores, batch.y, self.gamma, self.detach)
