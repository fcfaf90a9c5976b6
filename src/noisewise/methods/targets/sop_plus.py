"""SOP+ (Liu et al., ICML 2022, arXiv 2202.14026): SOP with the two regularisers of the paper's experiments, each an
equation there.

    L = L_SOP + lambda_C mean KL(p(x') || p(x)) + lambda_B KL(1/K || mean p)

x' is another augmented view of the row, and p(x') is treated as a constant. In the authors' code both views pass
through the network in one batch, and the gradient of the second term flows through the view without a label. Views are
exchangeable, so the expected gradient is the same when it flows through x, which saves the second backward pass.
Without augmentation, x' is x plus Gaussian noise of `jitter` standard deviations of the batch's inputs.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.targets.sop import SOP
from noisewise.training.batch import Batch
from noisewise.training.method import MethodCard
from noisewise.training.networks import Networks, stateless_forward

_FLOOR = 1e-4


def view_divergence(logits: Tensor, other: Tensor) -> Tensor:
    """Divergence KL(p(x') || p(x)) of two views of a row.

    Args:
        logits: (..., B, K) of the view x.
        other: (..., B, K) of the view x'; no gradient flows through them.

    Returns:
        (..., B).
    """
    held, log_p = other.detach().log_softmax(dim=-1), logits.log_softmax(dim=-1)
    return (held.exp() * (held - log_p)).sum(dim=-1)


def imbalance(logits: Tensor) -> Tensor:
    """KL(1/K || mean p), (...), of the mean prediction over the rows of (..., B, K) logits."""
    mean = logits.softmax(dim=-1).mean(dim=-2).clamp_min(_FLOOR)
    return -mean.log().mean(dim=-1) - math.log(logits.shape[-1])


class SOPPlus(SOP):
    """SOP with a second view (edit station) and a penalty.

    Args:
        lr_u: learning rate of u, as in `sop`.
        lr_v: learning rate of v, likewise.
        consistency: lambda_C, the paper's 0.9.
        balance: lambda_B, the paper's 0.1.
        jitter: noise of the second view where there is no augmentation, in standard deviations of the inputs.
        both: update u by the squared residual, too, as the authors' code does.
    """

    card = MethodCard(
        "sop-plus",
        "SOP that also encourages equal predictions on two views of a row and equally frequent predictions of all "
        "classes. Both keep a network from fitting individual labels under heavy noise.",
        "Liu, Zhu, Qu and You, Robust Training under Label Noise by Over-parameterization, ICML 2022",
        2022,
        "L = L_SOP + lambda_C KL(p(x') || p(x)) + lambda_B KL(1/K || mean p)",
        forwards=2,
        departures="as for sop; the gradient of the consistency term flows through the labelled view; the balance term "
        "uses the network's predictions, as in the paper, whereas the authors' code adds s to them; Gaussian noise "
        "without augmentation",
    )
    bounds = {"consistency": between(0, 100), "balance": between(0, 100), "jitter": between(0, 100)}

    def __init__(
        self,
        lr_u: float = 10.0,
        lr_v: float = 10.0,
        consistency: float = 0.9,
        balance: float = 0.1,
        jitter: float = 0.1,
        both: bool = False,
    ) -> None:
        super().__init__(lr_u, lr_v, both)
        self.consistency, self.balance, self.jitter = consistency, balance, jitter

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        other = stateless_forward(nets, self._another(batch, rng)).movedim(0, 1)
        return replace(batch, info={**batch.info, "other": other})

    def loss(self, batch: Batch) -> Tensor:
        other = batch.info["other"].movedim(0, 1)
        return super().loss(batch) + self.consistency * view_divergence(batch.scores, other)

    def penalty(self, batch: Batch) -> Tensor:
        return self.balance * imbalance(batch.scores).sum()

    def _another(self, batch: Batch, rng: torch.Generator) -> Tensor:
        view = batch.second_view(rng)
        if view is not None:
            return view
        noise = torch.randn(batch.x.shape, generator=rng).to(batch.x)
        return batch.x + self.jitter * batch.x.std() * noise
