import numpy as np
import pytest
from sklearn.datasets import load_digits

from noisewise.errors import BadInput
from noisewise.theory import minimum_norm
from noisewise.theory.minimum_norm import descend, gaussian_gram, interpolate, least_norm


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order] / 16, y[order]
    return x[:1297], np.eye(10)[y[:1297]], x[1297:], y[1297:]


def test_gram_by_hand():
    found = gaussian_gram(np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 1.0]]), 0.5)
    assert found == pytest.approx(np.array([[np.exp(-0.5)], [np.exp(-0.5)]]))


def test_digits_are_interpolated_and_generalise(digits):
    x, y, test, labels = digits
    found = interpolate(x, y, 0.1)
    assert found.residual < 1e-6
    assert (found(x).argmax(axis=1) == y.argmax(axis=1)).all()
    assert (found(test).argmax(axis=1) != labels).mean() <= 0.02


def test_random_labels_cost_norm(digits):
    x, y, _, _ = digits
    true = interpolate(x, y, 0.1).norm
    shuffled = interpolate(x, np.random.default_rng(0).permutation(y), 0.1)
    assert shuffled.residual < 1e-6
    assert shuffled.norm / true >= 3


def test_iterating_comes_to_the_same(digits, monkeypatch):
    x, y, test, _ = digits
    exact = interpolate(x, y, 0.1)
    monkeypatch.setattr(minimum_norm, "DIRECT", 100)
    monkeypatch.setattr(minimum_norm, "BLOCK", 200)
    seen = []
    found = interpolate(x, y, 0.1, rank=400, tolerance=1e-3, on_step=lambda step, size: seen.append(size))
    assert found.steps == len(seen) < 300
    assert seen[-1] < 1e-3
    assert found(test) == pytest.approx(exact(test), abs=0.05)
    assert found.norm == pytest.approx(exact.norm, rel=0.05)


def test_gradient_descent_from_zero_finds_the_least_norm():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 200)), rng.normal(size=(60, 3))
    found, least = descend(x, y, epochs=400), least_norm(x, y)
    assert x @ found == pytest.approx(y, abs=1e-6)
    assert np.abs(found - least).max() <= 1e-6


def test_bad_input():
    with pytest.raises(BadInput, match="gamma="):
        interpolate(np.zeros((3, 2)), np.zeros((3, 1)), 0.0)
    with pytest.raises(BadInput, match="a line of values per point"):
        interpolate(np.zeros((3, 2)), np.zeros(3), 1.0)
