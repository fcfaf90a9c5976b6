"""Cross-fitting of classifiers of scikit-learn: those of the catalogue, and any that a person brings."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from noisewise.auditing.gathering.candidates.predictor import Predicted, Task
from noisewise.auditing.progress import Progress
from noisewise.errors import BadInput


def cross_fitted(model: Any, rows: Any, task: Task, progress: Progress) -> Predicted:
    """Held-out predictions of every fold by a clone of a classifier that is fitted to the other folds.

    A class that no training row of a fold carries has probability 0 there.

    Args:
        model: an unfitted classifier, seeded where its `random_state` is None.
        rows: (n, d) array or sparse matrix.
        task: which labels to predict.
        progress: reports how much is done.

    Raises:
        BadInput: a model without `predict_proba`, or one that cannot be fitted to these rows.
    """
    model = _usable(model, task.seed)
    found = np.zeros((len(task), task.classes))
    for fold in range(task.folds):
        held = task.fold == fold
        found[held] = _fitted(model, rows[~held], task.labels[~held], rows[held], task.classes)
        progress((fold + 1) / task.folds)

    def further(every: Any) -> np.ndarray:
        return _fitted(model, every[: len(task)], task.labels, every[len(task) :], task.classes)

    return Predicted(found, further=further)


def _usable(model: Any, seed: int) -> Any:
    name = type(model).__name__
    if not hasattr(model, "fit") or not hasattr(model, "predict_proba"):
        raise BadInput(f"model={name} predicts no probabilities (predict_proba): wrap it in CalibratedClassifierCV")
    copied = clone(model)
    states = {key: seed for key, value in copied.get_params().items() if key.endswith("random_state") and value is None}
    return copied.set_params(**states)


def _fitted(model: Any, rows: Any, labels: np.ndarray, others: Any, classes: int) -> np.ndarray:
    """(others, K) probabilities of other rows by a clone of `model` fitted to labelled ones."""
    found = np.zeros((others.shape[0], classes))
    present = np.unique(labels)
    if len(present) == 1:
        found[:, present] = 1.0
        return found
    fitted = clone(model)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The number of unique classes is greater than 50%")
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted.fit(rows, labels)
        chances = fitted.predict_proba(others)
    except (ValueError, TypeError) as error:
        raise BadInput(f"model={type(model).__name__} cannot be fitted: {str(error).splitlines()[0]}") from error
    found[:, np.asarray(fitted.classes_)] = chances
    return found
