"""SOP+ (Liu et al., ICML 2022, arXiv 2202.14026): SOP with the two regularisers of the paper's experiments, each an
equation there.

    L = L_SOP + lambda_C mean KL(p(x') || p(x)) + lambda_B KL(1/K || mean p)

x' is another view of the row. Where it is strongly augmented (the authors: AutoAugment and a square cut out), both
views pass through the network in one batch, and the second term is KL(p(x) || p(x')) with p(x) constant, as in the
authors' code. Otherwise p(x') is the constant: views of one kind are exchangeable, so the expected gradient is the same
when it flows through x, which saves the second backward pass. Without augmentation, x' is x plus Gaussian noise of
`jitter` standard deviations of the batch's inputs.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.devices import generator_on
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
        departures="as for sop; the second view is a weak one unless `strong` is set, and then the gradient of the "
        "consistency term flows through the labelled view (with a strong one there are 3 forward and 2 backward "
        "passes); the balance term uses the network's predictions, as "
        "in the paper, whereas the authors' code adds s to them; Gaussian noise without augmentation",
    )
    bounds = {"consistency": between(0, 100), "balance": between(0, 100), "jitter": between(0, 100)}

    def __init__(
        self,
        lr_u: float = 10.0,
        lr_v: float = 100.0,
        consistency: float = 0.9,
        balance: float = 0.1,
        jitter: float = 0.1,
        both: bool = False,
    ) -> None:
        super().__init__(lr_u, lr_v, both)
        self.consistency, self.balance, self.jitter = consistency, balance, jitter

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        if batch.strong is None:
            other = stateless_forward(nets, self._another(batch, rng)).movedim(0, 1)
            return replace(batch, info={**batch.info, "other": other})
        both = torch.cat([batch.x, batch.strong(rng)])
        y, w = torch.cat([batch.y, batch.y], dim=-2), torch.cat([batch.w, batch.w], dim=-1)
        return replace(batch, x=both, y=y, w=w, index=None, info={**batch.info, "rows": batch.rows})

    def loss(self, batch: Batch) -> Tensor:
        first = _first_views(batch)
        by_label = super().loss(first)
        if first is batch:
            other = batch.info["other"].movedim(0, 1)
            return by_label + self.consistency * view_divergence(batch.scores, other)
        apart = view_divergence(batch.scores[..., len(first) :, :], first.scores)
        return 2 * torch.cat([by_label, self.consistency * apart], dim=-1)  # the mean is over both views

    def penalty(self, batch: Batch) -> Tensor:
        return self.balance * imbalance(_first_views(batch).scores).sum()

    def observe(self, batch: Batch) -> None:
        super().observe(_first_views(batch))

    def _another(self, batch: Batch, rng: torch.Generator) -> Tensor:
        if batch.view is not None:
            return batch.view(rng)
        draws = generator_on(batch.x.device, rng)
        noise = torch.randn(batch.x.shape, generator=draws, device=batch.x.device).to(batch.x.dtype)
        return batch.x + self.jitter * batch.x.std() * noise


def _first_views(batch: Batch) -> Batch:
    """The rows in their first views, where `edit` has put the strong ones behind them."""
    if "rows" not in batch.info:
        return batch
    rows = batch.info["rows"]
    half, logits = len(rows), batch.scores[..., : len(rows), :]
    return replace(batch, y=batch.y[..., :half, :], w=batch.w[..., :half], index=rows, logits=logits)
