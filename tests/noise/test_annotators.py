import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from noisewise.data import load
from noisewise.data.dataset import Dataset
from noisewise.data.texts import Texts
from noisewise.errors import BadInput
from noisewise.noise import corrupt
from noisewise.noise.labels import annotators
from noisewise.noise.labels.annotators import predictions, wrong_chances


def blobs(n=3000, k=4, seed=0):
    """n vectors around k centres on a line: neighbouring classes overlap, others hardly."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(k, size=n)
    inputs = rng.standard_normal((n, 6)) + 2.5 * labels[:, None] * np.array([1, 1, 1, 0.5, 0.5, 0])
    return Dataset(inputs.astype(np.float32), labels, tuple("abcdefgh"[:k]))


def sentences(n=400, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=n)
    words = (("rain", "cloud", "storm"), ("goal", "match", "team"))
    both = [" ".join((*rng.choice(words[label], 2), *rng.choice(words[1 - label], 1), "today")) for label in labels]
    return Dataset(Texts(pd.Series(both), "text"), labels, ("weather", "sport"), "text")


class Once:
    """Rows that count how often they were read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.reads = np.zeros(len(array), dtype=int)

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        self.reads[rows] += 1
        return self.array[rows]


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.6])
def test_the_chances_have_the_rate_as_their_mean_and_one_shift_of_the_odds(rate):
    right = np.random.default_rng(0).uniform(0.001, 0.999, 5000)
    wrong = wrong_chances(right, rate)
    assert wrong.mean() == pytest.approx(rate, abs=1e-9)
    shifts = logit(1 - wrong) - logit(right)
    assert np.ptp(shifts) < 1e-6


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.4])
@pytest.mark.parametrize("make", [blobs, sentences, lambda: load("digits")])
def test_the_expected_rate_is_reached(make, rate):
    data = make()
    noisy = corrupt(data, f"annotators:{rate}", seed=1)
    assert abs(noisy.noise_rate - rate) < 4 * np.sqrt(rate * (1 - rate) / len(data))


def test_exact_changes_that_many_rows_and_the_hard_ones_first():
    data = blobs()
    noisy = corrupt(data, "annotators:0.1,exact=true")
    wrong = noisy.given != noisy.truth
    assert wrong.sum() == 300
    between = np.abs(data.inputs[:, :3].mean(axis=1) / 2.5 - data.given)
    assert between[wrong].mean() > between[~wrong].mean() + 0.05


def test_rows_that_are_hard_for_an_independent_model_go_wrong_more_often(digits):
    noisy = corrupt(digits, "annotators:0.2", seed=3)
    chances = cross_val_predict(
        RandomForestClassifier(100, random_state=0), digits.inputs[:].reshape(len(digits), -1), digits.given,
        method="predict_proba", cv=3,
    )  # fmt: skip
    rows, wrong = np.arange(len(digits)), noisy.given != noisy.truth
    hardness = 1 - chances[rows, digits.given]
    assert roc_auc_score(wrong, hardness) > 0.65
    assert roc_auc_score(corrupt(digits, "symmetric:0.2", seed=3).given != digits.given, hardness) < 0.58


def test_plausible_classes_are_confused():
    noisy = corrupt(blobs(), "annotators:0.2", seed=2)
    wrong = noisy.given != noisy.truth
    assert (np.abs(noisy.given - noisy.truth)[wrong] == 1).mean() > 0.75  # 0.5 by chance


def test_an_annotator_never_trained_on_the_rows_it_labels(monkeypatch):
    seen = []

    def record(data, sample, rows, annotator, rng):
        seen.append((annotator, sample, rows))
        return np.full((len(rows), len(data.classes)), 1 / len(data.classes))

    monkeypatch.setattr(annotators, "_labelled", record)
    predictions(blobs(500), 3, np.random.default_rng(0))
    assert {annotator for annotator, _, _ in seen} == {0, 1, 2}
    assert not any(np.isin(rows, sample).any() for _, sample, rows in seen)
    assert sorted(np.concatenate([rows for _, _, rows in seen])) == list(range(500))


def test_lower_rates_change_a_part_of_the_rows_of_higher_ones():
    low, high = (corrupt(blobs(), f"annotators:{rate}").given != blobs().given for rate in (0.1, 0.3))
    assert not (low & ~high).any()


def test_labels_are_those_of_the_seed_whatever_is_read_at_once(digits, monkeypatch):
    whole = corrupt(digits, "annotators:0.3", seed=5).given
    monkeypatch.setattr(annotators, "BLOCK_NUMBERS", 64 * 50)
    blocked = corrupt(digits, "annotators:0.3", seed=5).given
    assert (whole != blocked).mean() < 0.005  # sums of other blocks round otherwise


@pytest.mark.parametrize("rate, k", [(0.5, 2), (0.75, 4), (1, 3)])
def test_a_rate_lies_below_that_of_guessing(rate, k):
    with pytest.raises(BadInput, match=rf"annotators: rate={rate}.* must lie below {1 - 1 / k:.3g}, the rate of guess"):
        corrupt(blobs(60, k), f"annotators:{rate}")


@pytest.mark.parametrize("count", ["0", "101", "2.5"])
def test_the_number_of_annotators_is_bounded(count):
    with pytest.raises(BadInput, match=r"annotators: annotators=.* must be a whole number between 1 and 100"):
        corrupt(blobs(60), f"annotators:0.1,annotators={count}")


def test_inputs_must_be_finite():
    data = blobs(60)
    data.inputs[7, :] = np.nan
    with pytest.raises(BadInput, match=r"row \d+ has values that are not"):
        corrupt(data, "annotators:0.1")


@pytest.mark.parametrize("n", [1, 2, 3, 12])
@pytest.mark.parametrize("d", [0, 1, 5])
def test_few_rows_and_columns_are_labelled_too(n, d):
    inputs = np.random.default_rng(n).standard_normal((n, d)).astype(np.float32)
    noisy = corrupt(Dataset(inputs, np.arange(n) % 3, tuple("abc")), "annotators:0.5,exact=true")
    assert (noisy.given != noisy.truth).sum() == np.rint(0.5 * n)


def test_large_images_are_averaged_and_read_once(monkeypatch):
    rng = np.random.default_rng(1)
    small = rng.integers(256, size=(90, 32, 32, 3), dtype=np.uint8)
    large = Once(small.repeat(2, axis=1).repeat(3, axis=2))
    monkeypatch.setattr(annotators, "BLOCK_NUMBERS", 20 * 64 * 96 * 3)
    found = [
        corrupt(Dataset(images, np.arange(90) % 3, tuple("abc"), "image"), "annotators:0.4").given
        for images in (small, large)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert (large.reads == 1).all()


def test_images_of_any_size_and_colour():
    rng = np.random.default_rng(0)
    for shape in ((1, 1, 1), (3, 40, 3), (64, 48, 3)):
        images = rng.integers(256, size=(40, *shape), dtype=np.uint8)
        data = Dataset(images, rng.integers(2, size=40), ("a", "b"), "image")
        assert (corrupt(data, "annotators:0.3,exact=true").given != data.given).sum() == 12
