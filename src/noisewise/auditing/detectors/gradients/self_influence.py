"""Self-influence: how much higher the row's loss would be without the row in the training set.

    s_i = g_i^T (H + lambda I)^-1 g_i,   g_i = (p_i - onehot(y_i)) (x) a_i,   a_i = (h_i, 1)
    H = (1 / m) sum_i (diag(p_i) - p_i p_i^T) (x) a_i a_i^T

Koh and Liang, Understanding Black-box Predictions via Influence Functions, ICML 2017, equation 2 for a row on itself,
with the sign reversed, and section 5.4, where it finds mislabelled rows. Only the weights and the bias of the last
linear layer are used, at the end of the training: there H is the exact Hessian of the cross entropy, and equals the
Gauss-Newton matrix. Up to 2,000 weights it is inverted exactly. Beyond that it is approximated by the Kronecker product
of the means of its two factors (Martens and Grosse, Optimizing Neural Networks with Kronecker-factored Approximate
Curvature, ICML 2015, section 3) and inverted in their eigenbases. The damping lambda is a tenth of the mean eigenvalue,
as in Grosse et al., Studying Large Language Model Generalization with Influence Functions, 2023.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.detectors.gradients.grand import errors
from noisewise.auditing.evidence import Evidence

MOST_EXACT = 2000
DAMPING = 0.1
_LEAST_DAMPING = 1e-12
_BLOCK = 2**22


def self_influence(features: Tensor, probabilities: Tensor, labels: Tensor, most_exact: int = MOST_EXACT) -> Tensor:
    """(m,) influences of the rows on themselves.

    Args:
        features: (m, d) input of the last linear layer.
        probabilities: (m, K) softmax of its output.
        labels: (m,) given labels.
        most_exact: number of weights K (d + 1) up to which the Hessian is inverted exactly.
    """
    inputs = torch.cat([features, torch.ones_like(features[:, :1])], dim=1).double()
    p = probabilities.double()
    error = errors(p, labels)
    if inputs.shape[1] * p.shape[1] <= most_exact:
        return _by_hessian(inputs, p, error)
    return _by_factors(inputs, p, error)


def hessian(inputs: Tensor, p: Tensor) -> Tensor:
    """(K w, K w) mean over rows of (diag(p) - p p^T) (x) a a^T, of inputs a (m, w) and probabilities p (m, K)."""
    (rows, width), classes = inputs.shape, p.shape[1]
    total = inputs.new_zeros(classes * width, classes * width)
    for at in torch.arange(rows, device=p.device).split(max(1, _BLOCK // len(total))):
        joint = _outer(p[at], inputs[at])
        total -= joint.T @ joint
    blocks = total.view(classes, width, classes, width)
    for k in range(classes):
        blocks[k, :, k] += inputs.T @ (p[:, k, None] * inputs)
    return total / rows


def _outer(left: Tensor, right: Tensor) -> Tensor:
    return (left[:, :, None] * right[:, None, :]).flatten(1)


def _damping(mean: Tensor) -> Tensor:
    return (DAMPING * mean).clamp_min(_LEAST_DAMPING)


def _by_hessian(inputs: Tensor, p: Tensor, error: Tensor) -> Tensor:
    curvature = hessian(inputs, p)
    diagonal = curvature.diagonal()
    diagonal += _damping(diagonal.mean())
    root = torch.linalg.cholesky(curvature)
    blocks = torch.arange(len(inputs), device=p.device).split(max(1, _BLOCK // len(root)))
    solved = (torch.linalg.solve_triangular(root, _outer(error[at], inputs[at]).T, upper=False) for at in blocks)
    return torch.cat([half.square().sum(dim=0) for half in solved])


def _by_factors(inputs: Tensor, p: Tensor, error: Tensor) -> Tensor:
    rows = len(inputs)
    of_inputs, turn_inputs = torch.linalg.eigh(inputs.T @ inputs / rows)
    of_classes, turn_classes = torch.linalg.eigh(p.mean(dim=0).diag() - p.T @ p / rows)
    values = of_classes.clamp_min(0)[:, None] * of_inputs.clamp_min(0)
    inverse = 1 / (values + _damping(values.mean()))
    return (((error @ turn_classes).square() @ inverse) * (inputs @ turn_inputs).square()).sum(dim=1)


def score(evidence: Evidence) -> np.ndarray:
    """(n,) influences of the rows on themselves."""
    return evidence.statistic("self_influence")


SELF_INFLUENCE = Detector(
    DetectorCard(
        "self-influence",
        "How much training on the row lowered its own loss, by the damped Hessian of the last linear layer.",
        ("ledger",),
        "Koh and Liang, Understanding Black-box Predictions via Influence Functions, ICML",
        2017,
        "g^T (H + lambda I)^-1 g",
        ("self_influence",),
        cost="one pass over the training rows per fold; a Hessian",
        on_request=True,
    ),
    score,
)
