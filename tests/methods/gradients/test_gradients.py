"""Noise at the gradient station: its distribution, its seed and its schedule."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from noisewise.errors import BadInput
from noisewise.methods.gradients.gradient_noise import GradientNoise
from noisewise.methods.gradients.perturbed_gd import PerturbedGD, in_ball
from noisewise.training.batch import Batch, Clock, one_hot
from noisewise.training.method import LearningTask
from noisewise.training.networks import Networks
from noisewise.training.step import step

SHAPES = {"body.weight": torch.ones(30, 20), "body.bias": torch.zeros(30), "head.weight": torch.full((4, 30), -2.0)}


def prepared(method, networks=2):
    """The method, ready for 40 rows of 4 classes."""
    method.prepare(LearningTask(40, 4, torch.zeros(40, dtype=torch.int64), epochs=100, networks=networks))
    return method


def at_gradient(method, clock, gradients=None, regrad=None):
    """What the gradient station makes of zero gradients, or of `gradients`, at SHAPES."""
    rows = Batch(torch.zeros(2, 1), one_hot(torch.zeros(2, dtype=torch.int64), 4), None, torch.ones(2), clock=clock)
    return method.gradient(gradients or {n: torch.zeros_like(p) for n, p in SHAPES.items()}, SHAPES, regrad, rows)


def test_gradient_noise_variance_decays_as_stated():
    method = prepared(GradientNoise(eta=0.3, gamma=0.55))
    clocks = [Clock(epoch=e, epochs=9, step=s, steps=10) for e, s in ((0, 0), (0, 1), (3, 4))]
    for clock, t in zip(clocks, (0, 1, 34), strict=True):
        expected = math.sqrt(0.3 / (1 + t) ** 0.55)
        assert method.deviation(clock) == pytest.approx(expected)
        noise = at_gradient(method, clock)["body.weight"]
        assert float(noise.std()) == pytest.approx(expected, rel=0.1)
        assert abs(float(noise.mean())) < 4 * expected / math.sqrt(600)


@pytest.mark.parametrize("make", [GradientNoise, PerturbedGD])
def test_noise_depends_only_on_seed_and_step(make):
    def noise(method, clock):
        return at_gradient(method, clock, regrad=lambda at: at)["body.weight"]

    torch.manual_seed(0)
    one, other = prepared(make()), prepared(make())
    clock = Clock(epoch=1, epochs=10, step=2, steps=5)
    torch.rand(3)
    assert torch.equal(noise(one, clock), noise(one, clock))
    for elsewhere in (replace(clock, epoch=2), replace(clock, step=3)):
        assert not torch.equal(noise(one, clock), noise(one, elsewhere))
    assert not torch.equal(noise(one, clock), noise(other, clock))
    other.load_state_dict(one.state_dict())
    assert torch.equal(noise(one, clock), noise(other, clock))


def test_in_ball_is_uniform():
    rng, like = torch.Generator().manual_seed(0), torch.zeros(3, dtype=torch.float64)
    drawn = torch.stack([in_ball(like, rng) for _ in range(4000)])
    lengths = drawn.norm(dim=1)
    assert lengths.max() <= 1
    for r in (0.25, 0.5, 0.75):
        assert float((lengths < r).double().mean()) == pytest.approx(r**3, abs=0.03)
    assert drawn.mean(dim=0).abs().max() < 0.04
    assert_close(drawn.T.cov(), torch.eye(3).double() / 5, rtol=0, atol=0.02)


def test_perturbation_is_relative_to_the_norm_of_each_tensor():
    moved = at_gradient(prepared(PerturbedGD(rho=0.5)), Clock(), regrad=lambda at: at)
    for name, p in SHAPES.items():
        away = (moved[name] - p).norm()
        assert away <= 0.5 * p.norm() * (1 + 1e-6)
        assert (away > 0) == (p.norm() > 0)


def test_radius_decays_by_stages_to_zero():
    method = PerturbedGD(rho=2.0, stages=4, ratio=0.5)
    radii = [method.radius(Clock(epoch=e, epochs=8)) for e in range(8)]
    assert radii == [2.0, 2.0, 1.0, 1.0, 0.5, 0.5, 0.0, 0.0]
    given = {n: torch.randn(p.shape) for n, p in SHAPES.items()}
    assert at_gradient(prepared(method), Clock(epoch=7, epochs=8), given) is given


def test_gradient_at_the_perturbed_weights():
    torch.manual_seed(0)
    net = nn.Linear(3, 2, bias=False)
    method = prepared(PerturbedGD(rho=0.5), networks=1)
    x, y = torch.randn(5, 3), one_hot(torch.tensor([0, 1, 1, 0, 1]), 2)
    rows = Batch(x, y, torch.arange(5), torch.ones(5))
    w = net.weight.detach().clone()
    moved = w + 0.5 * w.norm() * in_ball(w, method.draws.at(Clock()))
    by_hand = ((x @ moved.T).softmax(dim=1) - y).T @ x / 5
    step(Networks([net]), method, torch.optim.SGD(net.parameters(), 0.0), rows, torch.Generator())
    assert_close(net.weight.grad, by_hand)


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: GradientNoise(eta=-1), "gradient-noise: eta=-1"),
        (lambda: PerturbedGD(stages=1), "perturbed-gd: stages=1"),
        (lambda: PerturbedGD(ratio=2), "perturbed-gd: ratio=2"),
    ],
)
def test_options_out_of_range_are_named(make, said):
    with pytest.raises(BadInput, match=said):
        make()
