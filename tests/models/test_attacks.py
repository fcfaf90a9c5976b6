"""Attacks on losses whose worst inputs are known in closed form."""

import pytest
import torch
from torch.testing import assert_close

from noisewise.models.attacks import Ascent, aimed, loss_of

W = torch.tensor([[3.0, -4.0, 0.0]])
X = torch.tensor([[0.2, 0.5, 0.9]])


def linear(moved):
    """The gradient of w x, for any x."""
    return W.expand_as(moved)


@pytest.mark.parametrize("start", [X, X + 0.7])
def test_a_linear_loss_is_largest_at_the_end_of_the_ball(start):
    cube = Ascent(0.1, 10).climb(linear, X, start)
    assert_close(cube[:, :2], torch.tensor([[0.3, 0.4]]))
    ball = Ascent(0.1, 40, step_size=0.05, norm="l2").climb(linear, X, start)
    assert_close(ball, X + 0.1 * W / 5, atol=2e-3, rtol=0)
    assert Ascent.length(ball - X, 1.0).item() == pytest.approx(0.1, abs=1e-6)


def test_one_step_from_the_input_is_the_sign_of_the_gradient():
    assert_close(Ascent(0.1, 1).climb(linear, X, X), X + 0.1 * W.sign())
    assert_close(Ascent(0.1, 1, step_size=0.05, norm="l2").climb(linear, X, X), X + 0.05 * W / 5)


def test_units_and_boxes():
    """In units of half, a change of 0.1 is 0.05; the gradient by the change is half as large where the unit is."""
    unit, box = torch.tensor([0.5, 1.0, 0.0]), (torch.zeros(1), torch.ones(1))
    cube = Ascent(0.8, 10).climb(linear, X, X, unit, box)
    assert_close(cube, torch.tensor([[0.6, 0.0, 0.9]]))
    ball = Ascent(0.1, 1, step_size=0.1, norm="l2").climb(linear, X, X, unit)
    along = torch.tensor([[1.5, -4.0, 0.0]])
    assert_close(ball, X + 0.1 * unit * along / along.norm())
    assert Ascent.length(ball - X, unit).item() == pytest.approx(0.1, abs=1e-6)


def test_no_gradient_moves_nothing_and_tiny_ones_count():
    still = Ascent(0.1, 3, norm="l2").climb(torch.zeros_like, X, X)
    assert_close(still, X)
    tiny = Ascent(0.1, 1, step_size=0.1, norm="l2").climb(lambda moved: 1e-30 * W, X, X)
    assert_close(tiny, X + 0.1 * W / 5)


def test_random_starts_fill_the_ball():
    x, draws = torch.zeros(4000, 2), torch.Generator().manual_seed(0)
    cube = Ascent(0.3, 1).random(x, draws)
    assert 0.29 < cube.abs().max() <= 0.3
    lengths = Ascent.length(Ascent(0.3, 1, norm="l2").random(x, draws), 1.0)
    assert lengths.max() <= 0.3 + 1e-6
    assert (lengths < 0.15).float().mean().item() == pytest.approx(0.25, abs=0.03)


def test_targets():
    labels = torch.tensor([0, 1, 2, 2])
    assert aimed(labels, 3, "away").tolist() == [0, 1, 2, 2]
    assert aimed(labels, 3, "next").tolist() == [1, 2, 0, 0]
    many = labels.repeat(100)
    drawn = aimed(many, 3, "random", torch.Generator().manual_seed(0))
    assert (drawn != many).all()
    assert set(drawn[many == 0].tolist()) == {1, 2}


def test_losses_by_hand():
    logits, y = torch.tensor([[2.0, 5.0, 1.0], [90.0, 0.0, 0.0]]), torch.eye(3)[[0, 1]]
    assert loss_of(logits[:1], y[:1], "margin").item() == 3
    assert loss_of(logits, y, "margin").item() == 3 + 50
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1]), reduction="sum")
    assert_close(loss_of(logits, y), expected)
