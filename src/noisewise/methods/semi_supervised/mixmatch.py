"""Shared by dividemix, pes and promix: MixMatch (Berthelot et al., NeurIPS 2019, arXiv 1905.02249), section 3.

    guess:  u <- sharpen(mean over views of p),   sharpen(p) = p^(1/T) / sum_k p_k^(1/T)
    mix:    l <- max(l, 1 - l), l ~ Beta(alpha, alpha), over all rows and views
    L = CE on labelled rows + lambda_u ramp(epoch) MSE on unlabelled rows

The separate means over the two parts become weights of one mean: total / part, times the coefficient of the part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from noisewise.devices import sent
from noisewise.methods.inputs.mixup import draw_share, mix
from noisewise.training.batch import Batch, Clock

# Names of the auxiliary batch of unlabelled rows, and of the mask of labelled rows in `Batch.info`.
UNLABELLED = "unlabelled"
LABELLED = "labelled"

RAMP = 16  # epochs in which the weight of unlabelled rows rises, in the code of MixMatch, DivideMix and PES


class Views(NamedTuple):
    """Augmented views of the same rows, which share their targets.

    Attributes:
        views: (B, ...) each.
        y: (B, K) target distributions.
    """

    views: list[Tensor]
    y: Tensor


def sharpen(p: Tensor, temperature: float) -> Tensor:
    """p^(1/T), normalised to sum to one over the last axis."""
    powered = p ** (1 / temperature)
    return powered / powered.sum(dim=-1, keepdim=True)


def mean_prediction(logits: Iterable[Tensor]) -> Tensor:
    """(B, K) mean of the softmax of several (B, K) logits, one per view (and network)."""
    return torch.stack([z.softmax(dim=-1) for z in logits]).mean(dim=0)


def two_views(batch: Batch, rng: torch.Generator) -> list[Tensor]:
    """The batch's inputs and, where they are augmented, a second view of the same rows."""
    return [batch.x] if batch.view is None else [batch.x, batch.view(rng)]


def ramp(epoch: float, start: float, length: int = RAMP) -> float:
    """Linear ramp from 0 at epoch `start` to 1, `length` epochs (at least one) later."""
    return min(max((epoch - start) / max(length, 1), 0.0), 1.0)


def epochs_done(clock: Clock) -> float:
    """Epochs behind this step, with the fraction of the present one."""
    return clock.epoch + clock.step / clock.steps


def mix_rows(x: Tensor, y: Tensor, alpha: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mix each row with a random other row.

    Args:
        x: (R, ...) inputs.
        y: (R, K) targets.
        alpha: parameter of the Beta distribution of l.
        rng: draws l, then the partners.

    Returns:
        The mixed inputs and targets. l is at least 1/2, so that a mixture stays closer to the row in its own place.
    """
    share = draw_share(alpha, rng)
    share = max(share, 1 - share)
    partner = sent(torch.randperm(len(x), generator=rng), x.device)
    return mix(x, partner, share), mix(y, partner, share)


def mixmatch(
    batch: Batch, labelled: Views, unlabelled: Views | None, alpha: float, coefficient: float, rng: torch.Generator
) -> Batch:
    """The mixed batch of all views of labelled and unlabelled rows, without an index.

    Its weights make one mean over all rows equal to the sum of the means over the two parts. `info["labelled"]` holds
    which rows are labelled, (R,).

    Args:
        batch: what to start from.
        labelled: rows with labels.
        unlabelled: rows with guessed targets; None where there are none.
        alpha: parameter of the Beta distribution of mixing.
        coefficient: of the mean over unlabelled rows.
        rng: draws the mixture.
    """
    parts = [labelled] if unlabelled is None else [labelled, unlabelled]
    x = torch.cat([view for part in parts for view in part.views])
    y = torch.cat([part.y for part in parts for _ in part.views])
    x, y = mix_rows(x, y, alpha, rng)
    known, total = len(labelled.y) * len(labelled.views), len(x)
    is_labelled = torch.arange(total, device=x.device) < known
    w = torch.where(is_labelled, total / known, coefficient * total / max(total - known, 1)).to(batch.w.dtype)
    return replace(batch, x=x, y=y, w=w, index=None, info={**batch.info, LABELLED: is_labelled})


def semi_supervised_loss(batch: Batch, supervised: Tensor) -> Tensor:
    """(N, B) the supervised loss where rows are labelled, elsewhere the squared error of the prediction.

    Args:
        batch: the batch, with logits. One that `mixmatch` did not make has labelled rows only.
        supervised: (N, B) loss of the rows as if all were labelled.
    """
    if LABELLED not in batch.info:
        return supervised
    squared_error = ((batch.scores.softmax(dim=-1) - batch.y) ** 2).mean(dim=-1)
    return torch.where(batch.info[LABELLED], supervised, squared_error)


def negative_entropy(logits: Tensor) -> Tensor:
    """sum_k p log p of (N, B, K) logits, averaged over rows, summed over networks: penalises confidence."""
    log_p = logits.log_softmax(dim=-1)
    return (log_p.exp() * log_p).sum(dim=-1).mean(dim=-1).sum()
