import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisewise.data import folds, split, subset
from noisewise.data.grouped_folds import must_be_split
from noisewise.errors import BadInput


@pytest.fixture(scope="session")
def noisy(vectors):
    def make(n=100, k=4):
        data = vectors(n, k)
        return data.with_labels(np.where(np.arange(n) % 3 == 0, (data.given + 1) % k, data.given), {"step": "test"})

    return make


def counts(labels, k=4):
    return np.bincount(labels, minlength=k).tolist()


def test_splits_partition_the_rows(noisy):
    data = noisy()
    parts = split(data, validation=0.2, trusted=12, seed=1)
    assert (len(parts), len(parts.validation), len(parts.trusted)) == (68, 20, 12)
    index = np.concatenate([parts.index, parts.validation.index, parts.trusted.index])
    assert sorted(index) == list(range(100))
    for part in (parts, parts.validation):
        np.testing.assert_array_equal(part.given, data.given[part.index])
    for part in (parts, parts.validation, parts.trusted):
        np.testing.assert_array_equal(part.inputs, data.inputs[part.index])
        np.testing.assert_array_equal(part.truth, data.truth[part.index])
    np.testing.assert_array_equal(parts.trusted.given, data.truth[parts.trusted.index])
    assert parts.provenance[-1] == {"step": "split", "validation": 20, "trusted": 12, "seed": 1}


def test_stratified(noisy):
    data = noisy(200)
    parts = split(data, validation=0.25, trusted=8)
    assert counts(parts.trusted.truth) == [2, 2, 2, 2]
    rest = np.setdiff1d(np.arange(200), parts.trusted.index)
    expected = np.array(counts(data.given[rest])) * 50 / len(rest)
    assert np.abs(np.array(counts(parts.validation.given)) - expected).max() < 1


def test_trusted_rows_do_not_depend_on_the_validation_share(noisy):
    alone, both = (split(noisy(), trusted=8, validation=v, seed=3).trusted.index for v in (0.0, 0.5))
    np.testing.assert_array_equal(alone, both)


def test_seeds(noisy):
    first, again, other = (split(noisy(), validation=0.3, seed=s).validation.index for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert first.tolist() != other.tolist()


def test_trusted_rows_of_rare_classes(vectors):
    data = vectors(50, 4).with_labels(np.zeros(50, dtype=int), {})
    data = data.take(np.flatnonzero((data.truth != 3) | (np.arange(50) < 5)))
    assert counts(split(data, trusted=10).trusted.truth) == [3, 3, 3, 1]


def test_validation_share_below_one_row_makes_no_split(noisy):
    data = noisy(4)
    assert split(data, validation=0.1) is data


def test_existing_splits_are_kept(noisy):
    first = split(noisy(), validation=0.2)
    assert split(first) is first
    assert split(first, trusted=4).validation is first.validation
    with pytest.raises(BadInput, match=r"validation=0.1 .* has one: use validation=0"):
        split(first, validation=0.1)


@pytest.mark.parametrize(
    "asked, said",
    [
        ({"validation": 1.0}, "validation=1.0 must be"),
        ({"validation": -0.1}, "validation=-0.1 must be"),
        ({"validation": "a"}, "validation='a' must be"),
        ({"trusted": -1}, "trusted=-1 must be"),
        ({"trusted": 2.5}, "trusted=2.5 must be"),
        ({"trusted": 1000}, "to the 100 rows"),
        ({"trusted": 99}, "leave 1 of 100 rows"),
        ({"trusted": 5, "seed": -1}, "seed"),
    ],
)
def test_refused(noisy, asked, said):
    with pytest.raises(BadInput, match=said):
        split(noisy(), **asked)


def test_trusted_rows_need_a_truth(vectors):
    with pytest.raises(BadInput, match="symmetric:0"):
        split(vectors(), trusted=4)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 5), min_size=2, max_size=60), st.integers(2, 9), st.integers(0, 5))
