"""The parts of CDR (Xia et al., ICLR 2021): criteria of importance, and rules for which weights are critical.

The published variants of the criterion are |g w| (equation 3), |g| + |w|, and a mask drawn once. A threshold on a
random sample of the entries costs less than the exact one; the share it keeps has a standard deviation of
sqrt(tau (1 - tau) / sample).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

CRITERIA = ("product", "sum", "fixed")
SUPPLEMENT_WHOLE, SUPPLEMENT_HEAD, SUPPLEMENT_MOST = 1000, 10_000, 9990


def importance(criterion: str, gradient: Tensor, weight: Tensor, rng: torch.Generator) -> Tensor:
    """Importance of every weight.

    Args:
        criterion: "product" |g w|, "sum" |g| + |w|, or "fixed", random numbers.
        gradient: of any shape.
        weight: of the same shape.
        rng: draws the random numbers.
    """
    if criterion == "fixed":
        return torch.rand(weight.shape, generator=rng, dtype=weight.dtype, device=weight.device)
    if criterion == "sum":
        return gradient.abs() + weight.abs()
    return (gradient * weight).abs()


def critical_mask(importance: Tensor, keep: int) -> Tensor:
    """Boolean mask of the `keep` largest entries of `importance`; ties are broken by position."""
    mask = torch.zeros(importance.numel(), dtype=torch.bool, device=importance.device)
    if keep > 0:
        mask[importance.reshape(-1).topk(keep, sorted=False).indices] = True
    return mask.reshape(importance.shape)


def kth_mask(importance: Tensor, masked: int) -> Tensor:
    """Boolean mask of all entries from the `masked`-th smallest on, with that entry itself and all ties."""
    if masked == 0:
        return torch.ones_like(importance, dtype=torch.bool)
    return importance >= importance.reshape(-1).kthvalue(masked).values


def sampled_mask(importance: Tensor, share: float, entries: int, rng: torch.Generator) -> Tensor:
    """Boolean mask of the entries at or above the quantile `share` of `entries` randomly drawn ones."""
    flat = importance.reshape(-1)
    drawn = flat[torch.randint(len(flat), (entries,), generator=rng, device=flat.device)]
    keep = int((1 - share) * entries)
    return importance >= drawn.kthvalue(entries - keep + 1).values if keep else importance > drawn.max()


def supplement_mask(importance: Tensor, share: float) -> Tensor:
    """The rule of the supplement of 2021-02-09 to a practitioner's note on CDR, for one tensor of m entries.

    Up to 1,000 entries all are kept; up to 10,000 those strictly below the int(share m)-th smallest are not. Of more,
    the threshold is the k-th smallest of the first 10,000 alone, k = int(10,000 (1 - (1 - share) 100 / sqrt(m))), at
    most 9,990: about 100 sqrt(m) (1 - share) are kept.
    """
    entries = importance.numel()
    if entries <= SUPPLEMENT_WHOLE:
        return torch.ones_like(importance, dtype=torch.bool)
    head = importance.reshape(-1)[:SUPPLEMENT_HEAD]
    kept = (1 - share) * min(1.0, math.sqrt(SUPPLEMENT_HEAD / entries))
    masked = min(int(len(head) * (1 - kept) + 1e-6), SUPPLEMENT_MOST)
    return importance >= head.kthvalue(masked).values if masked else torch.ones_like(importance, dtype=torch.bool)
