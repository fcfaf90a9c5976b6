"""Fitting any scikit-learn classifier to a lesson, and its predictions of rows that were held out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from scipy.special import expit, softmax
from sklearn import get_config
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter

from noisewise.auditing.gathering.copies import COARSE
from noisewise.errors import BadInput
from noisewise.estimators.lesson import Lesson


def seeded(estimator: Any, seed: int) -> Any:
    """A clone with the seed in place of every `random_state` that is None."""
    found = clone(estimator)
    states = {
        name: seed
        for name, value in found.get_params().items()
        if name.rpartition("__")[2] == "random_state" and value is None
    }
    return found.set_params(**states)


def weight_argument(estimator: Any) -> str | None:
    """The argument of `fit` that takes the weights of rows; None where there is none.

    In a pipeline it is that of the last step, such as `logisticregression__sample_weight`. With scikit-learn's metadata
    routing a pipeline takes none.
    """
    if not isinstance(estimator, Pipeline):
        return "sample_weight" if has_fit_parameter(estimator, "sample_weight") else None
    name, last = estimator.steps[-1]
    inner = None if get_config()["enable_metadata_routing"] else weight_argument(last)
    return None if inner is None else f"{name}__{inner}"


def fitted(estimator: Any, X: Any, lesson: Lesson, classes: np.ndarray) -> Any:
    """A clone of the classifier, fitted to the lesson.

    Args:
        estimator: a classifier; one that takes no weights is given none.
        X: n rows, as the classifier takes them.
        lesson: rows, labels and weights.
        classes: (K,) the names of the classes.
    """
    name, rows = weight_argument(estimator), lesson.rows
    weights = {} if lesson.weights is None or name is None else {name: lesson.weights}
    every = len(rows) == _count(X) and bool((rows == np.arange(len(rows))).all())
    return clone(estimator).fit(X if every else _safe_indexing(X, rows), classes[lesson.labels], **weights)


def chances(estimator: Any, X: Any, classes: np.ndarray) -> np.ndarray:
    """(rows, K) probabilities of all classes; those that the classifier did not see have none.

    Without `predict_proba` they are the softmax of the decision function; the judgement calibrates them.

    Raises:
        BadInput: the classifier has neither.
    """
    found = np.zeros((_count(X), len(classes)))
    if hasattr(estimator, "predict_proba"):
        table = estimator.predict_proba(X)
    elif hasattr(estimator, "decision_function"):
        scores = estimator.decision_function(X)
        table = softmax(scores, axis=1) if scores.ndim > 1 else np.stack([expit(-scores), expit(scores)], axis=1)
    else:
        raise BadInput(
            f"{type(estimator).__name__} has neither predict_proba nor decision_function, so it cannot say how sure it "
            f"is: wrap it in CalibratedClassifierCV"
        )
    found[:, np.searchsorted(classes, estimator.classes_)] = table
    return found


@dataclass(frozen=True, eq=False, repr=False)
class CrossFit:
    """A classifier that is fitted to parts of n rows and predicts the rest.

    Attributes:
        estimator: the classifier, which is cloned.
        X: n rows.
        fold: (n,) number of the fold in which a row is held out, from 0 to F - 1.
        classes: (K,) the names of the classes.
        n_jobs: number of processes; None is 1 unless joblib's context says otherwise.
    """

    estimator: Any
    X: Any
    fold: np.ndarray
    classes: np.ndarray
    n_jobs: int | None = None

    def __repr__(self) -> str:
        return f"CrossFit({type(self.estimator).__name__}, {len(self.fold):,} rows in {self.folds} folds)"

    @property
    def folds(self) -> int:
        """F."""
        return int(self.fold.max()) + 1

    def predict(self, lessons: Sequence[Lesson]) -> np.ndarray:
        """(n, K) predictions of each fold, after the lesson with its number."""
        found = np.empty((len(self.fold), len(self.classes)))
        held = [np.flatnonzero(self.fold == number) for number in range(self.folds)]
        for rows, part in zip(held, self._after(lessons, held), strict=True):
            found[rows] = part
        return found

    def predict_pairs(self, lesson: Lesson) -> np.ndarray:
        """(F, n, K) predictions after the lesson without two folds.

        Entry [f, i] is by a classifier that was fitted neither to fold f nor to the fold of row i; 0 for rows of f.
        """
        found = np.zeros((self.folds, len(self.fold), len(self.classes)))
        pairs = list(combinations(range(self.folds), 2))
        held = [np.flatnonzero(np.isin(self.fold, pair)) for pair in pairs]
        lessons = [lesson.without(np.isin(self.fold, pair)) for pair in pairs]
        for (one, other), rows, part in zip(pairs, held, self._after(lessons, held), strict=True):
            first = self.fold[rows] == one
            found[other, rows[first]], found[one, rows[~first]] = part[first], part[~first]
        return found

    def _after(self, lessons: Sequence[Lesson], rows: Sequence[np.ndarray]) -> list[np.ndarray]:
        work = [delayed(_predicted)(self, lesson, asked) for lesson, asked in zip(lessons, rows, strict=True)]
        found: list[np.ndarray] = Parallel(n_jobs=self.n_jobs)(work)
        return found


def _predicted(fit: CrossFit, lesson: Lesson, rows: np.ndarray) -> np.ndarray:
    """(rows, K) predictions of the rows after the lesson."""
    counts = np.bincount(lesson.labels, minlength=len(fit.classes))
    if (counts > 0).sum() < 2:  # many classifiers refuse a single class
        shares = counts / counts.sum() if counts.any() else np.full(len(counts), 1 / len(counts))
        return np.tile(shares, (len(rows), 1))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes is greater than 50%")
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = fitted(fit.estimator, fit.X, lesson, fit.classes)
    return chances(model, _safe_indexing(fit.X, rows), fit.classes)


def copies(X: Any) -> np.ndarray | None:
    """(n,) equal numbers for equal rows; None where that says nothing (see `auditing.gathering.copies`).

    Args:
        X: a frame, an array, a sparse matrix or a sequence of texts; rows that cannot be compared have no copies.
    """
    try:
        if isinstance(X, pd.DataFrame):
            keys = pd.util.hash_pandas_object(X, index=False).to_numpy()
        elif issparse(X):
            rows = X.tocsr()
            ends = zip(rows.indptr[:-1], rows.indptr[1:], strict=True)
            keys = np.array([hash((rows.indices[a:b].tobytes(), rows.data[a:b].tobytes())) for a, b in ends])
        else:
            table = np.asarray(X)
            whole = table.reshape(len(table), -1)
            keys = pd.util.hash_pandas_object(pd.DataFrame(whole), index=False).to_numpy()
    except (TypeError, ValueError):
        return None
    found: np.ndarray = np.unique(keys, return_inverse=True)[1]
    return found if found.max(initial=0) + 1 >= COARSE * len(found) else None


def _count(X: Any) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)
