"""Multi-class AdaBoost (Zhu, Zou, Rosset and Hastie, Statistics and Its Interface 2009), algorithm 2 (SAMME).

    a = log((1 - err) / err) + log(K - 1)          weight of a tree, err its weighted error
    w_i <- w_i exp(a [tree wrong on i])            weight of a row
    p = softmax(f / (K - 1)), f the weighted sum of votes, equation 15

The trees are scikit-learn's, on the prepared rows as vectors; the model argument is not used. An epoch of the history
is an equal share of the boosting rounds. Under label noise the row weights concentrate on wrong labels: AdaBoost is the
classical example of a method that noise harms. Shallow trees are harmed less than deep ones.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

from noisewise.bounds import between, whole
from noisewise.errors import BadInput
from noisewise.methods.losses.ce import CrossEntropy
from noisewise.models.trees import BoostedTrees, tree_tensors
from noisewise.training.method import MethodCard
from noisewise.training.recipe import recipe
from noisewise.training.streams import batches
from noisewise.training.trainer import Training

CARD = MethodCard(
    "adaboost",
    "Fit decision trees one after another, each with more weight on the rows that earlier trees got wrong, and let "
    "them vote. A baseline without a network, which label noise harms.",
    "Zhu, Zou, Rosset and Hastie, Multi-class AdaBoost, Statistics and Its Interface 2009",
    2009,
    "a = log((1 - err) / err) + log(K - 1),  w <- w exp(a [wrong])",
    stations=("weight",),
    departures="the probabilities are those of the paper, where scikit-learn divides the sum of the votes by their "
    "number, so that all rows look alike; the cost stated is not that of trees, which make no pass through a network; "
    "classes without a row never get a vote",
)


def boosted(
    vectors: np.ndarray,
    labels: np.ndarray,
    classes: int,
    *,
    rounds: int,
    depth: int,
    shrinkage: float,
    seed: int,
    weights: np.ndarray | None = None,
) -> dict[str, Any]:
    """Fit boosted trees.

    Args:
        vectors: (n, d) rows.
        labels: (n,) class numbers.
        classes: number of classes K.
        rounds: number of trees.
        depth: depth of every tree.
        shrinkage: factor of the weight of every tree.
        seed: random seed.
        weights: (n,) of the rows at the start; None for all alike.

    Returns:
        The arguments of `BoostedTrees`.

    Raises:
        BadInput: fewer than two classes occur; the first tree is no better than chance.
    """
    if len(np.unique(labels)) < 2:
        raise BadInput("adaboost needs training rows of at least two classes")
    tree = DecisionTreeClassifier(max_depth=depth)
    # scikit-learn accepts seeds below 2**32.
    ensemble = AdaBoostClassifier(tree, n_estimators=rounds, learning_rate=shrinkage, random_state=seed % 2**32)
    try:
        ensemble.fit(vectors, labels, sample_weight=weights)
    except ValueError as error:
        raise BadInput(f"adaboost: {str(error).splitlines()[0]}: try deeper trees (depth={depth})") from error
    trees = [fitted.tree_ for fitted in ensemble.estimators_]
    return tree_tensors(trees, ensemble.classes_, ensemble.estimator_weights_[: len(trees)], classes)


@recipe(CARD, {"rounds": whole(1, 100_000), "depth": whole(1, 1000), "shrinkage": between(1e-6, 100)})
def adaboost(training: Training, rounds: int = 100, depth: int = 4, shrinkage: float = 1.0) -> None:
    """SAMME on decision trees.

    Args:
        training: the training.
        rounds: number of trees; at least one per epoch.
        depth: depth of every tree.
        shrinkage: factor of the weight of every tree.

    Raises:
        BadInput: rows of a single class.
    """
    epochs = training.config.epochs
    settings = {"rounds": max(rounds, epochs), "depth": depth, "shrinkage": float(shrinkage)}
    seconds, tensors = training.memoize("trees", lambda: _timed(training, settings))
    nets = training.networks([BoostedTrees(**tensors)], "fp32")
    learner, method, trees = training.add_learner("main", nets), CrossEntropy(), len(tensors["alphas"])
    for epoch in range(epochs):
        nets[0].use(math.ceil(trees * (epoch + 1) / epochs))  # type: ignore[operator]
        training.record_epoch(learner, method, seconds=seconds / epochs)


def _timed(training: Training, settings: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    began = time.perf_counter()
    positions = torch.arange(len(training.rows))
    seen = batches(training.rows, positions, 4 * training.config.batch_size, training.classes)
    vectors = torch.cat([batch.x.flatten(1).cpu() for batch in seen]).numpy()
    labels = training.rows.given.cpu().numpy()
    weights = None if training.rows.weights is None else training.rows.weights.cpu().numpy().astype(np.float64)
    found = boosted(vectors, labels, training.classes, seed=training.config.seed, weights=weights, **settings)
    return time.perf_counter() - began, found
