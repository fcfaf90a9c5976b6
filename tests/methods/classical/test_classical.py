"""Resampling, SMOTE and AdaBoost: what they draw, make and compute."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier
from torch import nn
from torch.testing import assert_close

from noisewise.data import load
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.methods.classical.adaboost import boosted
from noisewise.methods.classical.resampling import Joined, drawn, imbalanced
from noisewise.methods.classical.smote import synthetic
from noisewise.models.trees import BoostedTrees
from noisewise.noise import corrupt
from noisewise.run.train import train
from noisewise.training.batch import cross_entropy
from noisewise.training.config import Config
from noisewise.training.trainer import Training

from .. import scene

LABELS = np.repeat([0, 1, 2], [40, 12, 3])


@pytest.fixture(scope="module")
def long_tail():
    """Digits 0, 1 and 2 in rows of 40, 12 and 3, with 30 test rows."""
    x, y = load_digits(n_class=3, return_X_y=True)
    order = np.concatenate([np.flatnonzero(y == k)[:size] for k, size in enumerate((40, 12, 3))])
    test = np.concatenate([np.flatnonzero(y == k)[-10:] for k in range(3)])
    whole = Dataset((x / 16).astype(np.float32), y, ("0", "1", "2"), name="digits")
    return replace(whole.take(order), index=np.arange(55) + 5, test=whole.take(test))


def small(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), classes))


def trained(data, spec, epochs=3):
    training = Training(data, small, Config(epochs=epochs, batch_size=10, lr=0.05, validation=0.0))
    build(spec)(training)
    return training


def test_over_and_under_sampling_balance_the_classes():
    over, under = drawn(LABELS, "over", 0), drawn(LABELS, "under", 0)
    assert np.bincount(LABELS[over]).tolist() == [40, 40, 40]
    assert np.bincount(LABELS[under]).tolist() == [3, 3, 3]
    assert over[:55].tolist() == list(range(55))
    assert len(set(under)) == 9
    assert drawn(np.zeros(4, dtype=int), "over", 0).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("ratio", [0.3, 1.7])
@pytest.mark.parametrize("known", [True, False])
def test_joined_rows_count_in_their_proportion(ratio, known):
    rows, nets = scene.batch(), scene.networks(1)
    joined = Joined("unlabelled", ratio, known=known).edit(rows, nets, torch.Generator())
    more = rows.auxiliary["unlabelled"]
    taken = len(joined) - len(rows)
    own, other = cross_entropy(nets(rows.x), rows.y).sum(), cross_entropy(nets(more.x[:taken]), more.y[:taken]).mean()
    expected = (own + ratio * len(rows) * other) / (len(rows) * (1 + ratio))
    assert_close((joined.w * cross_entropy(nets(joined.x), joined.y)).mean(), expected)
    assert (joined.index is not None) == known


def test_made_rows_lie_between_rows_of_their_class():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(55, 1)).astype(np.float32) + 10 * LABELS[:, None]
    x, y = synthetic(vectors, LABELS, neighbours=5)
    assert np.bincount(y, minlength=3).tolist() == [0, 28, 37]
    for k in (1, 2):
        own = vectors[k == LABELS]
        assert own.min() <= x[y == k].min()
        assert x[y == k].max() <= own.max()
    regrad, _ = synthetic(vectors, LABELS, neighbours=5)
    assert np.array_equal(x, regrad)


def test_two_rows_make_rows_on_the_line_between_them():
    vectors = np.zeros((12, 2), dtype=np.float32)
    vectors[:2] = [[1, 0], [3, 4]]
    x, y = synthetic(vectors, np.array([1, 1] + [0] * 10))
    assert len(x) == 8
    assert (y == 1).all()
    u = (x[:, 0] - 1) / 2
    np.testing.assert_allclose(x[:, 1], 4 * u, atol=1e-6)
    assert u.min() >= 0
    assert u.max() <= 1


def test_a_class_of_one_row_stays_as_it_is():
    x, _ = synthetic(np.random.default_rng(0).normal(size=(11, 2)), np.array([1] + [0] * 10))
    assert x.shape == (0, 2)


def test_what_cannot_be_made_is_said():
    far = np.concatenate([np.zeros((20, 1)), np.full((12, 1), 1e3)]) + np.random.default_rng(0).random((32, 1))
    with pytest.raises(BadInput, match=r"ADASYN can make no rows of class 1 \(12 rows\)"):
        synthetic(far, np.repeat([0, 1], [20, 12]), "adasyn")


@pytest.mark.parametrize("spec", ["smote", "smote:kind=borderline", "smote:kind=adasyn,neighbours=3", "resampling"])
def test_rare_classes_are_drawn(spec, long_tail):
    training = trained(long_tail, spec)
    assert len(training.history) == 3
    name = "repeated" if spec == "resampling" else "synthetic"
    assert (training.split(name).given > 0).all()


def test_under_sampling_draws_afresh(long_tail):
    training = trained(long_tail, "resampling:kind=under")
    assert len(training.history) == 3
    assert training.examples_per_second > 0


def test_images_are_made_as_images(long_tail):
    pixels = (long_tail.inputs.reshape(-1, 8, 8, 1) * 255).astype(np.uint8)
    training = trained(replace(long_tail, inputs=pixels, kind="image", test=None), "smote")
    _, raw = next(training.split("synthetic").stream(torch.arange(5), 5))
    assert raw.shape == (5, 1, 8, 8)
    assert raw.dtype == torch.uint8


@pytest.mark.parametrize(
    "spec, said", [("smote:kind=other", "kind"), ("smote:neighbours=0", "neighbours"), ("resampling:kind=both", "kind")]
)
def test_bad_options_are_refused(spec, said, long_tail):
    with pytest.raises(BadInput, match=said):
        trained(long_tail, spec)


def test_the_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
    with pytest.raises(BadInput, match=r"pip install 'noisewise\[imbalance\]'"):
        imbalanced("over_sampling")


@pytest.mark.parametrize("classes, depth", [(2, 1), (3, 3), (10, 4)])
def test_the_copied_ensemble_is_scikit_learns_with_the_sum_of_votes_for_their_mean(classes, depth):
    def summed(mean, alphas):
        scaled = alphas.sum() * np.log(mean)
        odds = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    x, y = load_digits(n_class=classes, return_X_y=True)
    rng = np.random.default_rng(0)
    x, y = (x[:300] + rng.normal(size=(300, 64))).astype(np.float32), y[:300]
    y = np.where(rng.random(300) < 0.3, rng.integers(classes, size=300), y)
    tree = DecisionTreeClassifier(max_depth=depth)
    official = AdaBoostClassifier(tree, n_estimators=12, random_state=3).fit(x, y)
    trees = BoostedTrees(**boosted(x, y, classes, rounds=12, depth=depth, shrinkage=1.0, seed=3))
    for vectors in (x, rng.normal(8, 5, size=(200, 64)).astype(np.float32)):
        with torch.no_grad():
            found = trees(torch.as_tensor(vectors)).softmax(dim=1).numpy()
        np.testing.assert_allclose(
            found, summed(official.predict_proba(vectors), official.estimator_weights_), atol=1e-4
        )
    trees.use(5)
    staged = summed(list(official.staged_predict_proba(x))[4], official.estimator_weights_[:5])
    np.testing.assert_allclose(trees(torch.as_tensor(x)).softmax(dim=1).detach().numpy(), staged, atol=1e-4)


@pytest.mark.parametrize("ulps", [0, 1])
def test_neighbouring_numbers_are_told_apart(ulps):
    low = np.float32(100) + ulps * np.spacing(np.float32(100))
    x = np.array([[low], [low], [np.nextafter(low, np.float32(200))]] * 2, dtype=np.float32)
    trees = BoostedTrees(**boosted(x, np.array([0, 0, 1] * 2), 2, rounds=1, depth=1, shrinkage=1.0, seed=0))
    assert trees(torch.as_tensor(x)).argmax(dim=1).tolist() == [0, 0, 1] * 2


def test_a_class_without_rows_gets_no_vote():
    x = np.arange(12, dtype=np.float32)[:, None]
    trees = BoostedTrees(**boosted(x, np.repeat([0, 2], 6), 3, rounds=3, depth=1, shrinkage=1.0, seed=0))
    assert set(trees(torch.as_tensor(x)).argmax(dim=1).tolist()) == {0, 2}
    with pytest.raises(BadInput, match="at least two classes"):
        boosted(x, np.zeros(12, dtype=int), 3, rounds=3, depth=1, shrinkage=1.0, seed=0)


def test_boosting_is_saved_and_predicts_as_any_training(long_tail, tmp_path):
    run = train(long_tail, "adaboost:rounds=9,depth=2", model=small, epochs=3, out=tmp_path / "run", validation=0.0)
    assert len(run.history) == 3
    assert run.metrics["seconds"] > 0
    right = (run.predict(long_tail.test.inputs) == long_tail.test.given).mean()
    assert right == pytest.approx(run.metrics["test_accuracy_selected"])
    assert (tmp_path / "run" / "model.safetensors").exists()


def test_boosting_tells_suspect_rows_from_others():
    noisy = corrupt(load("digits"), "symmetric:0.2", seed=0)
    run = train(noisy, "adaboost:rounds=40", epochs=4, validation=0.0)
    rows = run.samples.set_index("index").loc[noisy.index]
    wrong = noisy.given != noisy.truth
    suspicion = rows["suspicion"].to_numpy()
    assert suspicion[wrong].mean() > 1.5 * suspicion[~wrong].mean()
    assert rows["is_issue"].mean() < 0.3
