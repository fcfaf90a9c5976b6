import math

import numpy as np
import pandas as pd
import pytest

from noisewise.errors import BadInput
from noisewise.studies import Estimate
from noisewise.studies.harness.statistics import (
    accuracies,
    difference,
    exact,
    gap,
    jackknife,
    mean,
    ratio,
    share,
    spearman,
)


def test_rank_correlation_by_hand():
    assert spearman(np.array([0.0, 0.5, 1.0]), np.array([3.0, 5.0, 4.0])) == pytest.approx(0.5)
    assert spearman(np.array([0.0, 0.5, 1.0]), np.array([1.0, 4.0, 4.0])) == pytest.approx(math.sqrt(3) / 2)
    assert math.isnan(spearman(np.array([0.0, 1.0]), np.array([1.0, 1.0])))
    assert math.isnan(spearman(np.array([0.0, 1.0]), np.array([1.0, np.nan])))


def test_a_mean_knows_its_error():
    found = mean([1.0, 2.0, 6.0])
    assert (found.value, found.error, found.n) == (3.0, pytest.approx(math.sqrt(7 / 3)), 3)
    assert mean([2.0]) == Estimate(2.0, None, 1)
    assert math.isnan(float(mean([])))
    assert math.isnan(float(mean([1.0, math.nan])))
    assert exact(0.5) == Estimate(0.5, 0.0)


def test_pairs_are_compared_pair_by_pair():
    assert difference([3.0, 5.0], [1.0, 1.0]) == Estimate(3.0, 1.0, 2)
    a, b = pd.Series({"x": 3.0, "y": 5.0}), pd.Series({"y": 1.0, "x": 1.0})
    assert difference(a, b) == Estimate(3.0, 1.0, 2)
    assert math.isnan(float(difference(a, b.drop("x"))))
    with pytest.raises(BadInput, match="are no pairs"):
        difference([1.0, 2.0], [1.0])


def test_shares_of_rows_never_have_the_error_zero():
    found = share(50, 100)
    assert (found.value, found.error, found.n) == (0.5, pytest.approx(0.05, rel=0.03), 100)
    for k in (0, 1000):
        assert share(k, 1000).error == pytest.approx(math.sqrt(2) / 1000, rel=0.01)
    assert accuracies(0.5, 100) == accuracies([0.4, 0.6], 100) == share(50, 100)
    assert gap(0.5, 0.25, 100).error == pytest.approx(math.hypot(share(50, 100).error, share(25, 100).error))
    assert float(gap([0.5, 0.7], 0.25, 100)) == pytest.approx(0.35)


def test_errors_cover_the_truth_as_often_as_they_say():
    draws = np.random.default_rng(0).normal(size=(2000, 5))
    for estimate in (mean, lambda values: jackknife(np.mean, list(values))):
        found = [estimate(values) for values in draws]
        above = np.mean([one.value - one.margin > 0 for one in found])
        assert above == pytest.approx(0.05, abs=0.015)


def test_the_error_of_a_ratio_is_that_of_draws():
    draws = np.random.default_rng(0).normal([4.0, 2.0], [0.4, 0.1], size=(2000, 25, 2))
    found = [ratio(one[:, 0], one[:, 1]) for one in draws]
    assert np.mean([float(one) for one in found]) == pytest.approx(2, abs=0.01)
    assert np.mean([one.error for one in found]) == pytest.approx(np.std([float(one) for one in found]), rel=0.05)
    assert found[0].n == 25
    assert ratio([1.0], [2.0]).error is None
