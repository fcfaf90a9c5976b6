"""Which weights are critical: criteria of importance, and thresholds. What CDR (Xia et al., ICLR 2021) varies.

The published variants of the criterion are |g w| (equation 3), |g| + |w|, and a mask drawn once. A threshold on a
random sample of the entries costs less than the exact one; the share it keeps errs by a standard deviation of
sqrt(tau (1 - tau) / sample).
"""

from __future__ import annotations

import torch
from torch import Tensor

CRITERIA = ("product", "sum", "fixed")


def importance(criterion: str, gradient: Tensor, weight: Tensor, rng: torch.Generator) -> Tensor:
    """How much each weight matters, of the shape of `weight`: |g w|, |g| + |w|, or random numbers from `rng`."""
    if criterion == "fixed":
        return torch.rand(weight.shape, generator=rng, dtype=weight.dtype, device=weight.device)
    if criterion == "sum":
        return gradient.abs() + weight.abs()
    return (gradient * weight).abs()


def critical_mask(importance: Tensor, keep: int) -> Tensor:
    """A boolean mask, of the shape of `importance`, of its `keep` largest entries; ties are broken by position."""
    mask = torch.zeros(importance.numel(), dtype=torch.bool, device=importance.device)
    if keep > 0:
        mask[importance.reshape(-1).topk(keep, sorted=False).indices] = True
    return mask.reshape(importance.shape)


def kth_mask(importance: Tensor, masked: int) -> Tensor:
    """All entries but those strictly below the `masked`-th smallest: one more than asked for is kept, and ties are."""
    if masked == 0:
        return torch.ones_like(importance, dtype=torch.bool)
    return importance >= importance.reshape(-1).kthvalue(masked).values


def sampled_mask(importance: Tensor, share: float, entries: int, rng: torch.Generator) -> Tensor:
    """All entries at or above a threshold that leaves `share` of `entries` randomly drawn ones below it."""
    flat = importance.reshape(-1)
    drawn = flat[torch.randint(len(flat), (entries,), generator=rng, device=flat.device)]
    keep = int((1 - share) * entries)
    return importance >= drawn.kthvalue(entries - keep + 1).values if keep else importance > drawn.max()
