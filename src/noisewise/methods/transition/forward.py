"""Forward correction (Patrini et al., CVPR 2017, arXiv 1609.03683), theorem 2 and algorithm 1.

    L = -log sum_i p_i T_iy

With the true T its minimiser is the clean posterior. T is given, or estimated as in the paper: a first network is
trained with cross entropy, T is estimated from its anchor points, and a new network is trained with the corrected loss.
As in the authors' program, both networks keep the weights of the epoch with the smallest loss (the corrected one for
the second) on validation rows with their given labels. Other estimators of T can be chosen by name.
"""

from __future__ import annotations

from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.transition.estimators import TRANSITION_BOUNDS, warm_up_model, warm_up_transition
from noisewise.methods.transition.matrix import forward_loss, read_transition
from noisewise.training.batch import Batch
from noisewise.training.method import Method, MethodCard
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Training

CARD = MethodCard(
    "forward",
    "Multiply the prediction by the transition matrix of the labels before comparing it with the given label. The "
    "network in front of the matrix thus learns the clean labels.",
    "Patrini, Rozza, Menon, Nock and Qu, Making Deep Neural Networks Robust to Label Noise: A Loss Correction "
    "Approach, CVPR 2017",
    2017,
    "L = -log sum_i p_i T_iy",
    forwards=1.5,
    backwards=1.5,
    stations=("loss",),
    departures="without a matrix the first network trains for half of the epochs, not for all of them (`first`); the "
    "percentile of the anchors depends on the number of classes, 0.97 for ten. Both networks end with the weights of "
    "least loss on noisy validation rows, as the authors' do, and with the last ones where there are no such rows",
)
FIRST_NETWORK = {**TRANSITION_BOUNDS, "first": between(0.01, 1)}


class ForwardCorrection(Method):
    """Loss station: cross entropy after a fixed transition matrix.

    Args:
        transition: (K, K), rows sum to one.
    """

    card = CARD
    transition: Tensor

    def __init__(self, transition: Tensor) -> None:
        super().__init__()
        self.register_buffer("transition", transition.float())

    def loss(self, batch: Batch) -> Tensor:
        return forward_loss(batch.scores, batch.y, self.transition)


@recipe(CARD, FIRST_NETWORK)
def forward(
    training: Training,
    matrix: str | None = None,
    estimator: str = "anchor",
    percentile: float | None = None,
    first: float = 0.5,
) -> None:
    """Train with a transition matrix after the prediction.

    Args:
        training: the training.
        matrix: a file with T; None estimates it from a first network.
        estimator: anchor, anchor-mean, dual-t or hoc.
        percentile: percentile of the anchor points; None is 1 - 0.3 / K.
        first: epochs of the first network, as a share of all epochs.

    Raises:
        BadInput: an unknown estimator; a matrix that does not fit.
    """
    transition = given_or_estimated(training, matrix, estimator, percentile, first)
    training.fit(training.learner("main"), ForwardCorrection(transition), keep_best="loss")


def given_or_estimated(
    training: Training, matrix: str | None, estimator: str, percentile: float | None, first: float
) -> Tensor:
    """Read T from a file, or estimate it with a first network.

    Args:
        training: the training.
        matrix: a file with T; None estimates it.
        estimator: anchor, anchor-mean, dual-t or hoc.
        percentile: percentile of the anchor points; None is 1 - 0.3 / K.
        first: epochs of the first network, as a share of all epochs.

    Returns:
        (K, K) on the training's device.

    Raises:
        BadInput: a matrix that cannot be read or does not fit.
    """
    if matrix is not None:
        return read_transition(matrix, training.classes).to(training.device)
    return warm_up_transition(training, warm_up_model(training, first, by="loss"), estimator, percentile)
