"""Importance reweighting with a transition matrix that is revised (Xia et al., NeurIPS 2019, arXiv 1906.00189).

    L = mean_n beta_n CE_n,    beta = p_y / (p (T + dT))_y

This is the paper's algorithm 1, as the authors' program runs it: T is estimated with a network trained with cross
entropy; the network continues with the reweighted loss at dT = 0; then the slack dT is learned along with it, by Adam
at a small learning rate. Each phase starts from the best epoch of the one before, by accuracy on validation rows with
their given labels. The weights beta are constants in the second phase. In the third they are differentiated, by the
prediction and by dT. (The authors also publish a second version of the third phase's loss. It detaches beta, so that dT
gets no gradient and nothing is revised.)

T + dT is kept a transition matrix, with no negative entries and rows that sum to one, because the loss decreases when
its entries grow. The authors' loop over a batch adds dT to T once more for every row; here it is added once.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from noisewise.bounds import between
from noisewise.methods.phases import phase_epochs
from noisewise.methods.transition.estimators import TRANSITION_BOUNDS, next_phase, warm_up_model, warm_up_transition
from noisewise.methods.transition.matrix import read_transition
from noisewise.training.batch import Batch
from noisewise.training.method import Method, MethodCard
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Training

_SMALLEST = 1e-6
_FIRST = 0.1  # share of the first phase in a training that is long enough; the authors': 20 of 420 epochs

CARD = MethodCard(
    "t-revision",
    "Weight every row by the ratio of the clean to the noisy posterior of its label. The transition matrix in the "
    "weights is estimated first and revised at the end.",
    "Xia, Liu, Wang, Han, Gong, Niu and Sugiyama, Are Anchor Points Really Indispensable in Label-Noise Learning?, "
    "NeurIPS 2019",
    2019,
    "L = mean beta CE,  beta = p_y / (p (T + dT))_y",
    stations=("weight",),
    departures="T + dT stays a transition matrix; the authors' loop adds dT once more for every row of a batch; the "
    "phases are shares of one training (`first`, `revision`), and each has its own learning-rate schedule; the first "
    "trains as the others do, the authors' without momentum; accuracy on noisy validation rows is that of the "
    "prediction, the authors' that of the prediction times T",
)


def importance_weights(logits: Tensor, targets: Tensor, transition: Tensor) -> Tensor:
    """Importance weights beta = p_y / (p T)_y (Xia et al. 2019).

    Args:
        logits: (..., B, K).
        targets: (B, K) or (..., B, K) distributions, over which beta is averaged.
        transition: (K, K), rows sum to one.

    Returns:
        (..., B).
    """
    p = logits.softmax(dim=-1)
    return (targets * p / (p @ transition).clamp_min(_SMALLEST)).sum(dim=-1)


def revised(transition: Tensor, slack: Tensor) -> Tensor:
    """T + dT (K, K), clipped at zero and normalised so that rows sum to one."""
    moved = (transition + slack).clamp_min(0)
    return moved / moved.sum(dim=1, keepdim=True).clamp_min(_SMALLEST)


class ImportanceReweighting(Method):
    """Weight station of the second phase: beta with a fixed T.

    Args:
        transition: (K, K), rows sum to one.
        through: whether the prediction in the weights is differentiated.
    """

    card = CARD
    transition: Tensor

    def __init__(self, transition: Tensor, *, through: bool = False) -> None:
        super().__init__()
        self.through = through
        self.register_buffer("transition", transition)

    def weight(self, batch: Batch) -> Tensor:
        logits = batch.scores if self.through else batch.scores.detach()
        return batch.w * importance_weights(logits, batch.y, self.matrix())

    def matrix(self) -> Tensor:
        """(K, K) the matrix that the weights use."""
        return self.transition


class Revision(ImportanceReweighting):
    """Weight station of the third phase: beta with T + dT; dT is learned.

    Args:
        transition: (K, K), rows sum to one.
        lr: learning rate of Adam for dT; None is the networks'.
        through: whether the prediction in the weights is differentiated.
    """

    joint_optimizer = "adam"

    def __init__(self, transition: Tensor, lr: float | None = None, *, through: bool = True) -> None:
        super().__init__(transition, through=through)
        self.joint_lr = lr
        self.slack = nn.Parameter(transition.new_zeros(transition.shape))

    def matrix(self) -> Tensor:
        return revised(self.transition, self.slack)


@recipe(
    CARD,
    {
        **TRANSITION_BOUNDS,
        "first": between(0.01, 0.9) | None,
        "revision": between(0, 0.9),
        "lr": between(1e-12, 1000),
    },
)
def t_revision(
    training: Training,
    matrix: str | None = None,
    estimator: str = "anchor",
    percentile: float | None = None,
    first: float | None = None,
    revision: float = 0.25,
    lr: float = 5e-7,
    through: bool = True,
) -> None:
    """Estimate T, train reweighted, and revise T.

    Args:
        training: the training.
        matrix: a file with T; None estimates it from the network after the first phase.
        estimator: anchor, anchor-mean, dual-t or hoc.
        percentile: percentile of the anchor points; None is 1 - 0.3 / K.
        first: epochs of the first phase, with cross entropy, as a share of all epochs; None is a tenth, and in a short
            training enough steps to learn (see `phase_epochs`).
        revision: epochs of the last phase, in which dT is learned, as a share of all epochs.
        lr: learning rate of Adam in the last phase, for the networks and dT.
        through: whether the last phase differentiates the prediction in the weights, not only dT.

    Raises:
        BadInput: an unknown estimator; a matrix that does not fit.
    """
    known = None if matrix is None else read_transition(matrix, training.classes).to(training.device)
    epochs = training.config.epochs
    if first is None:
        first = phase_epochs(round(_FIRST * epochs), epochs, training.task.steps) / epochs
    learner = warm_up_model(training, first, name="main", record=True)
    transition = warm_up_transition(training, learner, estimator, percentile) if known is None else known
    last = round(revision * epochs)
    middle = max(1, epochs - max(1, round(first * epochs)) - last)
    reweighted = next_phase(training, learner, "reweighted", middle)
    training.fit(reweighted, ImportanceReweighting(transition), middle, keep_best=True)
    if last:
        settings = replace(
            training.config, optimizer="adam", lr=lr, momentum=0.9, schedule="constant", warmup=0.0, late_momentum=None
        )
        revising = next_phase(training, learner, "revised", last, settings)
        training.fit(revising, Revision(transition, lr, through=through), last, keep_best=True)
