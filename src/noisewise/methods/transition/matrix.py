"""Transition matrices T[i, j] = P(given = j | true = i), (K, K) with rows that sum to one."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from noisewise.data.readers.matrices import read_numbers
from noisewise.errors import BadInput
from noisewise.training.batch import distributions


def forward_loss(logits: Tensor, targets: Tensor, transition: Tensor) -> Tensor:
    """Forward-corrected cross entropy -sum_j y_j log(sum_i p_i T_ij) (Patrini et al. 2017, theorem 2).

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions; the given labels.
        transition: (K, K) T[i, j] = P(given = j | true = i), rows sum to one.

    Returns:
        (..., B) per-sample losses.
    """
    noisy = logits.softmax(dim=-1) @ transition
    return -(distributions(logits, targets) * noisy.clamp_min(1e-12).log()).sum(dim=-1)


def anchor_transition(probabilities: Tensor, percentile: float | None = 0.97, *, average: bool = False) -> Tensor:
    """Transition matrix from anchor points (Patrini et al. 2017, equations 12 and 13).

    The anchor of class i is the row at a percentile of p(i | x), which the authors use instead of the maximum; row i of
    T is the prediction there, normalised to sum to one.

    Args:
        probabilities: (n, K) predicted posteriors of the given label.
        percentile: of the anchors; None is 1 - 0.3 / K, which leaves out 30 % of a class of average size and equals
            the authors' 0.97 for K = 10.
        average: average all rows at or above the percentile instead of taking the row there.

    Returns:
        (K, K) the estimate of T.
    """
    n, classes = probabilities.shape
    share = 1 - 0.3 / classes if percentile is None else percentile
    position = min(n - 1, int(share * n))
    order = probabilities.argsort(dim=0, stable=True)
    anchors = probabilities[order[position:]].mean(dim=0) if average else probabilities[order[position]]
    return anchors / anchors.sum(dim=1, keepdim=True).clamp_min(1e-12)


def predicted_confusion(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Distribution of given labels among the rows predicted as each class.

    Args:
        probabilities: (n, K) predictions.
        labels: (n,) given labels.

    Returns:
        (K, K), by predicted and given class; a row of the identity for a class that is never predicted.
    """
    classes = probabilities.shape[1]
    cells = probabilities.argmax(dim=1) * classes + labels
    counts = torch.bincount(cells, minlength=classes**2).view(classes, classes).to(probabilities.dtype)
    total = counts.sum(dim=1, keepdim=True)
    identity = torch.eye(classes, dtype=counts.dtype, device=counts.device)
    return torch.where(total > 0, counts / total.clamp_min(1), identity)


def read_transition(path: str, classes: int) -> Tensor:
    """Read a transition matrix.

    Args:
        path: an .npy or .csv file.
        classes: K.

    Returns:
        (K, K) float32.

    Raises:
        BadInput: no such file, not (K, K), negative entries, or rows that do not sum to one.
    """
    values = read_numbers(path, "the transition matrix")
    if values.shape != (classes, classes):
        raise BadInput(f"the transition matrix {path!r} has shape {values.shape}, but there are {classes} classes")
    if not (values >= 0).all() or not np.allclose(values.sum(axis=1), 1, atol=1e-3):
        raise BadInput(f"the rows of the transition matrix {path!r} must be probabilities that sum to 1")
    return torch.as_tensor(values, dtype=torch.float32)
