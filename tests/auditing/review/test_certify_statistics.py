"""Intervals of a certified review, compared with closed forms and simulations; and the design of the draw."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisewise.auditing.review.certify import estimate, score
from noisewise.auditing.review.certify.design import allocation, design, interleaved, strata
from noisewise.auditing.review.certify.estimate import Reviews, mean_wrong, recall
from noisewise.auditing.review.certify.score import Shares, interval_of_ratio, interval_of_sum


def reviews(size, named, drawn, wrong, suspicion=0.0):
    """Reviews in which every suspicion of a stratum is the same, so that there is no control variate."""
    size, drawn, wrong = (np.asarray(values, float) for values in (size, drawn, wrong))
    s = np.broadcast_to(np.asarray(suspicion, float), size.shape)
    return Reviews(size, np.asarray(named, float), s, drawn, wrong, drawn * s, drawn * s**2, wrong * s)


@pytest.mark.parametrize("drawn,wrong", [(60, 0), (60, 7), (60, 30), (60, 60), (300, 12)])
def test_without_skewness_one_stratum_is_wilson(drawn, wrong, monkeypatch):
    shares = Shares.of(np.array([1e12]), np.array([drawn]), np.array([wrong]))
    shares = Shares(shares.found, shares.spread, np.zeros(1))
    p, z = wrong / drawn, score.Z
    middle, half = p + z**2 / 2 / drawn, z * np.sqrt(p * (1 - p) / drawn + z**2 / 4 / drawn**2)
    expected = np.array([middle - half, middle + half]) / (1 + z**2 / drawn)
    assert np.allclose(interval_of_sum(shares, np.ones(1)), expected, atol=1e-6)


def test_one_stratum_covers_nominally_on_average():
    from scipy.stats import binom

    n, p = 40, np.linspace(0.02, 0.5, 97)
    wrong = np.arange(n + 1)[:, None]
    shares = Shares.of(np.array([1e12]), np.array([n]), wrong)
    low, high = interval_of_sum(shares, np.ones((n + 1, 1)))
    covers = ((low[:, None] <= p) & (p <= high[:, None])) * binom.pmf(wrong, n, p)
    below = (p < low[:, None]) * binom.pmf(wrong, n, p)
    assert 0.895 < covers.sum(axis=0).mean() < 0.92
    assert 0.035 < below.sum(axis=0).mean() < 0.055


def test_known_rows_have_no_interval():
    found = mean_wrong(reviews([50, 10], [0, 1], [50, 10], [2, 9]))
    assert np.allclose(found, 11 / 60)
    assert np.allclose(recall(reviews([50, 10], [0, 1], [50, 10], [2, 9])), 9 / 11, atol=1e-9)


def test_the_interval_shrinks_to_nothing_as_the_last_rows_are_reviewed():
    widths = [np.ptp(mean_wrong(reviews([1000], [0], [drawn], [drawn // 10]))[1:]) for drawn in (100, 500, 990, 1000)]
    assert widths == sorted(widths, reverse=True)
    assert widths[2] < 0.004
    assert widths[3] == 0


counts = st.tuples(st.integers(1, 30), st.integers(0, 30), st.integers(0, 400)).map(
    lambda drawn: (drawn[0] + drawn[2], drawn[0], min(drawn[1], drawn[0]))
)


@settings(max_examples=25, deadline=None)
@given(st.lists(counts, min_size=1, max_size=5), st.data())
def test_intervals_hold_their_estimate_and_what_is_known(strata, data):
    size, drawn, wrong = np.array(strata, float).T
    named = np.array(data.draw(st.lists(st.booleans(), min_size=len(size), max_size=len(size))))
    found = reviews(size, named, drawn, wrong, np.linspace(0, 1, len(size)))
    rate = mean_wrong(found)
    assert wrong.sum() / size.sum() - 1e-9 <= rate.low <= rate.estimate + 1e-9
    assert rate.estimate - 1e-9 <= rate.high <= 1 - (drawn - wrong).sum() / size.sum() + 1e-9
    share = recall(found)
    assert 0 <= share.low <= share.high <= 1
    if wrong.sum():
        assert share.low - 1e-9 <= share.estimate <= share.high + 1e-9
    opposite = mean_wrong(reviews(size, named, drawn, drawn - wrong, 1 - np.linspace(0, 1, len(size))))
    assert np.allclose([1 - opposite.high, 1 - opposite.low], [rate.low, rate.high], atol=1e-9)


def test_a_ratio_is_tested_as_a_sum():
    shares = Shares.of(np.array([900.0, 100.0]), np.array([50, 30]), np.array([3, 21]))
    part, rest = np.array([0.0, 0.1]), np.array([0.9, 0.0])
    for end in interval_of_ratio(shares, part, rest):
        low, high = interval_of_sum(shares, (1 - end) * part - end * rest)
        assert min(abs(low), abs(high)) < 1e-6


def test_coverage_and_gain_of_a_good_and_of_a_useless_model():
    random = np.random.default_rng(0)
    wrong = random.random(2000) < 0.1
    odds = np.log(1 / 9) + 3 * random.normal(3 * wrong) - 4.5
    good = 1 / (1 + np.exp(-odds))
    width = {}
    for name, suspicion in (("good", good), ("useless", random.permutation(good))):
        found = _repeated(wrong, suspicion, 100, 400)
        inside = (found.low <= wrong.mean()) & (wrong.mean() <= found.high)
        assert 0.86 < inside.mean() < 0.99
        assert abs(found.estimate.mean() - wrong.mean()) < 0.006
        width[name] = np.mean(found.high - found.low)
    wilson = 2 * score.Z * np.sqrt(0.09 / 100 * 0.95)
    assert width["good"] < 0.6 * wilson
    assert width["useless"] < 1.08 * wilson


def _repeated(wrong, suspicion, drawn, times):
    design_ = design(suspicion, suspicion > 0.5, 0, drawn)
    count = len(design_.size)
    stratum = design_.stratum[design_.order]
    sums = []
    for seed in range(times):
        random = np.random.default_rng(seed)
        order = np.empty(drawn, dtype=int)
        for at in range(count):
            places = np.flatnonzero(stratum == at)
            order[places] = random.choice(np.flatnonzero(design_.stratum == at), len(places), replace=False)
        y, s = wrong[order].astype(float), suspicion[order]
        sums.append([np.bincount(stratum, w, minlength=count) for w in (None, y, s, s * s, s * y)])
    mean = np.bincount(design_.stratum, suspicion) / design_.size
    return mean_wrong(Reviews(design_.size, design_.named, mean, *np.array(sums, dtype=float).swapaxes(0, 1)))


def test_suspicions_that_tell_right_from_wrong_within_a_stratum_narrow_the_interval():
    s = np.linspace(0, 1, 40)
    y = (s > 0.5).astype(float)
    sums = [np.array([float(values.sum())]) for values in (np.ones(40), y, s, s * s, s * y)]
    one = Reviews(np.array([4000.0]), np.zeros(1), np.array([0.4]), *sums)
    told = mean_wrong(one)
    apart = mean_wrong(reviews([4000], [0], [40], [20]))
    assert told.high - told.low < 0.7 * (apart.high - apart.low)
    assert told.estimate < apart.estimate == 0.5


def test_few_wrong_labels_make_little_of_the_control_variate(monkeypatch):
    s = np.linspace(0, 1, 40)
    y = (s == 1).astype(float)
    sums = [np.array([float(values.sum())]) for values in (np.ones(40), y, s, s * s, s * y)]
    one = Reviews(np.array([4000.0]), np.zeros(1), np.array([0.4]), *sums)
    alone, shrunk = 1 / 40, mean_wrong(one)
    monkeypatch.setattr(estimate, "EVIDENCE", 0.0)
    whole = mean_wrong(one)
    assert 0 < alone - shrunk.estimate == pytest.approx((alone - whole.estimate) / 5)
    assert shrunk.high - shrunk.low > whole.high - whole.low


def test_every_front_of_the_order_is_a_stratified_sample():
    random = np.random.default_rng(3)
    suspicion = random.beta(0.3, 3, 3000)
    found = design(suspicion, suspicion > 0.4, 7)
    assert len(found.order) == len(set(found.order.tolist())) == 3000
    again = design(suspicion, suspicion > 0.4, 7, draws=80)
    assert len(set(again.order.tolist())) == 80
    assert found.stratum[again.order].tolist() == found.stratum[found.order[:80]].tolist()
    assert set(found.stratum[found.order[: len(found.size)]]) == set(range(len(found.size)))
    assert (found.size == np.bincount(found.stratum)).all()
    for at, named in enumerate(found.named):
        inside = suspicion[found.stratum == at]
        assert ((inside > 0.4) == named).all()
        outside = suspicion[(found.stratum != at) & ((suspicion > 0.4) == named)]
        assert not ((outside > inside.min()) & (outside < inside.max())).any()
    other = design(suspicion, suspicion > 0.4, 8)
    assert other.order[:50].tolist() != found.order[:50].tolist()


def test_counts_stay_close_to_their_shares():
    share, size = np.array([0.7, 0.2, 0.1]), np.array([1000, 1000, 5])
    sequence = interleaved(share, size, 200)
    for stop in (10, 25, 40):
        assert np.abs(np.bincount(sequence[:stop], minlength=3) - stop * share).max() <= 1
    assert np.bincount(sequence)[2] == 5


def test_mixed_allocation_lies_between_proportional_and_neyman():
    counts = np.zeros((2, 10_001), dtype=int)
    counts[0, 0], counts[1, 5000] = 900, 100
    share = allocation(counts)
    assert 0.1 < share[1] < 1
    assert share.sum() == pytest.approx(1)


@pytest.mark.parametrize("suspicion", [np.zeros(40), np.ones(7), np.full(3, np.nan), np.array([0.2])])
def test_one_stratum_where_all_are_equally_suspect(suspicion):
    found = design(suspicion, suspicion > 0.5, 0)
    assert found.size.tolist() == [len(suspicion)]
    assert sorted(found.order.tolist()) == list(range(len(suspicion)))


def test_boundaries_are_the_best_ones():
    counts = np.zeros(10_001, dtype=int)
    counts[[0, 100, 4900, 5100]] = [50, 50, 50, 50]
    assert strata(counts, 2)[[0, 100, 4900, 5100]].tolist() == [0, 0, 1, 1]
    assert strata(counts, 1).max() == 0
