"""Focal weights (Lin et al., ICCV 2017), the factor of equation 4, on any loss.

    v = (1 - e^-l)^gamma

For cross entropy e^-l is the probability of the given label, and v the factor of focal loss. Here it is detached from
the gradient, can be combined with any loss, and is divided by its mean over the batch. Rows with wrong labels have
large losses and get the largest weights, so it is for rare classes, not for noise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.weights.curriculum import mean_one
from noisewise.training.batch import Batch
from noisewise.training.method import Method, MethodCard


def focal_weights(losses: Tensor, gamma: float) -> Tensor:
    """(1 - e^-l)^gamma of losses of any shape; negative losses are treated as zero."""
    return (-torch.expm1(-losses.clamp_min(0))) ** gamma


class FocalWeighting(Method):
    """Weight station: rows with larger losses get larger weights.

    Args:
        gamma: exponent; 0 gives all rows the same weight.
    """

    card = MethodCard(
        "focal-weighting",
        "Rows that are already fitted get smaller weights. It can be combined with any loss, and like focal loss is "
        "meant for rare classes.",
        "Lin, Goyal, Girshick, He and Dollar, Focal Loss for Dense Object Detection, ICCV 2017",
        2017,
        "v = (1 - e^-l)^gamma",
        departures="detached from the gradient; weights have mean one; no class weight alpha",
    )
    bounds = {"gamma": between(0, 20)}

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma = gamma

    def weight(self, batch: Batch) -> Tensor:
        return batch.w * mean_one(focal_weights(batch.losses.detach(), self.gamma))
