"""Forward correction (Patrini et al., CVPR 2017, arXiv 1609.03683), theorem 2 and algorithm 1.

    L = -log sum_i p_i T_iy

With the true T its minimiser is the clean posterior. T is given, or estimated as in the paper: a first network is
trained with cross entropy, T is read off its anchor points, and a fresh network is trained with the corrected loss.
"""

from __future__ import annotations

from torch import Tensor

from noisewise.methods.ce import CrossEntropy
from noisewise.methods.checks import within
from noisewise.methods.transition import anchor_transition, forward_loss, read_transition
from noisewise.training.batch import Batch
from noisewise.training.method import Card, Method
from noisewise.training.networks import Predictor
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Training

CARD = Card(
    "forward",
    "Pass the prediction through the matrix of label confusions before comparing it with the given label. The "
    "network behind the matrix so learns the clean labels.",
    "Patrini, Rozza, Menon, Nock and Qu, Making Deep Neural Networks Robust to Label Noise: A Loss Correction "
    "Approach, CVPR 2017",
    2017,
    "L = -log sum_i p_i T_iy",
    forwards=1.5,
    backwards=1.5,
    stations=("loss",),
    departures="without a matrix the first network trains for half of the epochs, not for all of them (`first`)",
)


class ForwardCorrection(Method):
    """Loss station: cross entropy behind a fixed transition matrix.

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


@recipe(CARD)
def forward(training: Training, matrix: str | None = None, percentile: float = 0.97, first: float = 0.5) -> None:
    """Train behind a transition matrix.

    Args:
        training: the training.
        matrix: a file with T; None estimates it from a first network.
        percentile: of the anchor points.
        first: epochs of the first network, as a share of the epochs.

    Raises:
        BadInput: an option outside its range; a matrix that does not fit.
    """
    within("forward", "percentile", percentile, 0.5, 1)
    within("forward", "first", first, 0.01, 1)
    if matrix is not None:
        transition = read_transition(matrix, training.classes)
    else:
        scout = training.learner("first")
        training.fit(scout, CrossEntropy(), max(1, round(first * training.config.epochs)), record=False)
        transition = training.remember(
            "transition",
            lambda: anchor_transition(training.probabilities(Predictor(scout.nets), "train"), percentile).cpu(),
        )
    training.fit(training.learner("main"), ForwardCorrection(transition.to(training.device)))
