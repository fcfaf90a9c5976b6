import tracemalloc

import numpy as np
import pytest
from sklearn.datasets import load_digits

from noisewise import allowance
from noisewise.errors import BadInput
from noisewise.theory import minimum_norm
from noisewise.theory.minimum_norm import ConjugateGradients, descend, gaussian_gram, interpolate, least_norm


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


def test_random_labels_need_a_larger_norm(digits):
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
    found = interpolate(x, y, 0.1, ConjugateGradients(rank=400, on_step=lambda step, size: seen.append(size)))
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
    with pytest.raises(BadInput, match="a row of values per point"):
        interpolate(np.zeros((3, 2)), np.zeros(3), 1.0)


def test_gram_into_given_memory():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(5, 3))
    out = np.empty((4, 5))
    assert gaussian_gram(x, y, 0.3, out=out) is out
    assert out == pytest.approx(np.exp(-0.3 * ((x[:, None] - y[None]) ** 2).sum(axis=2)))


def test_memory_is_as_stated(monkeypatch):
    """At most twice the Gram matrix in float64, and once in float32 in addition to blocks and the low-rank factor."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1500, 5)), rng.normal(size=(1500, 2))

    def peak():
        tracemalloc.start()
        interpolate(x, y, 1.0, ConjugateGradients(rank=20, steps=2))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak() <= 2.2 * 8 * 1500**2
    monkeypatch.setattr(minimum_norm, "DIRECT", 100)
    monkeypatch.setattr(minimum_norm, "BLOCK", 100)
    assert peak() <= 1.3 * 4 * 1500**2


def test_two_points_by_hand():
    """The Gram matrix [[1, g], [g, 1]] with values (1, -1): alpha = (1, -1) / (1 - g), norm^2 = 2 / (1 - g)."""
    g = np.exp(-0.5)
    found = interpolate(np.array([[0.0], [1.0]]), np.array([[1.0], [-1.0]]), 0.5)
    assert found.alpha[:, 0] == pytest.approx(np.array([1, -1]) / (1 - g))
    assert found.norm == pytest.approx(np.sqrt(2 / (1 - g)))


def test_gradient_descent_keeps_the_component_orthogonal_to_the_points():
    x, y = np.array([[1.0, 0.0, 0.0]]), np.array([[2.0]])
    found = descend(x, y, epochs=5, start=np.array([[7.0], [3.0], [-1.0]]))
    assert found[:, 0] == pytest.approx([2.0, 3.0, -1.0])


def test_interrupted_iterations_go_on_to_the_same_bits(monkeypatch, tmp_path):
    monkeypatch.setattr(minimum_norm, "DIRECT", 10)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 3)), rng.normal(size=(60, 2))
    whole = interpolate(x, y, 0.5, ConjugateGradients(rank=5, steps=30))
    assert whole.steps > 10
    moments = iter(range(1000))
    monkeypatch.setattr(allowance, "now", lambda: float(next(moments)))
    solver = ConjugateGradients(rank=5, steps=30, checkpoint=tmp_path / "iterations.npz")
    with allowance.allowing(allowance.Allowance(until=5.5)), pytest.raises(allowance.OutOfTime):
        interpolate(x, y, 0.5, solver)
    with np.load(solver.checkpoint) as state:
        assert 0 < state["step"] < whole.steps
    again = interpolate(x, y, 0.5, solver)
    assert (again.alpha == whole.alpha).all()
    assert again.steps == whole.steps
