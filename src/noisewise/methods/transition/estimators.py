"""Estimators of the transition matrix T[i, j] = P(given = j | true = i), by name, and the recipe stage that uses them.

    anchor       the prediction at a row of the class with high confidence (Patrini et al. 2017, equations 12 and 13)
    anchor-mean  the mean prediction over the most confident rows of the class
    dual-t       anchor T of the predicted class times the confusion of predicted and given (Yao et al., NeurIPS 2020,
                 equation 3)
    hoc          from the labels of neighbours (Zhu et al., ICML 2021, see `hoc`)

Each is a pure function of predictions or features and the given labels.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from noisewise.bounds import Bound, between, one_of
from noisewise.catalogue import Catalogue
from noisewise.methods.losses.ce import CrossEntropy
from noisewise.methods.transition.hoc import hoc_transition
from noisewise.methods.transition.matrix import anchor_transition, predicted_confusion
from noisewise.models import penultimate
from noisewise.training.config import Config
from noisewise.training.networks import Predictor
from noisewise.training.trainer import Learner, Training

ESTIMATORS = Catalogue(
    "transition estimator",
    {
        "anchor": "noisewise.methods.transition.estimators:anchor",
        "anchor-mean": "noisewise.methods.transition.estimators:anchor_mean",
        "dual-t": "noisewise.methods.transition.estimators:dual_t",
        "hoc": "noisewise.methods.transition.estimators:hoc",
    },
)
# The options with which a recipe reads or estimates T.
TRANSITION_BOUNDS = {
    "matrix": Bound("be the path of a .npy or .csv file", lambda value: isinstance(value, str | Path)) | None,
    "estimator": one_of(*ESTIMATORS),
    "percentile": between(0.5, 1) | None,
}


def anchor(probabilities: Tensor, labels: Tensor, features: Tensor | None, percentile: float | None) -> Tensor:
    """T from one anchor row per class."""
    return anchor_transition(probabilities, percentile)


def anchor_mean(probabilities: Tensor, labels: Tensor, features: Tensor | None, percentile: float | None) -> Tensor:
    """T from the mean over the most confident rows of a class."""
    return anchor_transition(probabilities, percentile, average=True)


def dual_t(probabilities: Tensor, labels: Tensor, features: Tensor | None, percentile: float | None) -> Tensor:
    """T as a product: true to predicted class from anchors, times predicted to given class by counting."""
    return anchor_transition(probabilities, percentile) @ predicted_confusion(probabilities, labels)


def hoc(probabilities: Tensor, labels: Tensor, features: Tensor | None, percentile: float | None) -> Tensor:
    """T from the labels of neighbours in the features, or in the square roots of the probabilities without features."""
    space = probabilities.sqrt() if features is None else features
    return hoc_transition(space, labels, probabilities.shape[1])[0].to(probabilities.dtype)


def estimate_transition(
    name: str, probabilities: Tensor, labels: Tensor, features: Tensor | None = None, percentile: float | None = None
) -> Tensor:
    """Estimate a transition matrix.

    Args:
        name: name of the estimator.
        probabilities: (n, K) predicted posteriors of the given label.
        labels: (n,) given labels.
        features: (n, d) in which neighbours are similar; only `hoc` uses them.
        percentile: percentile of the anchors; None is 1 - 0.3 / K.

    Returns:
        (K, K) with rows that sum to one; a row of the identity for a class that is never given.

    Raises:
        BadInput: an unknown name; fewer than three rows for `hoc`.
    """
    found: Tensor = ESTIMATORS[name](probabilities, labels, features, percentile)
    classes = probabilities.shape[1]
    there = torch.bincount(labels, minlength=classes) > 0
    return torch.where(there[:, None], found, torch.eye(classes, dtype=found.dtype, device=found.device))


def warm_up_transition(training: Training, warm_up: Learner, estimator: str, percentile: float | None) -> Tensor:
    """Estimate T with a warm-up model; memoized for a resumed training.

    Args:
        training: the training.
        warm_up: a learner trained with cross entropy, that has not memorised its labels.
        estimator: name of the estimator.
        percentile: percentile of the anchors; None is 1 - 0.3 / K.

    Returns:
        (K, K) on the training's device.
    """

    def compute() -> Tensor:
        probabilities = training.probabilities(Predictor(warm_up.nets), "train")
        features = _features(training, warm_up) if estimator == "hoc" else None
        return estimate_transition(estimator, probabilities, training.rows.given, features, percentile).cpu()

    found: Tensor = training.memoize("transition", compute)
    return found.to(training.device)


def warm_up_model(
    training: Training, first: float, *, name: str = "first", record: bool = False, by: str = "accuracy"
) -> Learner:
    """Train a model with cross entropy, over a whole learning-rate schedule, and keep its best epoch.

    The best epoch is the one that is best on the validation rows with their given labels: a model that has memorised
    its labels tells nothing of their noise.

    Args:
        training: the training.
        first: share of all epochs to train, at least one epoch.
        name: name of the learner.
        record: whether the epochs belong to the history.
        by: "accuracy" or "loss", by which the best epoch is chosen.
    """
    epochs = max(1, round(first * training.config.epochs))
    learner = training.learner(name)
    learner.epochs = epochs
    return training.fit(learner, CrossEntropy(), epochs, record=record, keep_best=by)


def next_phase(training: Training, learner: Learner, name: str, epochs: int, config: Config | None = None) -> Learner:
    """A learner that goes on with the networks of another, from a fresh optimiser and over a schedule of its own.

    Args:
        training: the training.
        learner: whose networks train on.
        name: name of the new learner.
        epochs: number of epochs of its schedule.
        config: settings of its optimiser and schedule; None is the training's.
    """
    following = training.add_learner(name, learner.nets, config)
    following.epochs = epochs
    return following


def _features(training: Training, warm_up: Learner) -> Tensor:
    return torch.cat([penultimate(warm_up.nets[0], batch.x).float() for batch in training.passes(warm_up.nets)])
