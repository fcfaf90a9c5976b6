"""Penalties of weighting functions, by hand."""

import numpy as np
import pytest

from noisewise.theory import self_paced


def test_penalties_by_hand():
    v = np.array([0.0, 0.25, 1.0])
    assert self_paced.self_paced(v, 2.0) == pytest.approx([0, -0.5, -2])
    assert self_paced.linear(v, 2.0) == pytest.approx([0, 2 * (1 / 32 - 1 / 4), -1])
    assert self_paced.polynomial(v, 2.0, 3.0) == pytest.approx([0, 2 * (1 / 192 - 1 / 4), -4 / 3])
    assert self_paced.mixture(v, 2.0, 1.0) == pytest.approx([0, -2 * np.log(1.25), -2 * np.log(2)])
    assert self_paced.focal(v) == pytest.approx([0, 0.75 * np.log(0.5) + 0.125 + 0.5, 1.5])


def test_the_penalty_of_focal_rises_by_the_loss_that_has_the_weight():
    v = np.linspace(0.05, 0.95, 19)
    slope = (self_paced.focal(v + 1e-6) - self_paced.focal(v - 1e-6)) / 2e-6
    assert slope == pytest.approx(-np.log(1 - np.sqrt(v)), rel=1e-6)


def test_best_weights_by_hand():
    """Linear with lambda 2: at loss 0.5 the weight is 0.75, and the value 0.75 / 2 + 2 (0.28125 - 0.75)."""
    v = np.linspace(0, 1, 101)
    best, value = self_paced.lightest(np.array([0.0, 0.5, 3.0]), self_paced.linear(v, 2.0), v)
    assert best == pytest.approx([1, 0.75, 0])
    assert value == pytest.approx([-1, 0.375 + 2 * (0.28125 - 0.75), 0])
    assert self_paced.heaviest(np.array([0.5, 3.0]), 2 * v, v) == pytest.approx([0, 1])


def test_boosting_by_hand():
    """At p = 1 / 5 the loss is log 5 and the odds against the label are 4, of which AdaBoost takes the root."""
    assert self_paced.boosting_weights(np.log([1.0, 5.0])) == pytest.approx([0, 2])
    v = np.linspace(0.1, 5, 20)
    slope = (self_paced.boosting(v + 1e-6) - self_paced.boosting(v - 1e-6)) / 2e-6
    assert slope == pytest.approx(np.log1p(v**2), rel=1e-6)
    assert self_paced.boosting(np.zeros(1)) == 0
