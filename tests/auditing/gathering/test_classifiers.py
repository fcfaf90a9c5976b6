import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn import datasets
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.svm import LinearSVC

import noisewise as nw
from noisewise.auditing.gathering.blend import blended, mixture_weights
from noisewise.auditing.gathering.classifiers import cross_fit_classifier, default_classifier
from noisewise.data import Dataset, folds
from noisewise.data.readers.tables import from_frame
from noisewise.errors import BadInput


@pytest.fixture(scope="module")
def wine():
    found = datasets.load_wine()
    return from_frame(pd.DataFrame(found.data).add_prefix("x").assign(y=found.target), "wine", "wine", "y")


@pytest.fixture(scope="module")
def noisy(wine):
    return nw.corrupt(wine, "symmetric:0.2", seed=0)


def test_a_table_is_audited_by_the_forest_unless_networks_are_asked_for(noisy):
    found = nw.audit(noisy)
    assert found.metrics["auroc"] > 0.97
    assert found.probabilities == pytest.approx(nw.audit(noisy, model="forest").probabilities)
    assert "aum" not in found.scores
    assert "aum" in nw.audit(noisy, model="mlp", epochs=2).scores
    assert "aum" in nw.audit(noisy, epochs=2).scores


def test_out_of_fold_probabilities_are_those_of_scikit_learn(noisy):
    model = LogisticRegression(C=0.2, random_state=0)
    evidence = cross_fit_classifier(noisy.blind(), model, 4, 3)
    numbers = folds(noisy.given, 4, _seed(3))
    expected = cross_val_predict(
        clone(model), noisy.inputs, noisy.given, cv=PredefinedSplit(numbers), method="predict_proba"
    )
    # L-BFGS stops at a gradient of 1e-4; BLAS libraries differ by 1e-7 there, other folds by 1e-2.
    np.testing.assert_allclose(evidence.probabilities, expected, rtol=0, atol=1e-5)


def _seed(seed):
    from noisewise.training.config import seeded

    return seeded(seed, "classifiers") % 2**31


def test_the_seed_decides(noisy):
    first, again, other = (cross_fit_classifier(noisy.blind(), "forest", 3, seed).probabilities for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


class Remembering(ClassifierMixin, BaseEstimator):
    """Gives all its probability to the label of the nearest training row, which for a known row is its own."""

    def fit(self, X, y):
        self.X_, self.y_, self.classes_ = X, y, np.unique(y)
        return self

    def predict_proba(self, X):
        nearest = np.abs(X[:, None] - self.X_[None]).sum(axis=2).argmin(axis=1)
        return (self.y_[nearest][:, None] == self.classes_).astype(float)


def test_no_row_is_predicted_by_a_model_that_knows_it():
    rows = np.arange(40, dtype=np.float32)[:, None]
    labels = np.arange(40) % 2
    data = Dataset(rows, labels, ("even", "odd"))
    found = cross_fit_classifier(data, Remembering(), 40, 0).probabilities
    assert found[np.arange(1, 39), labels[1:39]].max() == 0


def test_a_class_unknown_in_training_has_no_probability():
    rows = np.random.default_rng(0).normal(size=(31, 2)).astype(np.float32)
    data = Dataset(rows, np.array([0] * 15 + [1] * 15 + [2]), ("a", "b", "c"))
    found = cross_fit_classifier(data, "linear", 3, 0).probabilities
    assert found[30, 2] == 0
    assert found.sum(axis=1) == pytest.approx(1)


@settings(max_examples=15, deadline=None)
@given(counts=st.lists(st.integers(1, 12), min_size=2, max_size=8), seed=st.integers(0, 99))
def test_rare_classes_never_stop_an_audit(counts, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    rows = np.random.default_rng(seed).normal(size=(len(labels), 3)).astype(np.float32)
    data = Dataset(rows, labels, tuple(map(str, range(len(counts)))))
    found = nw.audit(data, model="linear", folds=2, seed=seed)
    assert np.isfinite(found.suspicion).all()
    assert 0 <= found.interval[0] <= found.noise_rate <= found.interval[1] <= 1


@pytest.mark.parametrize("counts", [[20, 1], [20, 2, 1], [1] * 12])
def test_rare_classes_in_the_blend(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    rows = np.random.default_rng(0).normal(size=(len(labels), 3)).astype(np.float32)
    found = nw.audit(Dataset(rows, labels, tuple(map(str, range(len(counts))))), model="blend")
    assert np.isfinite(found.suspicion).all()


def test_images_can_be_audited_by_a_classifier():
    data = nw.corrupt(nw.subset(nw.load("digits"), 400, 0), "symmetric:0.2")
    assert nw.audit(data, model="forest").metrics["auroc"] > 0.95
    assert default_classifier(data) is None


def test_what_is_cross_fitted_by_default():
    rows = np.zeros((102, 2), dtype=np.float32)
    few, many = (Dataset(rows, np.arange(102) % k, tuple(map(str, range(k)))) for k in (50, 51))
    assert default_classifier(few) == "forest"
    assert default_classifier(many) is None


def test_missing_values_and_categories_are_kept(tmp_path):
    rng = np.random.default_rng(0)
    truth = np.arange(300) % 3
    frame = pd.DataFrame({"kind": np.array(["p", "q", "r"])[truth], "size": rng.normal(size=300)})
    frame.loc[truth == 1, "size"] = np.nan
    frame["label"] = np.array(["x", "y", "z"])[truth]
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = nw.audit(tmp_path / "t.csv", corrupt="symmetric:0.1", out=tmp_path / "a")
    assert found.metrics["auroc"] > 0.99
    assert nw.load(tmp_path / "a" / "cleaned.parquet").shape == found.data.shape


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": LinearSVC()}, "LinearSVC predicts no probabilities"),
        ({"model": "forest", "epochs": 3}, "epochs=3 is for networks"),
        ({"model": "blend", "method": "elr"}, "method='elr' is for networks"),
        ({"model": "forest", "folds": 1}, "folds=1"),
        ({"model": "forest", "lr": 0.1}, "lr=0.1 is for networks"),
        ({"model": "forest", "lrr": 0.1}, "no argument or setting 'lrr'"),
        ({"model": LogisticRegression(C=-1)}, "LogisticRegression cannot be fitted"),
    ],
)
def test_bad_input_is_one_sentence(noisy, options, words):
    with pytest.raises(BadInput, match=words) as caught:
        nw.audit(noisy, **options)
    assert "\n" not in str(caught.value)


def test_mixture_weights_are_the_most_likely_ones():
    rng = np.random.default_rng(0)
    likelihoods = rng.random((3, 200))

    def loss(free):
        weights = np.exp(np.append(free, 0)) / np.exp(np.append(free, 0)).sum()
        return -np.log(weights @ likelihoods).mean()

    best = minimize(loss, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    found = mixture_weights(likelihoods)
    assert -np.log(found @ likelihoods).mean() == pytest.approx(best.fun, abs=1e-4)
    assert found.sum() == pytest.approx(1)


def test_a_blend_leaves_out_what_knows_nothing():
    labels = np.arange(300) % 3
    right = np.where(np.eye(3)[labels] > 0, 0.8, 0.1)
    useless = np.random.default_rng(0).dirichlet([1, 1, 1], 300)
    found = blended(np.stack([right, useless]), labels)
    assert found.argmax(axis=1).tolist() == labels.tolist()
    assert found[np.arange(300), labels].min() > 0.9
    assert np.array_equal(blended(right[None], labels), right)
