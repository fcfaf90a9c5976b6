"""Hypergradients against the closed form of ridge regression, and against differences of whole trainings."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from noisewise.errors import BadInput
from noisewise.training.meta.bilevel import Bilevel, conjugate_gradients

LR, MOMENTUM = 0.2, 0.8


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def ridge(x: Tensor, y: Tensor, trusted_x: Tensor, trusted_y: Tensor, decays: Tensor) -> tuple[Bilevel, Tensor, Tensor]:
    """Ridge regression with a decay for every weight: a problem whose hypergradient has a closed form.

    L(w, h) = |x w - y|^2 / 2n + sum_p h_p w_p^2 / 2 and E(w) = |x' w - y'|^2 / 2n', so that w* = A^-1 x^T y / n with
    A = x^T x / n + diag(h), and dE/dh_p = -w*_p (A^-1 grad E(w*))_p.

    Args:
        x: (n, P).
        y: (n,).
        trusted_x: (n', P).
        trusted_y: (n',).
        decays: (P,) h, or (1,) for all weights.

    Returns:
        The problem, (P,) w* and (M,) the derivative of the goal at w*.
    """

    def loss(w: Tensor, h: Tensor) -> Tensor:
        return (x @ w - y).square().mean() / 2 + (h * w.square()).sum() / 2

    def goal(w: Tensor) -> Tensor:
        return (trusted_x @ w - trusted_y).square().mean() / 2

    system = x.T @ x / len(x) + torch.diag(decays.expand(x.shape[1]))
    w = torch.linalg.solve(system, x.T @ y / len(x))
    by_decay = -w * torch.linalg.solve(system, trusted_x.T @ (trusted_x @ w - trusted_y) / len(trusted_x))
    return Bilevel(loss, goal), w, by_decay if len(decays) > 1 else by_decay.sum()[None]


@pytest.fixture(params=[torch.tensor([0.3]), torch.tensor([0.1, 0.4, 0.2])], ids=["one", "each"])
def regression(request):
    """A ridge regression with one decay, or one for each of three weights."""
    decays = request.param.double()
    x, trusted = drawn(12, 3), drawn(7, 3, seed=1)
    y, trusted_y = x.sum(dim=1) + drawn(12, seed=2), trusted.sum(dim=1)
    return *ridge(x, y, trusted, trusted_y, decays), decays


@pytest.fixture
def bent():
    """A small network with a decay for each of its two layers, which is no convex problem."""
    x, y, trusted, trusted_y = drawn(9, 2), drawn(9, seed=1), drawn(6, 2, seed=2), drawn(6, seed=3)

    def out(w, rows):
        return (rows @ w[:6].reshape(2, 3)).tanh() @ w[6:]

    def loss(w, h):
        return (out(w, x) - y).square().mean() + h[0] * w[:6].square().sum() / 2 + h[1] * w[6:].square().sum() / 2

    return Bilevel(loss, lambda w: (out(w, trusted) - trusted_y).square().mean()), drawn(9, seed=4)


def test_ridge_by_hand():
    """x = y = 1, x' = 1, y' = 0: w* = 1 / (1 + h), E = w*^2 / 2, dE/dh = -w*^3."""
    one, zero = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    _, w, slope = ridge(one, one[0], one, zero, torch.tensor([0.25], dtype=torch.float64))
    assert w.item() == pytest.approx(0.8)
    assert slope.item() == pytest.approx(-(0.8**3))


def test_long_trainings_end_at_the_closed_form(regression):
    problem, minimum, slope, decays = regression
    start = torch.zeros(3, dtype=torch.float64)
    for way in (problem.by_forward, problem.by_reverse):
        w, found = way(start, decays, 400, LR)
        assert_close(w, minimum, rtol=1e-9, atol=1e-12)
        assert_close(found, slope, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("solver", [{}, {"solver": "neumann", "lr": LR}])
def test_implicit_hypergradients_equal_the_closed_form(regression, solver):
    problem, minimum, slope, decays = regression
    assert_close(problem.at_minimum(minimum, decays, **solver), slope, rtol=1e-8, atol=1e-12)


def test_a_short_neumann_series_is_the_derivative_of_a_short_training(regression):
    """From the minimum, K terms are what K steps pass on (Lorraine et al., theorem 1)."""
    problem, minimum, _, decays = regression
    series = problem.at_minimum(minimum, decays, "neumann", steps=7, lr=LR)
    assert_close(problem.by_forward(minimum, decays, 7, LR)[1], series, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("momentum", [0.0, MOMENTUM])
def test_unrolled_hypergradients_are_those_of_differences(bent, momentum):
    problem, start = bent
    hyper = torch.tensor([0.05, 0.2], dtype=torch.float64)

    def goal(change):
        return problem.goal(problem.descend(start, hyper + change, 25, LR, momentum))

    slopes = torch.stack([(goal(e) - goal(-e)) / 2e-5 for e in 1e-5 * torch.eye(2, dtype=torch.float64)])
    for way in (problem.by_forward, problem.by_reverse):
        w, found = way(start, hyper, 25, LR, momentum)
        assert_close(w, problem.descend(start, hyper, 25, LR, momentum))
        assert_close(found, slopes, rtol=1e-5, atol=1e-8)


def test_the_derivative_by_the_last_step_is_that_of_a_training_of_one_step(bent):
    problem, start = bent
    hyper = torch.tensor([0.05, 0.2], dtype=torch.float64)
    assert_close(problem.of_last_step(start, hyper, LR), problem.by_forward(start, hyper, 1, LR)[1])


def test_conjugate_gradients_stop_where_the_matrix_is_not_positive():
    found = conjugate_gradients(lambda v: -v, torch.ones(2), 5, 1e-10)
    assert found.tolist() == [0.0, 0.0]


def test_an_unknown_solver_is_refused(bent):
    problem, start = bent
    with pytest.raises(BadInput, match="must be conjugate-gradients, or neumann with lr=None a number"):
        problem.at_minimum(start, torch.ones(2, dtype=torch.float64), "neumann")
