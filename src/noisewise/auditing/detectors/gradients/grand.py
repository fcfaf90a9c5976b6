"""GraNd: the norm of the row's loss gradient, early in training.

    s_i = ||grad_W l(x_i, y_i)||_2 = ||p_i - onehot(y_i)||_2 sqrt(||h_i||^2 + 1)

Paul, Ganguli and Dziugaite, Deep Learning on a Data Diet: Finding Important Examples Early in Training, NeurIPS 2021,
definition 2.1. Only the weights and the bias of the last linear layer are used, whose gradient has the closed form
above with the layer's input h; the paper uses all weights. The norm is measured once, after a quarter of the epochs,
and averaged over the other folds' networks.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.evidence import Evidence


def errors(probabilities: Tensor, labels: Tensor) -> Tensor:
    """(m, K) p - onehot(y): the gradient of the cross entropy with respect to the logits."""
    return probabilities.scatter_add(1, labels[:, None], -torch.ones_like(probabilities[:, :1]))


def gradient_norms(features: Tensor, probabilities: Tensor, labels: Tensor) -> Tensor:
    """(m,) norms of the gradient with respect to the last linear layer and its bias.

    Args:
        features: (m, d) input of the layer.
        probabilities: (m, K) softmax of its output.
        labels: (m,) given labels.
    """
    return errors(probabilities, labels).norm(dim=1) * (features.square().sum(dim=1) + 1).sqrt()


def score(evidence: Evidence) -> np.ndarray:
    """(n,) norms."""
    return evidence.statistic("gradient_norm")


GRAND = Detector(
    DetectorCard(
        "grand",
        "The norm of the loss gradient of the last linear layer, after a quarter of the training.",
        ("ledger",),
        "Paul, Ganguli and Dziugaite, Deep Learning on a Data Diet, NeurIPS",
        2021,
        "||p - onehot(y)||_2 sqrt(||h||^2 + 1)",
        ("gradient_norm",),
        cost="one pass over the training rows per fold",
        on_request=True,
    ),
    score,
)
