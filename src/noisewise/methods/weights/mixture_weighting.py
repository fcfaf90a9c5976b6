"""Mixture weighting (Jiang et al., ACM Multimedia 2014), the equation of the mixture of hard and soft weights.

    v = 1 if l <= l2,    0 if l >= l1,    else zeta (1 / l - 1 / l1),    zeta = l1 l2 / (l1 - l2)

This is the minimiser of v l - zeta log(v + zeta / l1) over [0, 1]. Easy rows have weight one, hard rows zero, and rows
in between a weight by the inverse of their loss. l1 is a running percentile of the losses, as for `self-paced`, and l2
a fixed fraction of it. The burn-in is as long as for `linear-weighting`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.rate import SELF_SET
from noisewise.methods.weights.curriculum import Curriculum
from noisewise.training.batch import Batch
from noisewise.training.method import MethodCard


def mixture_weights(losses: Tensor, threshold: Tensor | float, full: float) -> Tensor:
    """(N, B) weights: one up to `full` times the threshold, zero from the threshold on.

    Args:
        losses: (N, B).
        threshold: (N, 1) or a number.
        full: fraction in (0, 1).
    """
    between = full / (1 - full) * (threshold / losses.clamp_min(torch.finfo(losses.dtype).tiny) - 1)
    return between.clamp(0, 1)


class MixtureWeighting(Curriculum):
    """Weight station: weight one for easy rows, zero for hard ones, by the inverse loss in between.

    Args:
        keep: share of the rows to keep; None keeps one minus the stated or estimated noise rate.
        full: fraction of the threshold up to which rows have weight one.
        burn_in: share of the training in which every row counts; None until learning has settled.
        decay: decay of the running average of the threshold.
    """

    card = MethodCard(
        "mixture-weighting",
        "Easy rows have weight one and hard rows weight zero. In between the weight follows the inverse of the loss.",
        "Jiang, Meng, Mitamura and Hauptmann, Easy Samples First: Self-paced Reranking for Zero-Example Multimedia "
        "Search, ACM Multimedia 2014",
        2014,
        "v = clip(zeta (1 / l - 1 / l1), 0, 1),  zeta = l1 l2 / (l1 - l2)",
        departures="l1 is a running percentile instead of an annealed value; "
        f"every row counts until learning has settled; {SELF_SET}",
    )
    bounds = {"full": between(0.01, 0.99)}

    def __init__(
        self, keep: float | None = None, full: float = 0.5, burn_in: float | None = None, decay: float = 0.9
    ) -> None:
        super().__init__(keep, burn_in, decay)
        self.full = full

    def curriculum(self, batch: Batch) -> Tensor:
        return mixture_weights(batch.losses, self.threshold, self.full)
