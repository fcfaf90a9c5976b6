"""Backward correction (Patrini et al., CVPR 2017, arXiv 1609.03683), theorem 1 and algorithm 1.

    L = sum_j (T^-1)_yj l_j,    l_j = -log p_j

In expectation over the noise this is the loss of the clean label, for every prediction. The loss of a single row can be
negative and has no lower bound, which a memorising network exploits; p is therefore floored in the logarithm. A badly
conditioned T is first mixed with the smallest sufficient share of the identity, as the paper advises. The networks keep
the epochs of least loss on noisy validation rows, as in `forward`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.transition.forward import FIRST_NETWORK, given_or_estimated
from noisewise.training.batch import Batch, distributions
from noisewise.training.method import Method, MethodCard
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Training

_SHARES = 101

CARD = MethodCard(
    "backward",
    "Weight the losses of all labels by the inverse of the transition matrix of the labels. On average over the noise "
    "this is the loss of the clean label.",
    "Patrini, Rozza, Menon, Nock and Qu, Making Deep Neural Networks Robust to Label Noise: A Loss Correction "
    "Approach, CVPR 2017",
    2017,
    "L = sum_j (T^-1)_yj (-log p_j)",
    forwards=1.5,
    backwards=1.5,
    stations=("loss",),
    departures="p is floored in the logarithm (`floor`); T is mixed with the identity until no entry of the inverse "
    "exceeds `largest`; without a matrix the first network trains for half of the epochs, not for all (`first`). Both "
    "networks end with the weights of least loss on noisy validation rows, as the authors' do, and with the last ones "
    "where there are no such rows",
)


def backward_loss(logits: Tensor, targets: Tensor, inverse: Tensor, floor: float = 0.01) -> Tensor:
    """Backward-corrected cross entropy -sum_j (y T^-1)_j log max(p_j, floor) (Patrini et al. 2017, theorem 1).

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions; the given labels.
        inverse: (K, K) the inverse of T, see `bounded_inverse`.
        floor: lower limit of the probabilities in the logarithm.

    Returns:
        (..., B) per-sample losses, which may be negative.
    """
    smallest = torch.tensor(floor, dtype=torch.float64).log().item()
    log_p = logits.log_softmax(dim=-1).clamp_min(smallest)
    return -((distributions(logits, targets) @ inverse) * log_p).sum(dim=-1)


def bounded_inverse(transition: Tensor, largest: float) -> Tensor:
    """Inverse of a transition matrix, which is mixed with the identity until the inverse is bounded.

    Args:
        transition: (K, K), rows sum to one.
        largest: largest absolute entry of the inverse, at least 1.

    Returns:
        (K, K) the inverse of (1 - s) T + s I for the smallest s = 0, 0.01, ..., 1 that keeps the bound.
    """
    identity = torch.eye(len(transition), dtype=transition.dtype, device=transition.device)
    for share in torch.linspace(0, 1, _SHARES).tolist():
        inverse, problem = torch.linalg.inv_ex((1 - share) * transition + share * identity)
        if not problem and inverse.abs().max() <= largest:
            break
    return inverse


class BackwardCorrection(Method):
    """Loss station: the losses of all labels, weighted by the inverse of a fixed transition matrix.

    Args:
        transition: (K, K), rows sum to one.
        largest: the largest entry of the inverse, at least 1.
        floor: lower limit of the predicted probabilities.
    """

    card = CARD
    bounds = {"largest": between(1, 1_000_000), "floor": between(1e-30, 0.5)}
    inverse: Tensor

    def __init__(self, transition: Tensor, largest: float = 3.0, floor: float = 0.01) -> None:
        super().__init__()
        self.floor = floor
        self.register_buffer("inverse", bounded_inverse(transition.double(), largest).to(transition.dtype))

    def loss(self, batch: Batch) -> Tensor:
        return backward_loss(batch.scores, batch.y, self.inverse, self.floor)


@recipe(CARD, {**FIRST_NETWORK, **BackwardCorrection.bounds})
def backward(
    training: Training,
    matrix: str | None = None,
    estimator: str = "anchor",
    percentile: float | None = None,
    first: float = 0.5,
    largest: float = 3.0,
    floor: float = 0.01,
) -> None:
    """Train with the corrected loss.

    Args:
        training: the training.
        matrix: a file with T; None estimates it from a first network.
        estimator: anchor, anchor-mean, dual-t or hoc.
        percentile: percentile of the anchor points; None is 1 - 0.3 / K.
        first: epochs of the first network, as a share of all epochs.
        largest: the largest entry of the inverse of T.
        floor: lower limit of the predicted probabilities in the logarithm.

    Raises:
        BadInput: an unknown estimator; a matrix that does not fit.
    """
    transition = given_or_estimated(training, matrix, estimator, percentile, first)
    training.fit(training.learner("main"), BackwardCorrection(transition, largest, floor), keep_best="loss")
