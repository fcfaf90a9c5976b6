"""TracIn: how much the training steps on the row itself lowered its own loss.

    s_i = sum_t eta_t ||grad_W l_t(x_i, y_i)||_2^2

Pruthi, Liu, Kale and Sundararajan, Estimating Training Data Influence by Tracing Gradient Descent, NeurIPS 2020:
TracInCP of a row on itself, by which the paper finds mislabelled rows. The checkpoints t are the ends of four epochs
spread evenly over the training, eta_t is the learning rate at which those epochs began, and W is the last linear layer
with its bias (the paper allows a choice of layers), so that ||g||^2 = ||p - onehot(y)||^2 (||h||^2 + 1).
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.detectors.gradients.grand import gradient_norms
from noisewise.auditing.evidence import Evidence

CHECKPOINTS = 4


def checkpoints(epochs: int) -> tuple[int, ...]:
    """The epochs, counted from 1, after which the last layer is observed; the last one is the training's last."""
    return tuple(sorted({max(1, round(epochs * (i + 1) / CHECKPOINTS)) for i in range(CHECKPOINTS)}))


def influence(features: Tensor, probabilities: Tensor, labels: Tensor, lr: float) -> Tensor:
    """(m,) contribution of a checkpoint: the learning rate times the squared gradient norm.

    Args:
        features: (m, d) input of the last linear layer.
        probabilities: (m, K) softmax of its output.
        labels: (m,) given labels.
        lr: learning rate.
    """
    return lr * gradient_norms(features, probabilities, labels).square()


def score(evidence: Evidence) -> np.ndarray:
    """(n,) influences of the rows on themselves."""
    return evidence.statistic("tracin")


TRACIN = Detector(
    DetectorCard(
        "tracin",
        "The influence of the row's own training steps on its loss, by the last linear layer at four checkpoints.",
        ("ledger",),
        "Pruthi et al., Estimating Training Data Influence by Tracing Gradient Descent, NeurIPS",
        2020,
        "sum_t lr_t ||g_t||_2^2",
        ("tracin",),
        cost="four passes over the training rows per fold",
        on_request=True,
    ),
    score,
)
