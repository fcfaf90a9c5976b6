"""Corruptions of the balance of classes, compared with published class sizes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.noise import corrupt
from noisewise.noise.balance.class_sizes import class_sizes
from noisewise.noise.balance.longtail import longtail_shares


def rows(*counts):
    """A data set with so many rows of each class, in a random order."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    return Dataset(np.arange(len(labels), dtype=np.float32)[:, None], labels, tuple(map(str, range(len(counts)))))


def sizes(data, spec, seed=0):
    return np.bincount(corrupt(data, spec, seed).given, minlength=len(data.classes)).tolist()


def test_published_sizes_of_long_tailed_cifar():
    """Cao et al., NeurIPS 2019: 5000 rows to 50 on CIFAR-10; 10,847 rows of CIFAR-100 at a ratio of 100."""
    ten = class_sizes(np.full(10, 5000), longtail_shares(100, 10))
    assert ten.tolist() == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    hundred = class_sizes(np.full(100, 500), longtail_shares(100, 100))
    assert (hundred.sum(), hundred[0], hundred[-1]) == (10_847, 500, 5)


def test_long_tail_by_hand():
    assert sizes(rows(90, 90, 90), "longtail:9") == [90, 30, 10]
    assert sizes(rows(90, 15, 90), "longtail:9") == [45, 15, 5]
    assert sizes(rows(7, 9, 8), "longtail:1") == [7, 7, 7]


def test_step_by_hand():
    assert sizes(rows(*[50] * 10), "step:10") == [50] * 5 + [5] * 5
    assert sizes(rows(*[50] * 5), "step:2") == [50, 50, 25, 25, 25]
    assert sizes(rows(*[50] * 5), "step:2,small=0.2") == [50, 50, 50, 50, 25]
    assert sizes(rows(30, 80, 4, 9), "step:3") == [12, 12, 4, 4]


COUNTS = st.lists(st.integers(20, 200), min_size=2, max_size=12)


@given(counts=COUNTS, ratio=st.floats(1, 20), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_sizes_fall_as_asked_and_are_as_large_as_can_be(counts, ratio, seed):
    have, shares = np.array(counts), longtail_shares(ratio, len(counts))
    found = np.array(sizes(rows(*counts), f"longtail:{ratio!r}", seed))
    assert (found <= have).all()
    assert (np.diff(found) <= 0).all()
    assert found[-1] == np.floor(found[0] / ratio + 1e-9)
    assert ((found[0] + 1) * shares > have - 1e-6).any()


def test_which_rows_stay_is_drawn():
    data = rows(400, 400)
    first, second = (corrupt(data, "longtail:2", seed).index for seed in (0, 1))
    assert len(first) == len(second) == 600
    assert 0.3 < np.isin(np.flatnonzero(data.given == 1), first).mean() < 0.7
    assert not np.array_equal(first, second)
    early = (first[data.given[first] == 1] < 400).sum()
    expected = (data.given[:400] == 1).sum() / 2
    assert abs(early - expected) < 5 * np.sqrt(expected)


@pytest.mark.parametrize("name", ["longtail", "step"])
@pytest.mark.parametrize("ratio", ["0.5", "0", "-1", "nan", "inf", "true", "none", "many", "1e7"])
def test_a_ratio_is_a_number_from_1(name, ratio):
    with pytest.raises(BadInput, match=f"{name}: ratio=.* must lie between 1 and 1000000"):
        corrupt(rows(9, 9), f"{name}:{ratio}")


def test_no_class_is_left_without_rows():
    with pytest.raises(
        BadInput, match=r"longtail:100 leaves class '2' without rows, as 'data' has only 50 of class '0'"
    ):
        corrupt(rows(50, 90, 90), "longtail:100")
    with pytest.raises(BadInput, match=r"step:2 leaves class '0' without rows, as 'data' has only 0 of class '0'"):
        corrupt(Dataset(np.zeros((2, 1)), np.array([1, 1]), ("0", "1")), "step:2")


@pytest.mark.parametrize("small, wrong", [("0", "0 of 3"), ("1", "3 of 3"), ("0.9", "3 of 3")])
def test_a_step_has_two_sides(small, wrong):
    with pytest.raises(BadInput, match=f"makes {wrong} classes small"):
        corrupt(rows(9, 9, 9), f"step:2,small={small}")


@pytest.mark.parametrize("small", ["-0.1", "2", "x", "true"])
def test_the_share_of_small_classes_is_a_share(small):
    with pytest.raises(BadInput, match=r"step: small=.* must lie between 0 and 1"):
        corrupt(rows(9, 9, 9), f"step:2,small={small}")
