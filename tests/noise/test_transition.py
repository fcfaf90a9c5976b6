import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from noisewise.noise.labels.pair import pair_matrix
from noisewise.noise.labels.symmetric import symmetric_matrix
from noisewise.noise.labels.transition import choose_exactly, draw, map_matrix, pick
from noisewise.noise.labels.uniform import uniform_matrix

SHARE = st.floats(0, 1)


def counts(before, after, k):
    return np.bincount(before * k + after, minlength=k * k).reshape(k, k)


def test_the_matrices_are_those_of_the_papers():
    np.testing.assert_allclose(symmetric_matrix(0.4, 3), [[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6]])
    np.testing.assert_allclose(uniform_matrix(0.3, 3), [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    np.testing.assert_allclose(pair_matrix(0.45, 3), [[0.55, 0.45, 0], [0, 0.55, 0.45], [0.45, 0, 0.55]])
    np.testing.assert_allclose(map_matrix(0.3, np.array([0, 2, 1])), [[1, 0, 0], [0, 0.7, 0.3], [0, 0.3, 0.7]])


@given(SHARE, st.integers(2, 12))
def test_transition_matrices_are_stochastic_and_uniform_equals_symmetric_at_scaled_rate(rate, k):
    for matrix in (symmetric_matrix(rate, k), uniform_matrix(rate, k), pair_matrix(rate, k)):
        assert (matrix >= 0).all()
        np.testing.assert_allclose(matrix.sum(axis=1), 1)
    np.testing.assert_allclose(uniform_matrix(rate, k), symmetric_matrix(rate * (k - 1) / k, k), atol=1e-15)


@pytest.mark.parametrize("seed", range(3))
def test_draws_have_the_frequencies_of_the_matrix(seed):
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(np.full(5, 0.7), size=5)
    labels = rng.integers(5, size=40_000)
    observed = counts(labels, draw(labels, transition, rng), 5)
    for row, nominal in zip(observed, transition, strict=True):
        possible = row.sum() * nominal > 5
        rest = np.append(row[possible], row[~possible].sum())
        expected = np.append(nominal[possible], nominal[~possible].sum()) * row.sum()
        kept = expected > 0
        assert stats.chisquare(rest[kept], expected[kept]).pvalue > 1e-4


def test_what_has_probability_0_or_1_never_or_always_happens():
    labels = np.arange(3).repeat(5000)
    transition = np.array([[0, 0.5, 0.5], [0, 1, 0], [1, 0, 0]])
    for exact in (False, True):
        observed = counts(labels, draw(labels, transition, np.random.default_rng(0), exact), 3)
        np.testing.assert_array_equal(observed > 0, transition > 0)


def test_draws_change_nothing_they_were_given():
    labels, transition = np.arange(4).repeat(10), symmetric_matrix(0.5, 4)
    before = labels.copy(), transition.copy()
    draw(labels, transition, np.random.default_rng(0))
    np.testing.assert_array_equal(labels, before[0])
    np.testing.assert_array_equal(transition, before[1])


@given(hnp.arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 4)), st.lists(SHARE, min_size=5, max_size=5))
def test_exact_draws_change_the_rounded_number_of_rows_of_every_class(labels, rates):
    leaves = choose_exactly(labels, np.array(rates), np.random.default_rng(0))
    for k in range(5):
        assert leaves[labels == k].sum() == np.rint(rates[k] * (labels == k).sum())


def test_weighted_sampling_without_replacement():
    rng, labels, weights = np.random.default_rng(0), np.zeros(4, int), np.array([0.0, 1, 2, 5])
    times = sum(choose_exactly(labels, np.array([0.25]), rng, weights) for _ in range(8000))
    assert times[0] == 0
    assert stats.chisquare(times[1:], 1000 * weights[1:]).pvalue > 1e-4


def test_pick_inverts_the_cumulative_distribution():
    where = np.array([0.0, 0.19, 0.2, 0.69, 0.7, np.nextafter(1, 0)])
    one = np.array([0.0, 2, 5, 3, 0])
    np.testing.assert_array_equal(pick(one, where), [1, 1, 2, 2, 3, 3])
    np.testing.assert_array_equal(pick(np.tile(one, (6, 1)), where), pick(one, where))


@given(
    hnp.arrays(float, 6, elements=st.floats(0, 1)).filter(lambda p: p.sum() > 0),
    st.floats(0, 1, exclude_max=True),
)
def test_pick_never_picks_what_has_probability_0(probabilities, where):
    assert probabilities[pick(probabilities, np.array([where]))[0]] > 0
