"""Cross-fitting of scikit-learn classifiers, for tables and texts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.gathering.blend import blended
from noisewise.auditing.gathering.copies import copies
from noisewise.auditing.progress import SILENT, Progress
from noisewise.data import Dataset, folds
from noisewise.data.features import matrix
from noisewise.errors import BadInput
from noisewise.training.config import seeded

BLEND, FOREST = "blend", "forest"
FOLDS = 5
MOST_NUMBERS = 20_000_000  # rows times classes up to which tables are classified by trees
TREES, LEAF = 200, 3
MOST_CLASSES, MOST_BOOSTED = 50, 20
STRENGTH, TEXT_STRENGTH, EMBEDDING_STRENGTH = 0.3, 2.0, 0.001  # scikit-learn's C of logistic regression


class Classifier(Protocol):
    """A classifier of scikit-learn, with probabilities."""

    def fit(self, X: Any, y: Any) -> Any: ...
    def predict_proba(self, X: Any) -> np.ndarray: ...


def forest(seed: int) -> BaseEstimator:
    """Extremely randomised trees (Geurts, Ernst and Wehenkel, Machine Learning 2006), at least 3 rows in a leaf.

    In a leaf of several rows a wrong label is outvoted, so the trees do not memorise single labels.
    """
    return ExtraTreesClassifier(TREES, min_samples_leaf=LEAF, random_state=seed)


def boosting(seed: int) -> BaseEstimator:
    """Histogram gradient boosting with small trees, few rounds and a penalty, so that noise is not fitted."""
    return HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=60,
        max_leaf_nodes=15,
        min_samples_leaf=5,
        l2_regularization=5.0,
        max_features=0.5,
        early_stopping=False,
        random_state=seed,
    )


def linear(seed: int) -> BaseEstimator:
    """Logistic regression."""
    return LogisticRegression(C=STRENGTH, max_iter=500, tol=1e-3, random_state=seed)


def strong_linear(seed: int) -> BaseEstimator:
    """Logistic regression on standardised columns with a strong penalty, for embeddings of a thousand numbers."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=EMBEDDING_STRENGTH, max_iter=500, random_state=seed))


def linear_text(seed: int) -> BaseEstimator:
    """Logistic regression on TF-IDF weights of words."""
    return LogisticRegression(C=TEXT_STRENGTH, max_iter=500, tol=1e-3, random_state=seed)


CLASSIFIERS: dict[str, Callable[[int], BaseEstimator]] = {"forest": forest, "boosting": boosting, "linear": linear}
OF_TEXTS = {**CLASSIFIERS, "linear": linear_text}
NAMES = (BLEND, *CLASSIFIERS)


def default_classifier(data: Dataset) -> str | None:
    """The classifier that is cross-fitted by default.

    Returns:
        "forest" for rows of numbers, "linear" for texts. None, which means a network, for images, and for more than 50
        classes or 20,000,000 rows times classes, where trees become large and slow.
    """
    if data.kind == "text":
        return "linear"
    classes = len(data.classes)
    small = classes <= MOST_CLASSES and len(data) * classes <= MOST_NUMBERS
    return FOREST if data.kind in ("table", "vector") and small else None


def is_named_or_classifier(model: object) -> bool:
    """Whether `model` is the name of a classifier or a scikit-learn classifier, as opposed to a network."""
    if isinstance(model, str):
        return model in NAMES
    return isinstance(model, BaseEstimator) or (not isinstance(model, type) and hasattr(model, "predict_proba"))


def cross_fit_classifier(
    data: Dataset,
    model: str | Any,
    count: int,
    seed: int,
    progress: Progress = SILENT,
) -> Evidence:
    """Out-of-fold probabilities of every row, by a scikit-learn classifier that did not train on the row.

    A named classifier is given the rows as `matrix` makes numbers of them, once from all rows, without labels; a
    classifier that is passed in, the inputs as they are, or the weights of a text's words. A class
    that no training row of a fold carries has probability 0 there. Copies of a row lie in one fold (see `copies` and
    `folds`), so that a copied wrong label cannot vouch for itself.

    Args:
        data: n rows, K classes.
        model: "forest", "boosting", "linear"; "blend", the mixture of all three (see `blended`), without boosting for
            texts and for more than 20 classes, since boosting grows a tree per class and round; or an unfitted
            classifier, which is cloned for every fold and seeded where its `random_state` is None.
        count: number of folds.
        seed: random seed of the folds and the classifiers.
        progress: reports how much is done.

    Raises:
        BadInput: fewer than 2 folds, fewer rows than folds, a model without `predict_proba`, or a classifier that
            cannot be fitted to these rows.
    """
    if not 2 <= count <= len(data):
        raise BadInput(f"folds={count} must lie between 2 and the number of rows, {len(data)}")
    made = OF_TEXTS if data.kind == "text" else CLASSIFIERS
    seed = seeded(seed, "classifiers") % 2**31  # scikit-learn accepts seeds below 2**32
    members = [
        (made[name](seed) if isinstance(name, str) else _usable(name, seed), _matrix(data, name))
        for name in _members(model, data)
    ]
    numbers = folds(data.given, count, seed, copies(data))
    found = np.zeros((len(members), len(data), len(data.classes)))
    for fold in range(count):
        held = numbers == fold
        for at, (member, rows) in enumerate(members):
            found[at, held] = _predicted(member, rows, data.given, held, len(data.classes))
            progress((fold * len(members) + at + 1) / (count * len(members)))
    return Evidence(data.given, len(data.classes), probabilities=blended(found, data.given))


def _members(model: Any, data: Dataset) -> list[Any]:
    if not isinstance(model, str) or model != BLEND:
        return [model]
    boosted = data.kind != "text" and len(data.classes) <= MOST_BOOSTED
    return [name for name in CLASSIFIERS if boosted or name != "boosting"]


def _matrix(data: Dataset, model: Any) -> Any:
    """The rows as `model` is given them: a name, or a classifier that was passed in."""
    if isinstance(model, str):
        return matrix(data, for_="linear" if model == "linear" else "trees")
    return matrix(data) if data.kind == "text" else np.asarray(data.inputs[:]).reshape(len(data), -1)


def _usable(model: Any, seed: int) -> Any:
    name = type(model).__name__
    if not hasattr(model, "fit") or not hasattr(model, "predict_proba"):
        raise BadInput(f"model={name} predicts no probabilities (predict_proba): wrap it in CalibratedClassifierCV")
    copied = clone(model)
    states = {key: seed for key, value in copied.get_params().items() if key.endswith("random_state") and value is None}
    return copied.set_params(**states)


def _predicted(model: Any, rows: Any, labels: np.ndarray, held: np.ndarray, classes: int) -> np.ndarray:
    """(held rows, K) probabilities by a clone of `model` fitted to the other rows."""
    found = np.zeros((int(held.sum()), classes))
    present = np.unique(labels[~held])
    if len(present) == 1:
        found[:, present] = 1.0
        return found
    fitted = clone(model)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The number of unique classes is greater than 50%")
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted.fit(rows[~held], labels[~held])
        chances = fitted.predict_proba(rows[held])
    except (ValueError, TypeError) as error:
        raise BadInput(f"model={type(model).__name__} cannot be fitted: {str(error).splitlines()[0]}") from error
    found[:, np.asarray(fitted.classes_)] = chances
    return found
