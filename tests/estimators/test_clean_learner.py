"""CleanLearner finds wrong labels and learns in spite of them, whatever scikit-learn classifier it is given."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from noisewise.errors import BadInput
from noisewise.estimators import CleanLearner
from noisewise.estimators.fitting import copies, weight_argument

CLASSIFIERS = [
    LogisticRegression(),
    make_pipeline(StandardScaler(), LogisticRegression()),
    HistGradientBoostingClassifier(max_iter=10),
    LinearSVC(),  # has no probabilities
    KNeighborsClassifier(),  # takes no weights
]


@pytest.fixture(scope="module")
def blobs():
    """400 rows of 3 classes with string labels, 80 of them wrong."""
    X, truth = make_blobs(400, centers=3, cluster_std=0.8, random_state=0)
    names = np.array(["ant", "bee", "cat"])
    given = truth.copy()
    wrong = np.random.default_rng(0).permutation(400)[:80]
    given[wrong] = (given[wrong] + 1) % 3
    return X, names[given], names[truth], np.isin(np.arange(400), wrong)


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda one: type(one).__name__)
def test_wrong_labels_are_found(blobs, classifier):
    X, given, truth, wrong = blobs
    learner = CleanLearner(classifier, random_state=0).fit(X, given)
    assert roc_auc_score(wrong, learner.suspicion_) > 0.9
    assert learner.noise_rate_interval_[0] < 0.2 < learner.noise_rate_interval_[1]
    assert (learner.suggested_[learner.is_issue_] == truth[learner.is_issue_]).mean() > 0.75
    assert np.array_equal(learner.suggested_[~learner.is_issue_], given[~learner.is_issue_])
    assert learner.score(X, truth) > 0.85
    assert not learner.plain_


def test_it_learns_better_than_the_plain_classifier():
    X, truth = load_digits(return_X_y=True)
    given = truth.copy()
    wrong = np.random.default_rng(0).permutation(600)[:180]
    given[wrong] = (given[wrong] + 1) % 10
    model = make_pipeline(StandardScaler(), LogisticRegression())
    plain = model.fit(X[:600], given[:600]).score(X[600:], truth[600:])
    cleaned = CleanLearner(model, random_state=0).fit(X[:600], given[:600]).score(X[600:], truth[600:])
    assert cleaned > plain + 0.05


def test_clean_labels_are_left_as_they_are():
    X, y = make_blobs(200, centers=3, cluster_std=0.3, random_state=0)
    learner = CleanLearner(LogisticRegression(), random_state=0).fit(X, y)
    assert learner.plain_
    assert np.array_equal(learner.estimator_.coef_, LogisticRegression().fit(X, y).coef_)


def test_classifiers_without_weights_learn_from_the_probable_labels(blobs):
    X, given, _, _ = blobs
    learner = CleanLearner(LinearDiscriminantAnalysis(), random_state=0).fit(X, given)
    kept = learner.suspicion_ <= 0.5
    assert 250 < kept.sum() < 400
    expected = LinearDiscriminantAnalysis().fit(X[kept], given[kept])
    np.testing.assert_allclose(learner.predict_proba(X), expected.predict_proba(X))


def test_weights_are_the_probabilities_of_being_right(blobs):
    X, given, _, _ = blobs
    learner = CleanLearner(GaussianNB(), random_state=0).fit(X, given)
    right = 1 - learner.suspicion_
    for name in np.unique(given):  # the five most trusted rows of every class count fully
        rows = np.flatnonzero(given == name)
        right[rows[np.argsort(-right[rows], kind="stable")[:5]]] = 1.0
    np.testing.assert_allclose(learner.estimator_.theta_, GaussianNB().fit(X, given, right).theta_)


def test_no_class_vanishes(blobs):
    X, given, _, _ = blobs
    rare = given.copy()
    rare[:3] = "dog"  # three rows amid other classes
    for classifier in (GaussianNB(), KNeighborsClassifier()):
        learner = CleanLearner(classifier, random_state=0).fit(X, rare)
        assert list(learner.estimator_.classes_) == ["ant", "bee", "cat", "dog"]
        assert learner.predict_proba(X).shape == (400, 4)


def test_predictions_of_another_model_take_the_place_of_cross_fitting(blobs):
    X, given, truth, _ = blobs
    names = np.unique(given)
    sure = np.full((400, 3), 0.05)
    sure[np.arange(400), np.searchsorted(names, truth)] = 0.9
    learner = CleanLearner(GaussianNB()).fit(X, given, pred_probs=sure)
    assert np.array_equal(learner.suggested_, truth)
    np.testing.assert_allclose(learner.held_out_probabilities_, sure)
    with pytest.raises(BadInput, match="shape"):
        CleanLearner(GaussianNB()).fit(X, given, pred_probs=sure[:, :2])


def test_weights_of_rows_reach_the_classifier(blobs):
    X, given, _, _ = blobs
    weights = np.where(given == "cat", 0.0, 1.0)
    learner = CleanLearner(GaussianNB(), random_state=0).fit(X, given, sample_weight=weights)
    assert list(learner.estimator_.classes_) == ["ant", "bee"]
    assert learner.predict_proba(X)[:, 2].max() == 0
    with pytest.raises(BadInput, match="KNeighborsClassifier takes no weights"):
        CleanLearner(KNeighborsClassifier()).fit(X, given, sample_weight=weights)


def test_rows_of_a_group_are_held_out_together(blobs):
    X, given, _, _ = blobs
    twice, both = np.concatenate([X, X]), np.concatenate([given, given])
    groups = np.tile(np.arange(400), 2)
    apart = CleanLearner(KNeighborsClassifier(1), random_state=0).fit(twice + 1e-9 * np.arange(800)[:, None], both)
    together = clone(apart).fit(twice + 1e-9 * np.arange(800)[:, None], both, groups=groups)
    assert apart.noise_rate_ < 0.1 < together.noise_rate_  # the copy of a row confirms its label
    copied = clone(apart).fit(twice, both)  # equal rows are found
    assert copied.noise_rate_ > 0.1


def test_frames_texts_and_sparse_matrices(blobs):
    X, given, _, _ = blobs
    frame = pd.DataFrame({"size": X[:, 0], "colour": np.where(X[:, 1] > 2, "red", "blue")})
    columns = CleanLearner(HistGradientBoostingClassifier(max_iter=5, categorical_features=["colour"]), random_state=0)
    columns.fit(frame.assign(colour=frame["colour"].astype("category")), pd.Series(given))
    assert list(columns.feature_names_in_) == ["size", "colour"]
    sparse = OneHotEncoder().fit_transform(frame[["colour"]])
    assert CleanLearner(LogisticRegression(), random_state=0).fit(csr_matrix(sparse), given).n_features_in_ == 2
    texts = [f"{'warm' if row % 2 else 'cold'} day {row % 7}" for row in range(200)]
    reader = CleanLearner(make_pipeline(CountVectorizer(), MultinomialNB()), random_state=0)
    assert reader.fit(texts, np.arange(200) % 2).score(texts, np.arange(200) % 2) == 1.0


def test_equal_rows_are_copies_unless_most_are():
    table = np.array([[1.0, 2], [3, 4], [1, 2]])
    for rows in (table, pd.DataFrame(table), csr_matrix(table), ["a", "b", "a"]):
        first, second, third = copies(rows)
        assert first == third != second
    assert copies(np.zeros((5, 1))) is None
    assert copies(np.array([[{}], [{}]], dtype=object)) is None


def test_where_the_weights_go():
    assert weight_argument(LogisticRegression()) == "sample_weight"
    assert weight_argument(KNeighborsClassifier()) is None
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    assert weight_argument(make_pipeline(StandardScaler(), inner)) == "pipeline__logisticregression__sample_weight"
    assert weight_argument(GridSearchCV(LogisticRegression(), {})) is None
    with config_context(enable_metadata_routing=True):  # `inner` does not request weights
        assert weight_argument(inner) is None


def test_what_the_classifier_lacks_is_absent(blobs):
    X, given, _, _ = blobs
    margin = CleanLearner(LinearSVC(), random_state=0)
    assert not hasattr(margin, "predict_proba")
    assert margin.fit(X, given).decision_function(X).shape == (400, 3)
    assert not hasattr(CleanLearner(GaussianNB()), "decision_function")
    with pytest.raises(BadInput, match="CalibratedClassifierCV"):
        CleanLearner(_Voter(LinearSVC())).fit(X, given)


class _Voter(OneVsOneClassifier):
    """A classifier that only predicts classes."""

    decision_function = property()


def test_searches_pipelines_and_pickles(blobs):
    X, given, truth, _ = blobs
    learner = CleanLearner(LogisticRegression(), cv=3, random_state=0)
    search = GridSearchCV(make_pipeline(StandardScaler(), learner), {"cleanlearner__estimator__C": [0.1, 1.0]}, cv=2)
    assert search.fit(X, given).score(X, truth) > 0.85
    best = search.best_estimator_
    assert np.array_equal(pickle.loads(pickle.dumps(best)).predict_proba(X), best.predict_proba(X))
    within = CleanLearner(GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2), cv=3, random_state=0)
    assert within.fit(X, given).score(X, truth) > 0.85


def test_same_random_state_same_suspicion(blobs):
    X, given, _, _ = blobs
    one, two, other = (CleanLearner(GaussianNB(), random_state=s).fit(X, given).suspicion_ for s in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_too_few_rows_classes_and_folds(blobs):
    X, given, _, _ = blobs
    with pytest.raises(BadInput, match="2 classes"):
        CleanLearner(GaussianNB()).fit(X[:5], np.zeros(5))
    with pytest.raises(BadInput, match="cv=1 must be a whole number of at least 2"):
        CleanLearner(GaussianNB(), cv=1).fit(X, given)
    assert CleanLearner(GaussianNB(), cv=2).fit(X, given).suspicion_.shape == (400,)
    assert CleanLearner(GaussianNB()).fit(X[:2], ["a", "b"]).suspicion_.shape == (2,)
