import numpy as np
import pytest
from scipy.special import log_softmax

from noisewise.errors import BadInput
from noisewise.theory.stability import SOFTMAX_LIPSCHITZ, replacement_bound, softmax_regression


def problem(n=30, d=4, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True), rng.integers(classes, size=n)


def test_bound_by_hand():
    assert replacement_bound(2.0, 3.0, 0.5, 72) == pytest.approx(1.0)
    assert replacement_bound(SOFTMAX_LIPSCHITZ, 1.0, 0.01, 1000) == pytest.approx(0.2)


def test_softmax_regression_is_where_the_gradient_ends():
    x, y = problem()
    w = softmax_regression(x, y, 3, 0.05)
    excess = np.exp(log_softmax(x @ w, axis=1)) - np.eye(3)[y]
    assert np.abs(x.T @ excess / len(x) + 0.1 * w).max() < 1e-7


def test_softmax_regression_of_one_point_by_hand():
    """x = 1, y = 0, K = 2: w = (a, -a) with 2 strength a = 1 / (1 + e^2a); at a = 0.5 strength = 1 / (1 + e)."""
    w = softmax_regression(np.ones((1, 1)), np.array([0]), 2, 1 / (1 + np.e))
    assert w[0] == pytest.approx([0.5, -0.5], abs=1e-6)


@pytest.mark.parametrize("strength", [0.01, 0.1, 3.0])
def test_no_replacement_exceeds_the_bound(strength):
    x, y = problem()
    asked = [(x[i], k) for i in range(10) for k in range(3)]
    bound = replacement_bound(SOFTMAX_LIPSCHITZ, 1.0, strength, len(x))

    def losses(x, y):
        w = softmax_regression(x, y, 3, strength)
        return np.array([-log_softmax(point @ w)[k] for point, k in asked])

    base = losses(x, y)
    largest = 0.0
    for i in range(5):
        others, labels = x.copy(), y.copy()
        others[i], labels[i] = -x[i], (y[i] + 1) % 3
        largest = max(largest, np.abs(losses(others, labels) - base).max())
    assert 0.01 * bound < largest <= bound


@pytest.mark.parametrize("position", range(4))
def test_bad_input(position):
    given = [1.0, 1.0, 1.0, 10]
    given[position] = 0
    with pytest.raises(BadInput, match="must be above 0"):
        replacement_bound(*given)
    with pytest.raises(BadInput, match="strength=0"):
        softmax_regression(np.ones((2, 1)), np.array([0, 1]), 2, 0)
