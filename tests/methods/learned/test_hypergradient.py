"""Hypergradients: the authors' numbers, central differences, and bounds."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.methods.learned.hypergradient import Hypergradient
from noisewise.training.batch import Batch, Clock, cross_entropy
from noisewise.training.method import LearningTask
from noisewise.training.networks import Networks
from noisewise.training.step import step

from .. import scene
from ..golden import MLP, assert_weights, batch, stored
from .support import LR, RNG, networks, problem, trusted_loss

double = pytest.mark.usefixtures("double")


@double
def test_additive_hypergradients_match_the_authors_code():
    numbers = stored("hypergradient")
    lr = float(numbers["lr"])
    nets = Networks([MLP(numbers, "start_")])
    method = Hypergradient(rate=float(numbers["hypergrad_lr"]), rule="additive")
    method.prepare(LearningTask(8, 3, torch.zeros(8, dtype=torch.int64)))
    optimizer = torch.optim.SGD(nets.parameters(), lr)
    for at, rate in enumerate(numbers["rates"]):
        step(nets, method, optimizer, batch(numbers["inputs"][at], numbers["labels"][at], 3, clock=Clock(lr=lr)), RNG)
        assert_close(lr * method.multiplier, rate, rtol=1e-9, atol=0)
        assert_weights(nets, numbers, f"step{at}_", rtol=1e-9, atol=1e-12)


def trusted_loss_after(m, decay, given):
    """The trusted loss after one step of plain SGD with this multiplier and decay."""
    nets = networks()
    grads = torch.autograd.grad(cross_entropy(nets(given.x), given.y).mean(), list(nets.parameters()))
    with torch.no_grad():
        for p, g in zip(nets.parameters(), grads, strict=True):
            p -= LR * (m * g + decay * p)
        return trusted_loss(nets, dict(nets.named_parameters()), given).item()


@double
@pytest.mark.parametrize("seed", range(4))
def test_hypergradients_match_central_differences(seed):
    given, nets, start = problem(seed), networks(), 1e-3
    method = Hypergradient("both", rate=0.1, decay=start)
    method.prepare(LearningTask(8, 4, torch.zeros(8, dtype=torch.int64)))
    optimizer = torch.optim.SGD(nets.parameters(), LR)
    before = [p.detach().clone() for p in nets.parameters()]
    step(nets, method, optimizer, given, RNG)
    assert (method.multiplier.item(), method.decay.item()) == (1.0, pytest.approx(start))
    after = [p.detach().clone() for p in nets.parameters()]
    goal = torch.autograd.grad(trusted_loss(nets, dict(nets.named_parameters()), given), list(nets.parameters()))
    step(nets, method, optimizer, given, RNG)

    def slope(move):
        return (trusted_loss_after(*move(1e-5), given) - trusted_loss_after(*move(-1e-5), given)) / 2e-5

    def norm(tensors):
        return torch.cat([t.reshape(-1) for t in tensors]).norm().item()

    moved = norm([b - a for b, a in zip(before, after, strict=True)])
    by_m, by_decay = slope(lambda e: (1 + e, start)), slope(lambda e: (1, start + e))
    with_decay = LR * start * sum((b * g).sum() for b, g in zip(before, goal, strict=True)).item()
    assert method.multiplier.item() == pytest.approx(1 + 0.1 * (-by_m + with_decay) / (moved * norm(goal)), rel=1e-6)
    assert method.decay.item() == pytest.approx(start * (1 - 0.1 * by_decay / LR / norm(before) / norm(goal)), rel=1e-6)


def test_multiplier_rises_while_steps_agree_and_falls_when_they_cancel():
    def ends_at(lr):
        net = nn.Linear(1, 2, bias=False)
        net.weight.data = torch.tensor([[1.0], [0.0]])
        method = scene.prepared(Hypergradient(), 1)
        given = Batch(torch.ones(2, 1), torch.tensor([[0.8, 0.2]] * 2), None, torch.ones(2), Clock(lr=lr))
        optimizer = torch.optim.SGD(net.parameters(), lr)
        for _ in range(5):
            step(Networks([net]), method, optimizer, given, RNG)
        return method.multiplier.item()

    assert ends_at(0.1) == pytest.approx(1.02**4, rel=1e-5)
    assert ends_at(5.0) == pytest.approx(0.98**4, rel=1e-5)


def test_multiplier_stays_within_its_bound():
    method, nets = scene.prepared(Hypergradient(rate=0.5, bound=1.1), 1), scene.networks(1)
    scene.trained(method, nets, [scene.batch()] * 4)
    assert method.multiplier.item() == pytest.approx(1.1)


@pytest.mark.parametrize(
    "spec, words",
    [
        ("hypergradient:learn=momentum", "learn='momentum' must be one of lr, weight-decay, both"),
        ("hypergradient:on=test", "on='test' must be one of training, trusted"),
        ("hypergradient:learn=both,on=training", "learn='both' needs on='trusted'"),
        ("hypergradient:rule=newton", "rule='newton' must be one of multiplicative, additive"),
        ("hypergradient:rate=1", "rate=1 must lie between"),
    ],
)
def test_options_of_hypergradient(spec, words):
    with pytest.raises(BadInput, match=words):
        build(spec)
