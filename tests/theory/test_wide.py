import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from noisewise.errors import BadInput
from noisewise.theory.wide import (
    Spectrum,
    TwoLayer,
    descend_two_layer,
    distinct,
    infinite_gram,
    sampled_gram,
    unit_rows,
)


@pytest.fixture(scope="module")
def digits():
    """1,000 digits of length one, and whether they are even."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))[:1000]
    return unit_rows(x[order]), np.where(y[order] % 2 == 0, 1.0, -1.0)


@pytest.fixture(scope="module")
def spectrum(digits):
    return Spectrum.of(infinite_gram(digits[0]))


def test_rows_of_length_one():
    assert unit_rows(np.array([[[3], [4]], [[0], [2]]])).tolist() == [[0.6, 0.8], [0.0, 1.0]]
    with pytest.raises(BadInput, match=r"row 1 has length 0\.0"):
        unit_rows(np.array([[1.0, 0.0], [0.0, 0.0]]))
    with pytest.raises(BadInput, match="row 0 has length nan"):
        unit_rows(np.array([[np.nan, 0.0]]))


def test_gram_by_hand():
    """At angles 0, 60, 90 and 180 degrees: 1/2, 1/2 (pi - pi/3) / (2 pi) = 1/6, 0 and 0."""
    x = np.array([[1.0, 0.0], [0.5, 0.75**0.5], [0.0, 1.0], [-1.0, 0.0]])
    assert infinite_gram(x)[0] == pytest.approx([1 / 2, 1 / 6, 0, 0], abs=1e-12)
    assert infinite_gram(x[:1], x[1:])[0] == pytest.approx([1 / 6, 0, 0], abs=1e-12)
    assert (np.diag(infinite_gram(x)) == 0.5).all()


def test_closed_form_is_the_expectation(digits):
    x = digits[0][:100]
    assert sampled_gram(x, 100_000) == pytest.approx(infinite_gram(x), abs=0.01)
    assert sampled_gram(x, 10) != pytest.approx(infinite_gram(x), abs=0.05)
    with pytest.raises(BadInput, match="draws=0"):
        sampled_gram(x, 0)


def test_near_duplicates():
    x = unit_rows(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1e-4], [1.0, 0.1], [-1.0, 0.0], [0.0, 3.0]]))
    assert distinct(x).tolist() == [0, 1, 3, 4]
    assert distinct(x, 0.01).tolist() == [0, 1, 4]


def test_a_chain_of_near_duplicates_is_compared_with_kept_rows():
    angles = np.array([0.0, 0.08, 0.16])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert distinct(x, 1 - np.cos(0.1)).tolist() == [0, 2]


def test_dynamics_by_hand():
    """Eigenvalues 2 and 1 at a rate of 1/2: the factors per step are 0 and 1/2."""
    found, y = Spectrum.of(np.diag([1.0, 2.0])), np.array([1.0, 3.0])
    assert found.values.tolist() == [2.0, 1.0]
    assert found.residuals(y, 0.5, [0, 1, 2]) == pytest.approx(np.array([[1, 3], [0.5, 0], [0.25, 0]]))
    assert found.residual_norms(y, 0.5, [0, 1, 2]) == pytest.approx([10**0.5, 0.5, 0.25])
    assert found.energies(y) == pytest.approx([0.9, 0.1])
    assert np.abs(found.worst) == pytest.approx([2**0.5, 0])
    assert found.distance(y, 0.5, 2) == pytest.approx((9 / 2 + 0.75**2) ** 0.5)
    assert found.steps_to(y, 0.5, 0.03) == 1
    assert found.steps_to(y, 0.5, 0.02) == 2
    assert found.steps_to(y, 0.5, 1e-6) == 9
    assert found.steps_to(y, 0.5, 1e-6, limit=5) == 5


def test_complexity_by_hand():
    """Y . H^-1 y = 1/1 + 9/2; what is below the floor is raised to it and counted."""
    y = np.array([1.0, 3.0])
    assert Spectrum.of(np.diag([1.0, 2.0])).complexity(y).value == pytest.approx(5.5**0.5)
    found = Spectrum.of(np.diag([0.0, 2.0])).complexity(y, floor=0.01)
    assert found.value == pytest.approx((1 / 0.02 + 4.5) ** 0.5)
    assert (found.clipped, found.smallest) == (1, 0.0)
    assert found.share == pytest.approx(0.1)


def test_complexity_of_digits(digits, spectrum):
    """Measured independently: 1.99 for parity, 6.81 (standard deviation 0.14 at most) for random labels."""
    y = digits[1]
    drawn = np.random.default_rng(1).choice([-1.0, 1.0], size=(5, len(y)))
    assert spectrum.values[[0, -1]] == pytest.approx([261.1, 0.0154], rel=0.01)
    assert spectrum.complexity(y).value == pytest.approx(1.99, abs=0.05)
    assert np.mean([spectrum.complexity(one).value for one in drawn]) == pytest.approx(6.81, abs=0.3)
    assert spectrum.complexity(y).clipped == 0


def test_speed_on_digits(digits, spectrum):
    """Measured independently: 563 steps to a tenth for parity, 19,570 for the worst labels; 0.564 in 10 directions."""
    y, rate = digits[1], 1 / spectrum.values[0]
    assert spectrum.steps_to(y, rate, 0.1) == pytest.approx(563, rel=0.02)
    assert spectrum.steps_to(spectrum.worst, rate, 0.1) == pytest.approx(19_570, rel=0.02)
    assert spectrum.energies(y)[:10].sum() == pytest.approx(0.564, abs=0.01)


@pytest.mark.parametrize("mirrored", [True, False])
def test_descent_is_that_of_the_weights(mirrored):
    rng, d, width, kappa = np.random.default_rng(5), 4, 6, 0.7
    x, y = unit_rows(rng.normal(size=(5, d))), rng.normal(size=5)
    found = descend_two_layer(x, y, TwoLayer(width, kappa, mirrored, seed=3), rate=0.3, steps=20)
    draw, drawn = np.random.default_rng(3), 3 if mirrored else 6
    w = kappa * draw.standard_normal((d, drawn), dtype=np.float32)
    a = draw.choice([-1.0, 1.0], size=drawn)
    if mirrored:
        w, a = np.concatenate([w, w], axis=1), np.concatenate([a, -a])
    start = torch.tensor(w, dtype=torch.float64)
    moved, points, values = start.clone().requires_grad_(), torch.tensor(x), torch.tensor(y)
    norms = []
    for step in range(21):
        residual = torch.relu(points @ moved) @ torch.tensor(a) / width**0.5 - values
        norms.append(float(residual.detach().norm()))
        (gradient,) = torch.autograd.grad(0.5 * (residual**2).sum(), moved)
        if step < 20:
            moved = (moved - 0.3 * gradient).detach().requires_grad_()
    assert found.residual_norms == pytest.approx(norms, rel=1e-4)
    assert found.distance == pytest.approx(float((moved - start).detach().norm()), rel=1e-4)
    assert np.linalg.norm(found.outputs - y) == pytest.approx(norms[-1], rel=1e-4)
    if mirrored:
        assert found.residual_norms[0] == pytest.approx(np.linalg.norm(y), rel=1e-6)


def test_wide_networks_follow_the_prediction(digits):
    x, y = digits[0][:60], digits[1][:60]
    some = Spectrum.of(infinite_gram(x))
    rate = 1 / some.values[0]
    predicted = some.residual_norms(y, rate, range(51))
    off = {}
    for width in (128, 4096):
        found = descend_two_layer(x, y, TwoLayer(width), rate=rate, steps=50)
        off[width] = np.abs(found.residual_norms / predicted - 1).max()
    assert off[4096] < 0.05 < off[128]
    assert found.distance == pytest.approx(some.distance(y, rate, 50), rel=0.05)


def test_bad_input():
    some, y = Spectrum.of(np.eye(2)), np.ones(2)
    with pytest.raises(BadInput, match=r"rate=2\.0"):
        some.residuals(y, 2.0, [1])
    with pytest.raises(BadInput, match="share=1"):
        some.steps_to(y, 0.5, 1)
    with pytest.raises(BadInput, match="floor=0"):
        some.complexity(y, 0)
    for gram in (np.ones((2, 3)), np.array([[1.0, 2.0], [0.0, 1.0]])):
        with pytest.raises(BadInput, match="must be a symmetric matrix"):
            Spectrum.of(gram)
    with pytest.raises(BadInput, match="width=3"):
        TwoLayer(width=3)
    with pytest.raises(BadInput, match="kappa=0"):
        TwoLayer(width=2, kappa=0)
