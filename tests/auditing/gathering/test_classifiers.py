import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.svm import LinearSVC

import noisewise as nw
from noisewise.auditing.gathering.gather import gather
from noisewise.auditing.plan import AuditPlan
from noisewise.data import Dataset, folds
from noisewise.data.readers.tables import from_frame
from noisewise.data.reading import Reading
from noisewise.errors import BadInput


@pytest.fixture(scope="module")
def wine():
    found = datasets.load_wine()
    return from_frame(pd.DataFrame(found.data).add_prefix("x").assign(y=found.target), "wine", "wine", Reading("y"))


@pytest.fixture(scope="module")
def noisy(wine):
    return nw.corrupt(wine, "symmetric:0.2", seed=0)


def test_networks_are_trained_where_they_are_asked_for(noisy):
    assert nw.audit(noisy, budget="quick").metrics["auroc"] > 0.97
    assert "aum" in nw.audit(noisy, model="mlp", epochs=2).scores
    assert "aum" in nw.audit(noisy, epochs=2).scores


def test_out_of_fold_probabilities_are_those_of_scikit_learn(noisy):
    model = LogisticRegression(C=0.2, random_state=0)
    evidence = gather(noisy.blind(), AuditPlan(model=model, folds=4, seed=3))
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
    first, again, other = (
        gather(noisy.blind(), AuditPlan(model="forest", folds=3, seed=seed)).probabilities for seed in (1, 1, 2)
    )
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
    found = gather(data, AuditPlan(model=Remembering(), folds=40)).probabilities
    assert found[np.arange(1, 39), labels[1:39]].max() == 0


def test_a_class_unknown_in_training_has_no_probability():
    rows = np.random.default_rng(0).normal(size=(31, 2)).astype(np.float32)
    data = Dataset(rows, np.array([0] * 15 + [1] * 15 + [2]), ("a", "b", "c"))
    found = gather(data, AuditPlan(model="linear", folds=3)).probabilities
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
