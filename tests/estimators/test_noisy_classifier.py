"""NoisyClassifier names the suspicious rows."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from noisewise.errors import BadInput
from noisewise.estimators import NoisyClassifier


@pytest.fixture(scope="module")
def blobs():
    """300 rows of 3 well separated classes with string labels, 30 of them wrong."""
    X, truth = make_blobs(300, centers=3, cluster_std=0.5, random_state=0)
    names = np.array(["ant", "bee", "cat"])
    given = truth.copy()
    wrong = np.random.default_rng(0).permutation(300)[:30]
    given[wrong] = (given[wrong] + 1) % 3
    return X, names[given], names[truth], wrong


def test_suspicion_and_suggestions(blobs):
    X, given, truth, wrong = blobs
    clf = NoisyClassifier(epochs=30, random_state=0).fit(X, given)
    assert roc_auc_score(np.isin(np.arange(300), wrong), clf.suspicion_) > 0.95
    doubted = clf.suggested_ != given
    assert doubted.sum() >= 10
    assert (clf.suggested_[doubted] == truth[doubted]).mean() > 0.9
    assert clf.score(X, truth) > 0.95


def test_same_random_state_same_model(blobs):
    X, given, _, _ = blobs
    one, two, other = (NoisyClassifier(epochs=2, random_state=s).fit(X, given).predict_proba(X) for s in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_decisions_agree_with_probabilities(blobs):
    X, given, _, _ = blobs
    clf = NoisyClassifier(epochs=2, random_state=0).fit(X, given)
    np.testing.assert_allclose(np.exp(clf.decision_function(X)), clf.predict_proba(X))
    two = given != "cat"
    binary = NoisyClassifier(epochs=2, random_state=0).fit(X[two], given[two])
    odds = binary.predict_proba(X)[:, 1] / binary.predict_proba(X)[:, 0]
    np.testing.assert_allclose(np.exp(binary.decision_function(X)), odds)


def test_images_as_bytes():
    digits = load_digits()
    images = (digits.images[:200, :, :, None] * 15).astype(np.uint8)
    clf = NoisyClassifier(epochs=3, random_state=0).fit(images, digits.target[:200])
    assert clf.predict_proba(images[:5]).shape == (5, 10)
    with pytest.raises(BadInput, match=r"shape \(8, 4, 1\)"):
        clf.predict(images[:, :, :4])


def test_trusted_rows_reach_the_methods_that_need_them(blobs):
    X, given, truth, _ = blobs
    clf = NoisyClassifier("l2rw", epochs=2, random_state=0)
    with pytest.raises(BadInput, match=r"fit\(X, y, trusted=\(X_trusted, y_trusted\)\)"):
        clf.fit(X, given)
    clf.fit(X[30:], given[30:], trusted=(X[:30], truth[:30]))
    assert clf.suspicion_.shape == (270,)
    with pytest.raises(BadInput, match="'dog'"):
        clf.fit(X[30:], given[30:], trusted=(X[:30], ["dog"] * 30))


def test_two_networks_survive_pickling(blobs):
    X, given, _, _ = blobs
    clf = NoisyClassifier("coteaching", epochs=2, random_state=0).fit(X, given)
    assert np.array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(X), clf.predict_proba(X))


def test_pipelines_and_grid_search(blobs):
    X, given, truth, _ = blobs
    pipeline = make_pipeline(StandardScaler(), NoisyClassifier(epochs=5, random_state=0))
    search = GridSearchCV(pipeline, {"noisyclassifier__method": ["ce", "gce"]}, cv=2).fit(X, given)
    assert search.score(X, truth) > 0.8


@pytest.mark.parametrize(
    "X, message",
    [
        (np.zeros((10, 4, 4, 1)), "uint8 images"),
        (np.zeros((10, 4, 4), dtype=np.uint8), "uint8 images"),
        (np.full((10, 2), 1e300), "too large"),
    ],
)
def test_inputs_that_are_neither_vectors_nor_images(X, message):
    with pytest.raises(BadInput, match=message):
        NoisyClassifier(epochs=1).fit(X, [0, 1] * 5)


def test_one_class_is_refused_in_one_sentence():
    with pytest.raises(BadInput, match="at least 2 classes, but all 6 labels are one class"):
        NoisyClassifier().fit(np.zeros((6, 2)), np.ones(6, dtype=int))


def test_rows_count_by_their_weight(blobs):
    X, _, truth, _ = blobs
    # all rows of one class are relabelled: weights alone decide what is learned
    flipped = np.where(truth == "ant", "bee", truth)
    both, labels = np.concatenate([X, X]), np.concatenate([truth, flipped])
    for method in ("ce", "auto", "adaboost", "dividemix"):
        scores = []
        for first in (5.0, 0.2):
            clf = NoisyClassifier(method, epochs=12, random_state=0)
            clf.fit(both, labels, sample_weight=np.repeat([first, 1.0], 300))
            scores.append((clf.predict(X[truth == "ant"]) == "ant").mean())
        assert scores[0] > 0.8 > 0.2 > scores[1], (method, scores)


def test_only_the_ratio_of_weights_counts(blobs):
    X, given, _, _ = blobs
    weights = np.random.default_rng(1).uniform(0.5, 2, 300)
    found = [NoisyClassifier("ce", epochs=2, random_state=0) for _ in range(3)]
    for clf, scaled in zip(found, (weights, 1000 * weights, None), strict=True):
        clf.fit(X, given, sample_weight=scaled)
    one, two, plain = (clf.predict_proba(X) for clf in found)
    np.testing.assert_allclose(one, two, atol=1e-4)
    assert np.abs(one - plain).max() > 1e-3


def test_rows_of_no_weight_are_not_trained_on(blobs):
    X, given, _, wrong = blobs
    weights = np.ones(300)
    weights[wrong] = 0
    clf = NoisyClassifier("ce", epochs=2, random_state=0, validation=0.0).fit(X, given, sample_weight=weights)
    kept = weights > 0
    again = NoisyClassifier("ce", epochs=2, random_state=0, validation=0.0, batch_size=13).fit(X[kept], given[kept])
    np.testing.assert_array_equal(clf.predict_proba(X), again.predict_proba(X))
    assert len(clf.suspicion_) == 300
    assert (clf.suspicion_[wrong] == 0).all()
    assert (clf.suggested_[wrong] == given[wrong]).all()
    with pytest.raises(ValueError, match="rows of at least 2 classes"):
        NoisyClassifier().fit(X, given, sample_weight=(given == "ant").astype(float))
