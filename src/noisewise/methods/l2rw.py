"""Learning to reweight (Ren et al., ICML 2018, arXiv 1803.09050), algorithm 1.

    w'(e) = w - a grad sum_i e_i l_i,   u_i = -d L_trusted(w'(e)) / d e_i at e = 0
    w_i = max(u_i, 0) / sum_j max(u_j, 0)      (all zero when no row helps)

At e = 0 the virtual step stays where it is, so u_i = a <grad l_i(w), grad L_trusted(w)>: one directional derivative
of the batch's losses along the trusted gradient gives every u_i exactly, without a graph of the virtual step. The
positive factor a cancels.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from noisewise.training.batch import Batch
from noisewise.training.meta import TRUSTED, LookAhead, directional, trusted_gradient
from noisewise.training.method import Card
from noisewise.training.networks import Networks
from noisewise.training.step import judge_logits


def helpful_weights(u: Tensor) -> Tensor:
    """(N, B) weights with mean one over the batch from (N, B) alignments; zeros where nothing aligns."""
    positive = u.clamp_min(0)
    total = positive.sum(dim=-1, keepdim=True)
    return torch.where(total > 0, positive / total.clamp_min(1e-30), 0.0) * u.shape[-1]


class L2RW(LookAhead):
    """Weights per row, found anew in every step: those whose gradient agrees with the trusted rows count."""

    card = Card(
        "l2rw",
        "A row counts as far as a step on it would lower the loss on a few trusted rows. Weights are found anew in "
        "every step.",
        "Ren, Zeng, Yang and Urtasun, Learning to Reweight Examples for Robust Deep Learning, ICML 2018",
        2018,
        "w_i ~ max(<grad l_i, grad L_trusted>, 0)",
        stations=("edit",),
        forwards=4,
        backwards=2,
        needs_trusted=True,
        departures="the alignment is computed exactly by one forward-mode pass instead of a second backward pass",
    )

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        batch = super().edit(batch, nets, rng)
        return replace(batch, w=batch.w * helpful_weights(self.alignment(batch, nets)))

    def alignment(self, batch: Batch, nets: Networks) -> Tensor:
        """(N, B) <grad l_i, grad L_trusted> of every row's loss under the enclosed chain."""
        params = {name: p.detach() for name, p in nets.trainable().items()}
        direction = trusted_gradient(nets, params, batch.beside[TRUSTED])
        logits, tangent = directional(nets, params, direction, batch.x)
        with torch.enable_grad():
            z = logits.detach().requires_grad_()
            judged, _ = judge_logits(self, batch, z)
            (by_logits,) = torch.autograd.grad(judged.losses.sum(), z)
        return (by_logits * tangent).sum(dim=-1)
