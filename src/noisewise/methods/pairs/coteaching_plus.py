"""Co-teaching+ (Yu et al., ICML 2019, arXiv 1901.04215), algorithm 1.

    among the rows on which two networks disagree, each picks the share R(T) with its smallest losses;
    the other network trains on these rows

Training starts with plain co-teaching. The authors' code departs from the paper in four ways that are not followed: it
passes probabilities to a loss that takes logits, divides by the number of picks twice, never uses the first row of the
data set, and keeps all rows of disagreement where the share rounds to zero (here one is kept). Without disagreement
there is no update; in the code only after its first 5,000 steps. As in decoupling, the mean is over at least a share
`least` of the batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.pairs.coteaching import CoTeaching, small_loss_picks
from noisewise.methods.pairs.decoupling import disagreement
from noisewise.methods.rate import SELF_SET
from noisewise.training.batch import Batch
from noisewise.training.method import MethodCard


class CoTeachingPlus(CoTeaching):
    """Weight station on two networks: each trains on the other's small-loss rows among those on which they disagree.

    Args:
        rate: tau, the final share of rows to drop; None takes the stated noise rate, or estimates it after every epoch.
        gradual: T_k, epochs until the share is reached; None begins when learning has settled, as in co-teaching.
        exponent: exponent of the schedule, as in co-teaching.
        warmup: share of the training that is plain co-teaching (the authors: none of 200 epochs on MNIST, 20 on
            CIFAR-10, 100 on Tiny-ImageNet).
        least: the smallest share of the batch that the mean is taken over.
    """

    card = MethodCard(
        "coteaching-plus",
        "Co-teaching on the rows on which the two networks disagree. Disagreement keeps the networks different.",
        "Yu, Han, Yao, Niu, Tsang and Sugiyama, How does Disagreement Help Generalization against Label Corruption?, "
        "ICML 2019",
        2019,
        "w = flip(small-loss picks of each network among 1[argmax p_1 != argmax p_2])",
        forwards=2,
        backwards=2,
        networks=2,
        departures="no second softmax and no second division by the number of picks; the warm-up is half of the "
        "training; the mean is over at least a tenth of the batch; the share of dropped rows rises from the moment "
        f"that learning has settled, instead of over the first T_k epochs (`gradual`); {SELF_SET}",
    )
    bounds = {"warmup": between(0, 1), "least": between(1e-6, 1)}

    def __init__(
        self,
        rate: float | None = None,
        gradual: int | None = None,
        exponent: float = 1.0,
        warmup: float = 0.5,
        least: float = 0.1,
    ) -> None:
        super().__init__(rate, gradual, exponent)
        self.warmup, self.least = warmup, least

    def weight(self, batch: Batch) -> Tensor:
        if batch.clock.progress < self.warmup:
            return super().weight(batch)
        disagree = disagreement(batch.scores)
        rows = len(disagree)
        # How many disagree is known on the device alone, and no step waits for it; float64 as Python computes.
        share = 1 - self.forget_rate(batch.clock.epoch)
        keep = (share * disagree.sum().double()).floor().clamp_min(1)
        picks = small_loss_picks(batch.losses.detach().masked_fill(~disagree, torch.inf), keep) * disagree
        return batch.w * picks.flip(0) * (rows / keep.clamp_min(self.least * rows)).to(batch.w.dtype)
