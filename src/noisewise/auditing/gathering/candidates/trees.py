"""Forests and boosted trees."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier

from noisewise.auditing.gathering.candidates.classifier import cross_fitted
from noisewise.auditing.gathering.candidates.predictor import Predicted, Predictor, Task
from noisewise.auditing.progress import Progress

TREES, LEAF = 200, 3
ROUNDS = 60
SPLIT, SMALL_TREE, BINNED = 4e-8, 1.5e-3, 4e-9  # seconds per row, column and level; per tree; per row and column


def forest(view: Any, task: Task, progress: Progress) -> Predicted:
    """Extremely randomised trees (Geurts, Ernst and Wehenkel, Machine Learning 2006), at least 3 rows in a leaf.

    In a leaf of several rows a wrong label is outvoted, so the trees do not memorise single labels.

    Args:
        view: (n, d) columns or a sparse matrix.
        task: which labels to predict.
        progress: reports how much is done.
    """
    return cross_fitted(ExtraTreesClassifier(TREES, min_samples_leaf=LEAF), view, task, progress)


def boosting(view: Any, task: Task, progress: Progress) -> Predicted:
    """Histogram gradient boosting with small trees, few rounds and a penalty, so that noise is not fitted.

    Args:
        view: (n, d) columns or a sparse matrix.
        task: which labels to predict.
        progress: reports how much is done.
    """
    model = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=ROUNDS,
        max_leaf_nodes=15,
        min_samples_leaf=5,
        l2_regularization=5.0,
        max_features=0.5,
        early_stopping=False,
    )
    return cross_fitted(model, view, task, progress)


def forest_cost(shape: tuple[int, int], classes: int, folds: int) -> float:
    """Counted seconds on one core."""
    n, width = shape
    return folds * TREES * (SMALL_TREE / 2 + SPLIT * n * np.sqrt(width) * np.log2(n + 2) / 4)


def boosting_cost(shape: tuple[int, int], classes: int, folds: int) -> float:
    """Counted seconds on one core."""
    n, width = shape
    trees = folds * ROUNDS * (classes if classes > 2 else 1)
    return trees * (SMALL_TREE + BINNED * n * width)


FOREST = Predictor(("columns", "features", "directions of words"), forest_cost, forest)
BOOSTING = Predictor(("columns",), boosting_cost, boosting)
