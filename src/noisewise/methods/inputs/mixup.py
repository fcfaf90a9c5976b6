"""mixup (Zhang et al., ICLR 2018, arXiv 1710.09412), equation 1.

    x = l x_i + (1 - l) x_j,   y = l y_i + (1 - l) y_j,   l ~ Beta(alpha, alpha)

One l per batch and a random permutation for j, as in the authors' code. Cross entropy is linear in the target, so
that mixing targets equals mixing the two losses.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.devices import sent
from noisewise.training.batch import Batch
from noisewise.training.method import Method, MethodCard
from noisewise.training.networks import Networks


def mix(values: Tensor, partner: Tensor, share: float) -> Tensor:
    """Mix every row with its partner: share * values + (1 - share) * values[partner], along the first axis."""
    return (share * values).add_(values[partner].mul_(1 - share))  # two tensors as large as the batch, not four


def draw_share(alpha: float, rng: torch.Generator) -> float:
    """One draw from Beta(alpha, alpha), seeded by the torch generator."""
    # torch has no Beta distribution that takes a generator; NumPy's is seeded from it.
    seed = int(torch.randint(2**62, (1,), generator=rng))
    return float(np.random.default_rng(seed).beta(alpha, alpha))


class Mixup(Method):
    """Edit station: mixes pairs of rows and removes the index.

    Args:
        alpha: parameter of the Beta distribution (the paper: 1 for CIFAR); larger values mix more evenly.
    """

    card = MethodCard(
        "mixup",
        "Train on convex combinations of pairs of rows and their labels. The network becomes linear between rows, "
        "which makes it harder to memorise single labels.",
        "Zhang, Cisse, Dauphin and Lopez-Paz, mixup: Beyond Empirical Risk Minimization, ICLR 2018",
        2018,
        "x = l x_i + (1 - l) x_j,  y = l y_i + (1 - l) y_j,  l ~ Beta(alpha, alpha)",
        forwards=2,
        departures="none known; the second forward pass is for the ledger, which records the rows without mixing",
    )
    bounds = {"alpha": between(1e-3, 1000)}
    mixes_rows = True

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        share = draw_share(self.alpha, rng)
        partner = sent(torch.randperm(len(batch), generator=rng), batch.x.device)
        x, y, w = mix(batch.x, partner, share), mix(batch.y, partner, share), mix(batch.w, partner, share)
        return replace(batch, x=x, y=y, w=w, index=None)
