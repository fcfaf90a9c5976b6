"""JoCoR (Wei et al., CVPR 2020, arXiv 2003.02752), equation 1 and algorithm 1: agreement in place of disagreement.

    l = (1 - lambda) (CE_1 + CE_2) + lambda (KL(p_1 || p_2) + KL(p_2 || p_1))
    both networks train on the share R(T) of the batch with the smallest joint loss l

Each network gets half of the divergence, so that the losses of the two networks sum to l. R(T) is co-teaching's
schedule.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.pairs.coteaching import CoTeaching, small_loss_picks
from noisewise.methods.rate import SELF_SET
from noisewise.training.batch import Batch, cross_entropy
from noisewise.training.method import MethodCard


def symmetric_divergence(logits: Tensor) -> Tensor:
    """(B,) KL(p_1 || p_2) + KL(p_2 || p_1) of (2, B, K) logits."""
    log_p = torch.log_softmax(logits, dim=-1)
    one, two = log_p.unbind()
    return ((one.exp() - two.exp()) * (one - two)).sum(dim=-1)


class JoCoR(CoTeaching):
    """Loss and weight stations on two networks: they train on the same small-loss rows, and on agreeing.

    Args:
        rate: tau, the final share of rows to drop; None takes the stated noise rate, or estimates it after every epoch.
        gradual: T_k, epochs until the share is reached (the paper: 10 of 200); None begins when learning has settled,
            as in co-teaching.
        exponent: exponent of the schedule, as in co-teaching.
        lam: lambda, weight of the divergence. The default is the default of the authors' program; their examples have
            0.5 to 0.95, for long trainings without normalised inputs.
    """

    card = MethodCard(
        "jocor",
        "Two networks train on the same rows, those with a small joint loss, which includes their divergence. Rows on "
        "which they do not agree have a large joint loss and are dropped.",
        "Wei, Feng, Chen and An, Combating Noisy Labels by Agreement: A Joint Training Method with Co-Regularization, "
        "CVPR 2020",
        2020,
        "l = (1 - lambda) (CE_1 + CE_2) + lambda (KL(p_1 || p_2) + KL(p_2 || p_1)),  w = small-loss picks of l",
        forwards=2,
        backwards=2,
        networks=2,
        departures="lambda is 0.1, the default of the authors' program, where the paper has 0.5 to 0.95: with much of "
        "it, networks that have learned little agree on a few classes; the share of dropped rows rises from the moment "
        f"that learning has settled, instead of over the first T_k epochs (`gradual`); {SELF_SET}",
    )
    bounds = {"lam": between(0, 0.9999)}

    def __init__(
        self, rate: float | None = None, gradual: int | None = None, exponent: float = 1.0, lam: float = 0.1
    ) -> None:
        super().__init__(rate, gradual, exponent)
        self.lam = lam

    def loss(self, batch: Batch) -> Tensor:
        halves = self.lam / 2 * symmetric_divergence(batch.scores)
        return (1 - self.lam) * cross_entropy(batch.scores, batch.y) + halves

    def weight(self, batch: Batch) -> Tensor:
        rows = batch.losses.shape[-1]
        keep = self.kept(rows, batch.clock.epoch)
        return batch.w * small_loss_picks(batch.losses.detach().sum(dim=0), keep) * (rows / keep)

    def observe(self, batch: Batch) -> None:
        if batch.index is not None:
            self.picked[batch.index] = (batch.w > 0).float()
