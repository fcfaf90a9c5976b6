import numpy as np
import pytest
from scipy import special, stats

from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.noise import corrupt
from noisewise.noise.labels import instance
from noisewise.noise.labels.instance import instance_labels, row_rates


class Lazy:
    """Rows read when they are asked for, with the largest request remembered."""

    def __init__(self, array):
        self.array, self.largest = array, 0
        self.shape, self.dtype = array.shape, array.dtype

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        self.largest = max(self.largest, len(rows))
        return self.array[rows]


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.95])
def test_row_rates_are_truncated_normal(rate):
    rates = row_rates(rate, 20_000, np.random.default_rng(0))
    reference = stats.truncnorm(-rate / 0.1, (1 - rate) / 0.1, loc=rate, scale=0.1)
    assert rates.min() >= 0
    assert rates.max() <= 1
    assert stats.kstest(rates, reference.cdf).pvalue > 1e-4


def test_labels_have_the_probabilities_of_the_definition():
    inputs = np.random.default_rng(1).standard_normal((1, 6))
    reference = np.random.default_rng(2)
    n, k, label = 40_000, 5, 3
    where = reference.random(n)
    matrices = [reference.standard_normal((6, k)) for _ in range(k)]
    scores = 0.7 * inputs[0] @ matrices[label]
    scores[label] = -np.inf
    expected = special.softmax(scores) * n
    labels, leaves = np.full(n, label), np.ones(n, bool)
    rows = np.repeat(inputs, n, axis=0)
    drawn = instance_labels(rows, labels, leaves, k, 0.7, np.random.default_rng(2))
    observed = np.bincount(drawn, minlength=k)
    assert observed[label] == 0
    others = np.arange(k) != label
    assert stats.chisquare(observed[others], expected[others]).pvalue > 1e-4
    np.testing.assert_array_equal(drawn, np.searchsorted(np.cumsum(expected / n), where, side="right"))


@pytest.mark.parametrize("seed", range(3))
def test_the_realised_rate_is_that_of_the_truncated_normal(seed, vectors):
    data = vectors(n=20_000)
    for rate in (0.1, 0.4):
        mean = stats.truncnorm(-rate / 0.1, (1 - rate) / 0.1, loc=rate, scale=0.1).mean()
        bound = 5 * np.sqrt(mean * (1 - mean) / len(data))
        assert abs(corrupt(data, f"instance:{rate}", seed).noise_rate - mean) < bound


def test_a_rate_of_1_changes_every_label(vectors):
    assert corrupt(vectors(), "instance:1").noise_rate == 1


def test_the_wrong_class_depends_on_the_input(vectors):
    data = vectors(n=4000, k=4, d=2)
    noisy = corrupt(data, "instance:1,scale=50")
    for label in range(4):
        rows = np.flatnonzero(data.given == label)
        directions = data.inputs[rows] / np.linalg.norm(data.inputs[rows], axis=1, keepdims=True)
        close = directions @ directions.T > 0.999
        same = noisy.given[rows][:, None] == noisy.given[rows]
        assert same[close].mean() > 0.95
        assert same.mean() < 0.9


def test_a_larger_scale_makes_the_choice_sharper():
    inputs = np.full((6000, 3), 0.5, np.float32)
    data = Dataset(inputs, np.arange(6000) % 5, tuple("abcde"))
    agreement = []
    for scale in (0.01, 1, 100):
        transition = corrupt(data, f"instance:1,scale={scale}").transition
        agreement.append(transition.max(axis=1).mean())
    assert agreement[0] < agreement[1] < agreement[2]
    assert agreement[2] > 0.99
    assert agreement[0] < 0.3


def test_bytes_are_divided_by_255_and_nothing_else_is(fashion):
    numbers = Dataset(fashion.inputs.reshape(6000, -1).astype(np.float64), fashion.given, fashion.classes)
    as_bytes = corrupt(fashion, "instance:0.4").given
    np.testing.assert_array_equal(as_bytes, corrupt(numbers, f"instance:0.4,scale={1 / 255!r}").given)
    raw = corrupt(fashion, "instance:0.4,scale=255").given
    np.testing.assert_array_equal(raw, corrupt(numbers, "instance:0.4").given)
    assert (raw != as_bytes).any()


def test_lazy_inputs_in_small_blocks_give_the_same(fashion, monkeypatch):
    lazy = Lazy(fashion.inputs)
    data = Dataset(lazy, fashion.given, fashion.classes, "image")
    monkeypatch.setattr(instance, "BLOCK_NUMBERS", 144 * 7)
    blocked = corrupt(data, "instance:0.4").given
    assert lazy.largest == 7
    monkeypatch.undo()
    np.testing.assert_array_equal(blocked, corrupt(fashion, "instance:0.4").given)


def test_exact_noise_prefers_rows_with_a_high_rate(vectors):
    data = vectors(n=5000)
    rates = row_rates(0.3, 5000, np.random.default_rng(0))
    noisy = instance.Instance(0.3, exact=True).apply(data, np.random.default_rng(0))
    changed = noisy.given != noisy.truth
    assert changed.sum() == sum(np.rint(0.3 * np.bincount(data.given)))
    assert rates[changed].mean() > rates[~changed].mean() + 0.02


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "inf", "1e7", "x"])
def test_a_scale_is_a_number_above_0(scale, fashion):
    with pytest.raises(BadInput, match=r"instance: scale=.* must be above 0 and at most 1000000"):
        corrupt(fashion, f"instance:0.4,scale={scale}")


def test_inputs_must_be_finite():
    inputs = np.zeros((6, 2), np.float32)
    inputs[4, 1] = np.nan
    data = Dataset(inputs, np.arange(6) % 2, ("a", "b"))
    with pytest.raises(BadInput, match="row 4 has values that are not"):
        corrupt(data, "instance:1")


def test_inputs_without_columns_take_any_wrong_class():
    data = Dataset(np.zeros((3000, 0), np.float32), np.arange(3000) % 3, tuple("abc"))
    assert stats.chisquare(np.bincount((corrupt(data, "instance:1").given - data.given) % 3)[1:]).pvalue > 1e-4
