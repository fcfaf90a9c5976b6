"""Learning to reweight (Ren et al., ICML 2018, arXiv 1803.09050), algorithm 1.

    w'(e) = w - a grad sum_i e_i l_i,   u_i = -d L_trusted(w'(e)) / d e_i at e = 0
    w_i = max(u_i, 0) / sum_j max(u_j, 0)      (all zero when no row helps)

At e = 0 the virtual step does not move the weights, so u_i = a <grad l_i(w), grad L_trusted(w)>: one directional
derivative of the batch's losses along the trusted gradient gives every u_i exactly, without a graph of the virtual
step. The positive factor a cancels. First order is thus exact: `order=exact` and `order=first` are the same, 2 forward
and 3 backward passes per row (the derivative counts as a backward pass). `order=last-layer` uses the gradients of the
last linear layer only, 2 and 1.

Many weights are zero, and in a batch of 128 single rows get a weight of 10 to 50. At learning rates that work for cross
entropy, such steps kill the units of a network without normalisation. Weights, with mean one over the batch, are
therefore clipped at `cap`; the paper's are not (`cap=none`).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch
from noisewise.training.meta import LookAhead
from noisewise.training.method import Gradients, MethodCard
from noisewise.training.networks import Networks
from noisewise.training.step import objective_of


def helpful_weights(u: Tensor, cap: float | None = None) -> Tensor:
    """Weights from the alignment of gradients with the trusted gradient.

    Args:
        u: (N, B) alignments.
        cap: largest weight; None for no limit.

    Returns:
        (N, B) weights with mean one over the batch before the cap; zeros where no row aligns.
    """
    # Clipped after the meta-gradient, as in the paper: a negative weight would train against the label.
    positive = u.clamp_min(0)
    total = positive.sum(dim=-1, keepdim=True)
    weights = torch.where(total > 0, positive / total.clamp_min(1e-30), 0.0) * u.shape[-1]
    return weights.clamp_max(cap) if cap is not None else weights


class L2RW(LookAhead):
    """New weights in every step, by how far a row's gradient agrees with that of the trusted rows.

    Args:
        cap: largest weight of a row, where weights have mean one before the cap; None for no limit (the paper).
        order: "exact" or "first", which are equal here, or "last-layer".
        derivative: of the logits along the trusted gradient, "exact" or "difference".
    """

    card = MethodCard(
        "l2rw",
        "The weight of a row is how much a step on it would lower the loss on a few trusted rows. Weights are computed "
        "anew in every step.",
        "Ren, Zeng, Yang and Urtasun, Learning to Reweight Examples for Robust Deep Learning, ICML 2018",
        2018,
        "w_i ~ max(<grad l_i, grad L_trusted>, 0)",
        forwards=2,
        backwards=3,
        needs_trusted=True,
        departures="the alignment is computed exactly by one derivative along the trusted gradient instead of a second "
        "backward pass; weights are clipped at twice their mean, because otherwise few rows get nearly all the weight "
        "and training can collapse (the paper: cap=none)",
    )
    bounds = {"cap": between(1, 1e9) | None}

    def __init__(self, cap: float | None = 2.0, order: str = "exact", derivative: str = "exact") -> None:
        super().__init__(order=order, derivative=derivative)
        self.cap = cap

    def run(self, batch: Batch, nets: Networks, params: Gradients) -> Batch:
        batch, tangent = self.along_trusted(batch, nets, params, reach=0.0)
        return replace(batch, w=batch.w * helpful_weights(self.alignment(batch, tangent), self.cap))

    def alignment(self, batch: Batch, tangent: Tensor) -> Tensor:
        """(N, B) <grad l_i, grad L_trusted> of every row's loss under the enclosed chain.

        Args:
            batch: with logits.
            tangent: (N, B, K) derivative of the logits along the trusted gradient.
        """
        with torch.enable_grad():
            z = batch.scores.detach().requires_grad_()
            evaluated, _ = objective_of(self, batch, z)
            (by_logits,) = torch.autograd.grad(evaluated.losses.sum(), z)
        return (by_logits * tangent).sum(dim=-1)