def test_folds_are_even_over_all_and_within_classes(labels, k, seed):
    k = min(k, len(labels))
    found = folds(np.array(labels), k, seed)
    for rows in [slice(None), *(np.array(labels) == c for c in set(labels))]:
        sizes = np.bincount(found[rows], minlength=k)
        assert sizes.max() - sizes.min() <= 1


def test_folds_are_drawn():
    labels = np.zeros(50, dtype=int)
    assert folds(labels, 5, 0).tolist() != folds(labels, 5, 1).tolist()
    np.testing.assert_array_equal(folds(labels, 5, 1), folds(labels, 5, 1))


@pytest.mark.parametrize("k", [1, 11, 2.0, True])
def test_folds_refused(k):
    with pytest.raises(BadInput, match="folds="):
        folds(np.zeros(10, dtype=int), k)


@settings(max_examples=50)
@given(rows=st.integers(2, 100), seed=st.integers(0, 3))
def test_subset_is_stratified_and_keeps_the_index(noisy, rows, seed):
    data = noisy()
    found = subset(data, rows, seed)
    assert len(found) == rows
    assert (np.diff(found.index) > 0).all()
    np.testing.assert_array_equal(found.given, data.given[found.index])
    expected = np.array(counts(data.given)) * rows / 100
    assert np.abs(np.array(counts(found.given)) - expected).max() < 1


@pytest.mark.parametrize("rows", [1, 101, 2.5, True])
def test_subset_refused(noisy, rows):
    with pytest.raises(BadInput, match="rows="):
        subset(noisy(), rows)


grouped = st.integers(2, 60).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 4), min_size=n, max_size=n), st.lists(st.integers(0, 30), min_size=n, max_size=n)
    )
)


@settings(max_examples=200, deadline=None)
@given(grouped, st.integers(2, 9), st.integers(0, 5))
def test_groups_stay_in_one_fold_unless_they_must_be_split(drawn, k, seed):
    labels, groups = map(np.array, drawn)
    k = min(k, len(labels))
    found = folds(labels, k, seed, groups)
    assert set(found) == set(range(k))
    _, group = np.unique(groups, return_inverse=True)
    split_up = must_be_split(labels, group, k)
    for number in np.unique(group):
        inside = np.bincount(labels[group == number], minlength=5)
        half = ((inside > 1) & (2 * inside > np.bincount(labels, minlength=5))).any()
        assert split_up[number] == (half or inside.sum() > len(labels) // k)
        assert split_up[number] or len(set(found[group == number])) == 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=5, max_size=40), st.integers(0, 40), st.integers(2, 5), st.integers(0, 5))
def test_pairs_in_one_fold_leave_classes_even(labels, pairs, k, seed):
    times = np.where(np.arange(len(labels)) < pairs, 2, 1)
    groups, labels = np.repeat(np.arange(len(labels)), times), np.repeat(labels, times)
    found = folds(labels, k, seed, groups)
    for c in set(labels.tolist()):
        sizes = np.bincount(found[labels == c], minlength=k)
        assert sizes.max() - sizes.min() <= 2


def test_groups_of_one_change_nothing():
    labels = np.arange(60) % 7
    np.testing.assert_array_equal(folds(labels, 5, 3), folds(labels, 5, 3, np.arange(60)[::-1]))


def test_a_class_of_copies_is_spread():
    labels, groups = np.r_[np.zeros(30, int), np.ones(9, int)], np.r_[np.arange(30), np.full(9, 99)]
    assert np.bincount(folds(labels, 3, 0, groups)[30:]).tolist() == [3, 3, 3]


def test_single_rows_balance_the_folds():
    labels, groups = np.zeros(12, int), np.r_[0, 0, 0, 0, np.arange(1, 9)]
    found = folds(labels, 3, 0, groups)
    assert len(set(found[:4])) == 1
    assert np.bincount(found).tolist() == [4, 4, 4]
    assert found[4:].tolist().count(found[0]) == 0


def test_groups_refused():
    with pytest.raises(BadInput, match=r"groups of shape \(3,\) must be one number for each of the 4 rows"):
        folds(np.zeros(4, int), 2, 0, np.arange(3))
