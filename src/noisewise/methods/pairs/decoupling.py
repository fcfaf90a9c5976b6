"""Decoupling (Malach and Shalev-Shwartz, NeurIPS 2017, arXiv 1706.02613), algorithm 1: update by disagreement.

    two networks train only on the rows of the batch for which their predictions differ

The mean is over those rows, but over at least a share `least` of the batch, as in the authors' code. Otherwise the few
rows on which networks still disagree late in training would count as much as a whole batch. Without disagreement there
is no update. The warm-up on all rows (the code's `init_iter`) is a share of the training.
"""

from __future__ import annotations

from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch
from noisewise.training.method import Method, MethodCard


def disagreement(logits: Tensor) -> Tensor:
    """(B,) whether the predictions of (N, B, K) logits differ between networks."""
    predicted = logits.argmax(dim=-1)
    return (predicted != predicted[:1]).any(dim=0)


class Decoupling(Method):
    """Weight station on two networks: they train only on rows on which they disagree.

    Args:
        warmup: share of the training in which every row counts.
        least: the smallest share of the batch that the mean is taken over.
    """

    card = MethodCard(
        "decoupling",
        "Two networks train only on the rows on which they disagree. When to update is thus decided without the label, "
        "and wrong labels cannot cause updates forever.",
        "Malach and Shalev-Shwartz, Decoupling 'when to update' from 'how to update', NeurIPS 2017",
        2017,
        "w = 1[argmax p_1 != argmax p_2]",
        forwards=2,
        backwards=2,
        networks=2,
        departures="the warm-up on all rows is a share of the training; the mean is over at least a tenth of the "
        "batch, as in the authors' code",
    )
    bounds = {"warmup": between(0, 1), "least": between(1e-6, 1)}
    networks = 2

    def __init__(self, warmup: float = 0.3, least: float = 0.1) -> None:
        super().__init__()
        self.warmup, self.least = warmup, least

    def weight(self, batch: Batch) -> Tensor:
        if batch.clock.progress < self.warmup:
            return batch.w
        disagree = disagreement(batch.scores).to(batch.losses.dtype)
        rows = len(disagree)
        return batch.w * disagree * (rows / disagree.sum().clamp_min(self.least * rows))
