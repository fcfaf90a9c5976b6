"""A learned noise adaptation layer (Goldberger and Ben-Reuven, ICLR 2017), the simple model of section 3.

    p(given = j | x) = sum_i p_i(x) softmax_j(b_i),    L = -log p(given = y | x)

A network is trained with cross entropy. Its predictions are treated as the true labels and counted against the given
labels; b starts at the logarithm of that confusion matrix, the paper's initialisation equation. The same network then
continues with the layer after it, and both are trained. The layer is not used at inference.

Both phases end at their best epoch on validation rows with their given labels. Of a network that has memorised its
labels the confusion matrix is the identity, and the layer then changes nothing.
"""

from __future__ import annotations

from torch import Tensor, nn

from noisewise.bounds import between
from noisewise.methods.transition.estimators import next_phase, warm_up_model
from noisewise.methods.transition.matrix import forward_loss, predicted_confusion
from noisewise.training.batch import Batch
from noisewise.training.method import Method, MethodCard
from noisewise.training.networks import Predictor
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Training

_SMALLEST = 1e-8

CARD = MethodCard(
    "s-model",
    "Add a layer after the network that turns the true label into the given one, and learn both together. The layer "
    "starts at the confusion matrix of the network trained without it.",
    "Goldberger and Ben-Reuven, Training Deep Neural-Networks Using a Noise Adaptation Layer, ICLR 2017",
    2017,
    "L = -log sum_i p_i softmax(b_i)_y",
    stations=("loss",),
    departures="the network trains without the layer for a share of the epochs (`first`), not until it has converged; "
    "each phase has its own learning-rate schedule and keeps its best epoch on noisy validation rows, of which the "
    "paper says nothing",
)


class NoiseLayer(Method):
    """Loss station: cross entropy after a transition matrix whose logits are learned.

    Args:
        transition: (K, K) initial matrix, rows sum to one.
        lr: learning rate of the layer; None is the networks'.
    """

    card = CARD

    def __init__(self, transition: Tensor, lr: float | None = None) -> None:
        super().__init__()
        self.joint_lr = lr
        self.bias = nn.Parameter((transition + _SMALLEST).log())

    @property
    def transition(self) -> Tensor:
        """(K, K) the current matrix."""
        return self.bias.softmax(dim=1)

    def loss(self, batch: Batch) -> Tensor:
        return forward_loss(batch.scores, batch.y, self.transition)


@recipe(CARD, {"first": between(0.01, 1), "lr": between(1e-12, 1000) | None})
def s_model(training: Training, first: float = 0.5, lr: float | None = None) -> None:
    """Train a network, then continue with a learned layer after it.

    Args:
        training: the training.
        first: epochs without the layer, as a share of all epochs.
        lr: learning rate of the layer; None is the networks'.
    """
    learner = warm_up_model(training, first, name="main", record=True)
    found = training.memoize(
        "confusion",
        lambda: predicted_confusion(
            training.probabilities(Predictor(learner.nets), "train"), training.rows.given
        ).cpu(),
    )
    rest = max(1, training.config.epochs - round(first * training.config.epochs))
    following = next_phase(training, learner, "adapted", rest)
    training.fit(following, NoiseLayer(found.to(training.device), lr), rest, keep_best=True)
