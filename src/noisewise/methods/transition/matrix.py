"""What the methods with a transition matrix share: T[i, j] = P(given = j | true = i), (K, K) with rows that sum to
one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from noisewise.errors import BadInput


def forward_loss(logits: Tensor, targets: Tensor, transition: Tensor) -> Tensor:
    """(..., B) losses -sum_j y_j log(sum_i p_i T_ij): cross entropy of the given label under the noisy prediction."""
    noisy = logits.softmax(dim=-1) @ transition
    return -(targets * noisy.clamp_min(1e-12).log()).sum(dim=-1)


def anchor_transition(probabilities: Tensor, percentile: float | None = 0.97, *, average: bool = False) -> Tensor:
    """T from anchor points (Patrini et al. 2017, equations 12 and 13) of (n, K) predicted noisy posteriors.

    The anchor of class i is the row at the given percentile of p(i | x), as the authors take it instead of the
    maximum; row i of T is the prediction there, made to sum to one.

    Args:
        probabilities: (n, K).
        percentile: None leaves out three tenths of a class of average size: 1 - 0.3 / K, the authors' 0.97 for K = 10.
        average: take the mean over all rows at or above the percentile instead of the row there.
    """
    n, classes = probabilities.shape
    share = 1 - 0.3 / classes if percentile is None else percentile
    position = min(n - 1, int(share * n))
    order = probabilities.argsort(dim=0, stable=True)
    anchors = probabilities[order[position:]].mean(dim=0) if average else probabilities[order[position]]
    return anchors / anchors.sum(dim=1, keepdim=True).clamp_min(1e-12)


def predicted_confusion(probabilities: Tensor, labels: Tensor) -> Tensor:
    """(K, K) share of each given label (n,) among the rows predicted as each class by (n, K) probabilities.

    A class that no row is predicted as keeps its labels: identity.
    """
    classes = probabilities.shape[1]
    cells = probabilities.argmax(dim=1) * classes + labels
    counts = torch.bincount(cells, minlength=classes**2).view(classes, classes).to(probabilities.dtype)
    total = counts.sum(dim=1, keepdim=True)
    identity = torch.eye(classes, dtype=counts.dtype, device=counts.device)
    return torch.where(total > 0, counts / total.clamp_min(1), identity)


def read_transition(path: str, classes: int) -> Tensor:
    """A (K, K) matrix from an .npy or .csv file.

    Raises:
        BadInput: no such file, not (K, K), negative entries, or rows that do not sum to one.
    """
    try:
        values = (
            np.load(path, allow_pickle=False)
            if Path(path).suffix == ".npy"
            else np.loadtxt(path, delimiter=",", ndmin=2)
        )
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read the transition matrix {path!r}: {error}") from error
    if values.shape != (classes, classes):
        raise BadInput(f"the transition matrix {path!r} has shape {values.shape}, but there are {classes} classes")
    if (values < 0).any() or not np.allclose(values.sum(axis=1), 1, atol=1e-3):
        raise BadInput(f"the rows of the transition matrix {path!r} must be probabilities that sum to 1")
    return torch.as_tensor(values, dtype=torch.float32)
