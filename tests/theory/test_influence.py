"""Influence functions, by hand, by differences and by retraining."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from noisewise.errors import BadInput
from noisewise.theory.influence import Regression, changes, conjugate_gradients, lissa, self_influence


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    return x[order] / 16, y[order]


@pytest.fixture(scope="module", params=[2, 4])
def fitted(request):
    """A small regression of two classes, and of four."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 3)), rng.integers(request.param, size=30)
    return Regression.fit(x, y, request.param, 0.05)


def test_two_rows_by_hand():
    """x = 1, y = 1 and x = -1, y = 0: losses log(1 + exp(-w)), so w solves strength w = 1 / (1 + exp(w))."""
    fitted = Regression.fit(np.array([[1.0], [-1.0]]), np.array([1, 0]), 2, 0.5)
    w = fitted.weights[0, 0]
    assert 0.5 * w == pytest.approx(1 / (1 + np.exp(w)), abs=1e-10)
    p = 1 / (1 + np.exp(-w))
    assert fitted.objective() == pytest.approx(np.log(1 + np.exp(-w)) + 0.25 * w**2)
    assert fitted.gradients(fitted.x, fitted.y)[:, 0] == pytest.approx([p - 1, p - 1])
    hessian = p * (1 - p) + 0.5
    assert fitted.hessian() == pytest.approx(np.array([[hessian]]))
    solved = fitted.solve(np.array([[2.0]]))
    assert solved[0, 0] == pytest.approx(2 / hessian)
    lone = p - 1 + 0.5 * w
    assert changes(fitted, solved)[:, 0] == pytest.approx([lone * 2 / hessian / 2] * 2, abs=1e-10)
    assert self_influence(fitted) == pytest.approx([(p - 1) * lone / hessian / 2] * 2, abs=1e-10)


def test_gradients_and_hessian_by_differences(fitted):
    step, weights = 1e-5, fitted.weights

    def at(flat):
        return Regression(fitted.x, fitted.y, fitted.classes, fitted.strength, flat.reshape(weights.shape))

    units = np.eye(weights.size) * step
    pairs = [(at(weights.ravel() + unit), at(weights.ravel() - unit)) for unit in units]
    by_loss = [(a.losses(a.x, a.y) - b.losses(b.x, b.y)) / (2 * step) for a, b in pairs]
    gradients = fitted.gradients(fitted.x, fitted.y)
    assert gradients == pytest.approx(np.array(by_loss).T, abs=1e-8)
    by_slope = np.array([(a.slope() - b.slope()) / (2 * step) for a, b in pairs])
    assert fitted.hessian() == pytest.approx(by_slope, abs=1e-8)
    assert np.linalg.norm(fitted.slope()) <= 1e-10
    assert fitted.weights.shape[1] == (1 if fitted.classes == 2 else 4)


def test_products_are_those_of_the_matrix(fitted):
    v = np.random.default_rng(1).normal(size=(fitted.weights.size, 2))
    assert fitted.product(v) == pytest.approx(fitted.hessian() @ v)
    rows = np.array([3, 3, 7])
    some = Regression(fitted.x[rows], fitted.y[rows], fitted.classes, fitted.strength, fitted.weights)
    assert fitted.product(v, rows) == pytest.approx(some.hessian() @ v)


def test_solvers_agree(fitted):
    v = np.random.default_rng(1).normal(size=(fitted.weights.size, 2))
    exact = np.linalg.solve(fitted.hessian(), v)
    assert fitted.solve(v) == pytest.approx(exact)
    assert conjugate_gradients(fitted, v, tolerance=1e-10) == pytest.approx(exact, abs=1e-8)
    error = np.linalg.norm(lissa(fitted, v, depth=1000, repeats=10) - exact) / np.linalg.norm(exact)
    assert 0 < error < 0.05


def test_lissa_on_all_rows_is_a_series():
    """With one row no chance is left: h_2 = v + (1 - H / s)(v + (1 - H / s) v)."""
    fitted = Regression.fit(np.array([[2.0]]), np.array([1]), 2, 0.1)
    bound, v = 0.25 * 4 + 0.1, np.array([[1.0]])
    ratio = 1 - fitted.hessian()[0, 0] / bound
    assert lissa(fitted, v, depth=2, batch=1, repeats=3)[0, 0] == pytest.approx((1 + ratio + ratio**2) / bound)


def test_leaving_out_is_training_without(fitted):
    found = fitted.without(5)
    kept = np.delete(np.arange(30), 5)
    again = Regression.fit(fitted.x[kept], fitted.y[kept], fitted.classes, 0.05)
    assert found.weights == pytest.approx(again.weights, abs=1e-8)
    assert np.abs(found.weights - fitted.weights).max() > 1e-4


@pytest.mark.parametrize("labels", ["parity", "classes"])
def test_influence_predicts_retraining(digits, labels):
    """Claim I1 on the rows of the calibration: 400 digits, strength 0.01, the 100 largest predicted changes."""
    x, y = digits
    y = y % 2 if labels == "parity" else y
    fitted = Regression.fit(x[:400], y[:400], 2 if labels == "parity" else 10, 0.01)
    test, label = x[400:401], y[400:401]
    predicted = changes(fitted, fitted.solve(fitted.gradients(test, label).T))[:, 0]
    top = np.argsort(-np.abs(predicted))[:100]
    before = fitted.losses(test, label)[0]
    found = [fitted.without(row).losses(test, label)[0] - before for row in top]
    assert np.corrcoef(predicted[top], found)[0, 1] >= 0.98
    assert np.polyfit(predicted[top], found, 1)[0] == pytest.approx(1.0, abs=0.25)


def test_self_influence_is_the_rise_of_the_own_loss(digits):
    x, y = digits
    fitted = Regression.fit(x[:400], y[:400] % 2, 2, 0.1)
    predicted, before = self_influence(fitted), fitted.losses(fitted.x, fitted.y)
    rows = np.argsort(-predicted)[:20]
    found = [fitted.without(row).losses(fitted.x[[row]], fitted.y[[row]])[0] - before[row] for row in rows]
    assert np.array(found) == pytest.approx(predicted[rows], rel=0.1)


def test_bad_input(fitted):
    x, y = np.zeros((3, 2)), np.array([0, 1, 1])
    for arguments, message in (
        ((x, y, 2, 0.0), "strength="),
        ((x, y, 1, 1.0), "classes="),
        ((x, y[:2], 2, 1.0), "x has shape"),
        ((x, np.array([0, 1, 2]), 2, 1.0), "labels from 0 to 2"),
    ):
        with pytest.raises(BadInput, match=message):
            Regression.fit(*arguments)
    v = np.random.default_rng(0).normal(size=(fitted.weights.size, 1))
    with pytest.raises(BadInput, match="steps=1 are too few"):
        conjugate_gradients(fitted, v, steps=1)
    with pytest.raises(BadInput, match="depth=0"):
        lissa(fitted, v, depth=0)
