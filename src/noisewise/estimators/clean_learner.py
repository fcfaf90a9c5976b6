"""CleanLearner: any scikit-learn classifier, trained in spite of wrong labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import Tags, check_random_state, column_or_1d, get_tags, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, assert_all_finite, check_is_fitted, validate_data

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.judge import judge
from noisewise.bounds import check, whole
from noisewise.data import folds
from noisewise.errors import BadInput
from noisewise.estimators.fitting import CrossFit, chances, copies, fitted, seeded, weight_argument
from noisewise.estimators.lesson import Labels, part_right

FEWEST_FOLDS = 3  # with which a row can be judged by classifiers that have not seen a second fold either


def _has(name: str) -> Any:
    """Whether the fitted classifier, or the one that will be fitted, has a method."""

    def check(self: CleanLearner) -> bool:
        getattr(getattr(self, "estimator_", self.estimator), name)  # raises the AttributeError that is wanted
        return True

    return check


class CleanLearner(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Any scikit-learn classifier, fitted in spite of wrong labels.

    The classifier is cross-fitted, the audit's judgement says how probably each label is right, and the classifier is
    fitted once more with these probabilities as weights. A classifier that takes no weights is fitted to the rows whose
    label is more probably right than wrong. Where no label is more probably wrong than right, the classifier is fitted
    to the labels as given.

    With five folds the classifier is fitted 16 times: ten times without two of the folds, which judges the rows that
    every fold leaves; five times with weights from that judgement, which predicts the fold; and once to all rows.

    Example:
        `CleanLearner(RandomForestClassifier()).fit(X, y).suspicion_`

    Args:
        estimator: a classifier with `predict_proba` or `decision_function`, or a pipeline that ends with one.
        cv: number of folds, from 2; with 2 no row is judged a second time.
        n_jobs: processes for the folds; None is 1 unless joblib's context says otherwise.
        random_state: seed, generator or None, as in scikit-learn; of the folds, and of the estimator where its own is
            None.

    Attributes:
        estimator_: the fitted classifier.
        classes_: (K,) the labels, sorted.
        n_features_in_: number of features, where X has columns.
        feature_names_in_: names of the features, if X was a table whose column names are all strings.
        suspicion_: (n,) in [0, 1], probability that the label of a training row is wrong.
        suggested_: (n,) for every training row its label, or a more probable one if the label is an issue.
        is_issue_: (n,) bool, the rows whose label is an issue.
        noise_rate_: estimated share of wrong labels.
        noise_rate_interval_: 90 % interval of `noise_rate_`.
        judgement_: the `Judgement`, with the transition matrix and an explanation.
        held_out_probabilities_: (n, K) predictions by classifiers that were not fitted to the row.
        plain_: whether the classifier was fitted to the labels as given, since none is more probably wrong than right.
    """

    def __init__(self, estimator: Any, *, cv: int = 5, n_jobs: int | None = None, random_state: Any = None) -> None:
        self.estimator = estimator
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None, pred_probs: Any = None
    ) -> CleanLearner:
        """Judge the labels and fit the classifier.

        Args:
            X: n rows, at least 2, as the estimator takes them: an array, a frame, a sparse matrix or a list of texts.
            y: (n,) labels of at least 2 classes, some of which may be wrong.
            sample_weight: (n,) weights of the rows, for an estimator that takes them. The judgement does not use them.
            groups: (n,) equal values for rows that are held out together; by default copies of a row are.
            pred_probs: (n, K) predictions of every row by a model that did not train on it, in the order of the sorted
                labels. They take the place of cross-fitting.

        Raises:
            BadInput: an argument or the data is invalid; a ValueError.
        """
        X, y = self._validated(X, y)
        self.classes_, given = np.unique(y, return_inverse=True)
        n = len(given)
        if n < 2 or len(self.classes_) < 2:
            raise BadInput(
                f"CleanLearner needs at least 2 rows and 2 classes, but there is n_samples={n} and "
                f"{len(self.classes_)} class"
            )
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, given, dtype=np.float64)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        model = seeded(self.estimator, seed)
        weighted = weight_argument(model) is not None
        if weights is not None and not weighted:
            raise BadInput(f"sample_weight was given, but {type(model).__name__} takes no weights of rows")
        labels = Labels(given, weights, weighted)
        if pred_probs is None:
            together = copies(X) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
            cv: int = check(None, "cv", self.cv, whole(2))
            fold = folds(given, min(cv, n), seed, together)
            pred_probs = held_out(CrossFit(model, X, fold, self.classes_, self.n_jobs), labels)
        evidence = Evidence(given, len(self.classes_), probabilities=np.asarray(pred_probs))
        found = judge(evidence)
        self.plain_ = not (found.suspicion > 0.5).any()
        lesson = labels.as_given if self.plain_ else labels.cleaned(1 - found.suspicion)
        self.estimator_ = fitted(model, X, lesson, self.classes_)
        self.held_out_probabilities_ = evidence.probabilities
        self.judgement_ = found
        self.suspicion_, self.is_issue_ = found.suspicion, found.is_issue
        self.suggested_ = self.classes_[found.suggested]
        self.noise_rate_, self.noise_rate_interval_ = found.noise_rate, found.interval
        return self

    def predict(self, X: Any) -> np.ndarray:
        """(n,) the label of every row, as the classifier predicts it."""
        known = self._known(X)
        return np.asarray(self.estimator_.predict(known))

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """(n, K) probabilities, in the order of `classes_`."""
        known = self._known(X)
        return chances(self.estimator_, known, self.classes_)

    @available_if(_has("predict_proba"))
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """(n, K) logarithms of the probabilities, in the order of `classes_`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    @available_if(_has("decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """The decision function of the classifier: (n,) for two classes, otherwise usually (n, K)."""
        known = self._known(X)
        return np.asarray(self.estimator_.decision_function(known))

    def _validated(self, X: Any, y: Any) -> tuple[Any, np.ndarray]:
        """The rows, which are checked by the estimator, in a form that can be indexed; and (n,) labels."""
        _, y = validate_data(self, X, y, skip_check_array=True)
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        found: tuple[Any, np.ndarray] = tuple(indexable(X, y))
        return found

    def _known(self, X: Any) -> Any:
        """The rows, once they are known to have the features of the training rows."""
        check_is_fitted(self)
        if getattr(X, "ndim", 2) == 2:
            validate_data(self, X, reset=False, skip_check_array=True)
        return X

    def __sklearn_tags__(self) -> Tags:
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.classifier_tags = replace(inner.classifier_tags, multi_label=False)
        return tags


def held_out(fit: CrossFit, labels: Labels) -> np.ndarray:
    """(n, K) predictions of every row by classifiers that its label had no part in.

    The rows outside a fold are judged by classifiers that were fitted neither to it nor to their own fold. A classifier
    is fitted to them with weights from that judgement and predicts the fold. Were the fold's own labels to count in the
    judgement, they would decide which of their neighbours are suspect, and so confirm themselves. These predictions are
    averaged with those of the classifiers before.

    Args:
        fit: the classifier and its folds.
        labels: the given labels.
    """
    marks = [fit.fold == number for number in range(fit.folds)]
    if fit.folds < FEWEST_FOLDS:
        return fit.predict([labels.as_given.without(mark) for mark in marks])
    pairs = fit.predict_pairs(labels.as_given)
    lessons = [
        labels.cleaned(part_right(labels.given, table, ~mark)).without(mark)
        for table, mark in zip(pairs, marks, strict=True)
    ]
    return (pairs.sum(axis=0) / (fit.folds - 1) + fit.predict(lessons)) / 2
