"""Open-set noise: which rows, what takes their place, and what is known of them afterwards."""

import numpy as np
import pytest

from noisewise.data import load, save, split
from noisewise.data.dataset import Dataset
from noisewise.data.openset import open_rows
from noisewise.errors import BadInput
from noisewise.noise import corrupt


def pictures(n, classes, value=None, side=4):
    rng = np.random.default_rng(len(classes) + n)
    images = rng.integers(100, size=(n, side, side, 1), dtype=np.uint8)
    if value is not None:
        images[:] = value
        images[:, 0, 0, 0] = np.arange(n) % 256
    return Dataset(images, np.arange(n) % len(classes), classes, "image")


@pytest.fixture
def data():
    return pictures(200, ("cat", "dog"))


@pytest.fixture
def other(tmp_path):
    """The path of a data set of bright images of which every third is of a class that the data have too."""
    return save(pictures(210, ("cat", "frog", "ship"), 200), tmp_path / "other.npz")


def test_a_share_of_the_rows_is_replaced_and_known(data):
    noisy = corrupt(data, "openset:0.4")
    replaced = open_rows(noisy)
    assert abs(replaced.sum() - 80) < 5 * np.sqrt(200 * 0.4 * 0.6)
    np.testing.assert_array_equal(replaced, (noisy.inputs != data.inputs).any(axis=(1, 2, 3)))
    np.testing.assert_array_equal(noisy.given, data.given)
    assert noisy.provenance[0]["inputs_changed"] == replaced.mean()
    assert noisy.provenance[0]["open_rows"] == np.flatnonzero(replaced).tolist()
    assert not open_rows(data).any()


def test_rows_stay_known_through_selections_files_and_further_noise(data, tmp_path):
    noisy = corrupt(data, "openset:0.2+longtail:2+openset:0.2+symmetric:0.3", seed=1)
    replaced = open_rows(noisy)
    np.testing.assert_array_equal(replaced, (noisy.inputs != data.inputs[noisy.index]).any(axis=(1, 2, 3)))
    assert 0.2 < replaced.mean() < 0.52
    part = noisy.take(np.arange(0, len(noisy), 3))
    np.testing.assert_array_equal(open_rows(part), replaced[::3])
    np.testing.assert_array_equal(open_rows(load(save(noisy, tmp_path / "noisy.npz"))), replaced)


def test_exact_and_nested_rates(data):
    low, high = (open_rows(corrupt(data, f"openset:{rate},exact=true")) for rate in (0.2, 0.5))
    assert [low[data.given == k].sum() for k in (0, 1)] == [20, 20]
    assert [high[data.given == k].sum() for k in (0, 1)] == [50, 50]
    assert high[low].all()
    assert not open_rows(corrupt(data, "openset:0")).any()
    assert open_rows(corrupt(data, "openset:1")).all()


def test_another_data_set_gives_rows_of_its_own_classes_once_each(data, other):
    noisy = corrupt(data, f'openset:0.6,source="{other}"')
    taken = noisy.inputs[open_rows(noisy)]
    assert (taken[:, 1:] == 200).all()
    numbers = taken[:, 0, 0, 0]
    assert len(np.unique(numbers)) == len(numbers) > 90
    assert (numbers % 3 != 0).all()
    assert (np.diff(numbers.astype(int)) < 0).any()
    assert noisy.provenance[0]["source"] == str(other)


def test_noise_takes_their_place(data):
    white = corrupt(data, "openset:1,source=noise").inputs
    assert white.max() > 240
    assert abs(white.mean() - 127.5) < 5
    normal = corrupt(data, "openset:1").inputs
    np.testing.assert_allclose(normal.mean(), data.inputs.mean(), atol=2)
    np.testing.assert_allclose(normal.std(), data.inputs.std(), rtol=0.1)


def test_vectors_take_noise_of_their_moments(vectors):
    data = vectors(n=3000)
    noisy = corrupt(data, "openset:0.5")
    replaced = open_rows(noisy)
    np.testing.assert_allclose(noisy.inputs[replaced].std(axis=0), data.inputs.std(axis=0), rtol=0.1)
    np.testing.assert_array_equal(noisy.inputs[~replaced], data.inputs[~replaced])


def test_trusted_rows_are_none_of_the_replaced(data):
    noisy = corrupt(data, "openset:0.5,exact=true+symmetric:0.2")
    parts = split(noisy, trusted=60, validation=0.2, seed=1)
    assert len(parts.trusted) == 60
    assert not open_rows(parts.trusted).any()
    assert open_rows(parts.validation).any()
    with pytest.raises(BadInput, match=r"trusted=101 must be at most 100, the rows of data not replaced by 'openset'"):
        split(noisy, trusted=101)


@pytest.mark.parametrize("rate", ["1.01", "-0.1", "nan", "true", "x"])
def test_a_rate_lies_between_0_and_1(rate, data):
    with pytest.raises(BadInput, match=r"openset: rate=.* must lie between 0 and 1"):
        corrupt(data, f"openset:{rate}")


def test_sources_that_do_not_fit(data, other, tmp_path):
    with pytest.raises(BadInput, match="openset: source=3 must be gaussian, noise or a data set"):
        corrupt(data, "openset:0.2,source=3")
    with pytest.raises(BadInput, match="nowhere"):
        corrupt(data, "openset:0.2,source=nowhere")
    with pytest.raises(BadInput, match="has 140 rows of classes that 'data' does not have, but 200 are to be replaced"):
        corrupt(data, f'openset:1,source="{other}"')
    larger = save(pictures(9, ("x", "y"), side=5), tmp_path / "larger.npz")
    with pytest.raises(BadInput, match=r"shape \(5, 5, 1\) .*but 'data' holds .*shape \(4, 4, 1\).*must be alike"):
        corrupt(data, f'openset:0.2,source="{larger}"')
