"""The local intrinsic dimension of points.

Ma, Wang, Houle, Zhou, Erfani, Xia, Wijewickrema and Bailey, Dimensionality-Driven Learning with Noisy Labels, ICML
2018, equation 4: the maximum-likelihood estimate of the local intrinsic dimension (LID) of Amsaleg et al., KDD 2015,

    LID(x) = -(1/k sum_i log r_i / r_k)^-1       r_1 <= ... <= r_k: distances to the k nearest other points.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LEAST_RATIO = 1e-8
_LARGEST = 1e3


def intrinsic_dimension(features: Tensor, neighbours: int) -> Tensor:
    """(B,) maximum-likelihood LID of rows (B, d) among themselves.

    It is at most 1000, the value for neighbours at equal distances. With fewer than `neighbours` other rows, all of
    them are neighbours.
    """
    distances = torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = distances.sort(dim=1).values[:, 1 : neighbours + 1]
    ratio = nearest / nearest[:, -1:].clamp_min(torch.finfo(nearest.dtype).tiny)
    return -1 / ratio.clamp_min(_LEAST_RATIO).log().mean(dim=1).clamp_max(-1 / _LARGEST)
