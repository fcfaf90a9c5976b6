"""Learned stations against their definitions: orders of the meta-gradient and bounds of what is learned."""

import math

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.testing import assert_close

from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.methods.learned.l2rw import L2RW, helpful_weights
from noisewise.methods.learned.learned_loss import BASES, LearnedLoss
from noisewise.methods.learned.meta_weight_net import MetaWeightNet
from noisewise.methods.transition.learned_transition import LearnedTransition, initial_scores
from noisewise.training.batch import Batch, Clock, cross_entropy
from noisewise.training.meta import ORDERS
from noisewise.training.method import LearningTask
from noisewise.training.networks import Networks
from noisewise.training.step import objective_of, step

from .. import scene
from ..golden import batch, hot
from ..test_cost import Count, Counted, derivatives_counted
from .support import LR, RNG, alignment, made, meta_gradient, networks, problem, trusted_loss


def inner(method, nets, params, given):
    """The gradient of the objective by `params`, with the graph of the method's parameters."""
    _, objective = objective_of(method, given, functional_call(nets, params, (given.x,)))
    return torch.autograd.grad(objective, list(params.values()), create_graph=True)


def leaves(nets, wanted=""):
    return {n: p.detach().requires_grad_() for n, p in nets.trainable().items() if n.startswith(wanted)}


LEARNERS = {
    "meta-weight-net": lambda order: MetaWeightNet(5, order=order),
    "learned-transition": lambda order: LearnedTransition(order=order),
    **{base: lambda order, base=base: LearnedLoss(base, order=order) for base in BASES},
}
every = pytest.mark.parametrize("name", sorted(LEARNERS))
double = pytest.mark.usefixtures("double")


def knobs_of(method):
    return [p for p in method.parameters() if p.requires_grad]


@double
@every
def test_first_order_uses_the_trusted_gradient_at_the_present_weights(name):
    method, nets, given = made(LEARNERS[name]("first")), networks(), problem()
    params = leaves(nets)
    goal = torch.autograd.grad(trusted_loss(nets, params, given), list(params.values()))
    along = sum((g * v).sum() for g, v in zip(inner(method, nets, params, given), goal, strict=True))
    expected = torch.autograd.grad(-LR * along, knobs_of(method))
    for found, exact in zip(meta_gradient(method, given, nets, knobs_of(method)), expected, strict=True):
        assert_close(found, exact, rtol=1e-8, atol=1e-12)


def loss_after_last_layer(method, nets, given, graph=False):
    """The trusted loss after a virtual step of the last layer, the rest held fixed."""
    params = leaves(nets, "nets.0.2")
    steps = inner(method, nets, params, given)
    moved = {name: p - LR * g for (name, p), g in zip(params.items(), steps, strict=True)}
    value = trusted_loss(nets, moved, given)
    return value if graph else value.item()


@double
@pytest.mark.parametrize("bias", [True, False])
@every
def test_last_layer_is_exact_for_the_last_layer(name, bias):
    method, nets, given = made(LEARNERS[name]("last-layer")), networks(bias), problem()
    expected = torch.autograd.grad(loss_after_last_layer(method, nets, given, graph=True), knobs_of(method))
    for found, exact in zip(meta_gradient(method, given, nets, knobs_of(method)), expected, strict=True):
        assert_close(found, exact, rtol=1e-8, atol=1e-12)


@double
@pytest.mark.parametrize("base", BASES)
def test_last_layer_is_the_central_difference(base):
    method, nets, given = made(LearnedLoss(base, order="last-layer")), networks(), problem()
    (knob,) = knobs_of(method)
    (found,) = meta_gradient(method, given, nets, [knob])
    for position in range(len(knob)):
        values = []
        for sign in (1e-5, -1e-5):
            knob.data[position] += sign
            values.append(loss_after_last_layer(method, nets, given))
            knob.data[position] -= sign
        assert found[position].item() == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-5, abs=1e-9)


@double
def test_orders_differ():
    found = []
    for order in ORDERS:
        method = made(LearnedLoss(order=order))
        found.append(meta_gradient(method, problem(), networks(), knobs_of(method))[0].item())
    assert len({round(value, 9) for value in found}) == 3


PASSES = {
    **{f"learned-loss:order={order}": cost for order, cost in zip(ORDERS, [(2, 4), (2, 3), (2, 1)], strict=True)},
    **{f"l2rw:order={order}": cost for order, cost in zip(ORDERS, [(2, 3), (2, 3), (2, 1)], strict=True)},
    "learned-loss:derivative=difference": (3, 3),
    "hypergradient": (1, 1),
    "hypergradient:on=trusted": (2, 2),
    "hypergradient:learn=both": (2, 2),
}


@pytest.mark.parametrize("spec", PASSES)
def test_forward_and_backward_passes_of_a_step(spec):
    count, rng = Count(), torch.Generator().manual_seed(0)
    method, nets = build(spec).keywords["method"], Networks([Counted(count)])
    method.prepare(LearningTask(8, 10, torch.zeros(8, dtype=torch.int64)))
    x, y = torch.randn(2, 8, 64, generator=rng), hot(torch.arange(8), 10).float()
    trusted = Batch(x[0], y, torch.arange(8), torch.ones(8))
    given = Batch(x[1], y, torch.arange(8), torch.ones(8), Clock(lr=0.1), auxiliary={"trusted": trusted})
    with derivatives_counted(count):
        step(nets, method, torch.optim.SGD(nets.parameters(), 0.1), given, RNG)
    assert (count.forwards / 8, count.backwards / 8) == PASSES[spec]


@double
@pytest.mark.parametrize("order, wanted", [("exact", ""), ("first", ""), ("last-layer", "nets.0.2")])
def test_l2rw_alignment_equals_per_row_inner_products(order, wanted):
    nets, given = networks(), problem()
    params = leaves(nets, wanted)
    goal = torch.autograd.grad(trusted_loss(nets, params, given), list(params.values()))
    losses = cross_entropy(functional_call(nets, params, (given.x,)), given.y)[0]
    expected = [
        sum(
            (g * v).sum()
            for g, v in zip(torch.autograd.grad(each, params.values(), retain_graph=True), goal, strict=True)
        )
        for each in losses
    ]
    assert_close(alignment(L2RW(order=order), given, nets)[0], torch.stack(expected))


def test_l2rw_cap():
    u = torch.tensor([[8.0, 1.0, 1.0, -3.0]])
    assert_close(helpful_weights(u), torch.tensor([[3.2, 0.4, 0.4, 0.0]]))
    assert_close(helpful_weights(u, 2.0), torch.tensor([[2.0, 0.4, 0.4, 0.0]]))
    with pytest.raises(BadInput, match="must lie between"):
        L2RW(cap=0.5)


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 4)

    def forward(self, x):
        return 2 * self.layer(x)


@pytest.mark.parametrize("net", [Scaled(), nn.Sequential(nn.Unflatten(1, (5, 1)), nn.Conv1d(5, 4, 1), nn.Flatten())])
def test_networks_without_a_last_layer_are_refused(net):
    with pytest.raises(BadInput, match="needs networks that end in a trainable"):
        alignment(L2RW(order="last-layer"), scene.batch(), Networks([net]))
    assert not any(module._forward_hooks for module in net.modules())


def test_a_frozen_last_layer_is_refused():
    nets = scene.networks(1)
    nets[0][2].requires_grad_(False)
    with pytest.raises(BadInput, match="trainable"):
        alignment(L2RW(order="last-layer"), scene.batch(), nets)


def test_networks_are_independent():
    given, nets = scene.batch(), scene.networks(2)
    both = alignment(L2RW(order="last-layer"), given, nets)
    for position in range(2):
        assert_close(both[position], alignment(L2RW(order="last-layer"), given, Networks([nets[position]]))[0])


@pytest.mark.parametrize("name", ["meta-weight-net", "learned-loss", "learned-transition", "l2rw"])
def test_an_unknown_order_is_refused(name):
    with pytest.raises(BadInput, match="order='second' must be one of exact, first, last-layer"):
        build(f"{name}:order=second")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", ["meta-weight-net", "learned-loss", "learned-transition", "l2rw"])
def test_learning_from_one_trusted_row(name, order):
    made_of = {"meta-weight-net": MetaWeightNet, "learned-loss": LearnedLoss, "l2rw": L2RW}
    method = scene.prepared(made_of.get(name, LearnedTransition)(order=order), 1)
    given = scene.replace(scene.batch(), auxiliary={"trusted": scene.part(torch.tensor([20]), 3)})
    assert torch.isfinite(scene.flat(scene.trained(method, scene.networks(1), [given]))).all()
    assert all(torch.isfinite(knob).all() for knob in knobs_of(method))


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("extreme", [-60.0, 60.0])
def test_hyper_parameters_stay_in_their_bounds(base, extreme):
    method = scene.prepared(LearnedLoss(base), 1)
    method.parts[0].free.data.fill_(extreme)
    values = [value.item() for value in method.parts[0].values]
    if base in ("gce", "bi-tempered"):
        assert 0 < values[0] <= 1
    if base in ("bi-tempered", "poly-soft"):
        assert values[1] > 1
    assert min(values) > 0
    evaluated, _ = objective_of(method, scene.batch(), torch.randn(1, 10, 4))
    assert torch.isfinite(evaluated.losses).all()


def test_hyper_parameters_start_at_known_good_values():
    expected = {"gce": [0.7], "sce": [0.1, 1.0], "bi-tempered": [0.8, 1.2], "poly-soft": [2 * math.log(4), 2.0]}
    for base, values in expected.items():
        found = scene.prepared(LearnedLoss(base), 1).parts[0].values
        assert [value.item() for value in found] == pytest.approx(values, abs=2e-3)
    with pytest.raises(BadInput, match="base='mae' must be one of gce, sce"):
        LearnedLoss("mae")


def test_bi_tempered_prediction_uses_the_learned_temperature():
    logits = torch.tensor([[[4.0, 0.0, 0.0, 0.0]]])
    sharp, heavy = (scene.prepared(LearnedLoss(base), 1).predict(logits)[0, 0] for base in ("gce", "bi-tempered"))
    assert_close(sharp, logits.softmax(dim=-1)[0, 0, 0])
    assert heavy < sharp


def test_transition_starts_as_stated_and_learns_only_trusted_classes():
    assert_close(initial_scores(4, 0.7).softmax(dim=-1), torch.eye(4) * 0.6 + 0.1)
    method = scene.prepared(LearnedTransition(), 1)
    start = method.parts[0].transition.detach().clone()
    given = scene.batch()
    trusted = given.auxiliary["trusted"]
    given = scene.replace(
        given, auxiliary={"trusted": scene.replace(trusted, y=hot(torch.tensor([0, 0, 1, 3, 3, 1]), 4).float())}
    )
    scene.trained(method, scene.networks(1), [given, given])
    moved = (method.parts[0].transition - start).abs().sum(dim=1)
    assert moved[2] == 0
    assert (moved[[0, 1, 3]] > 0).all()


@double
def test_transition_learns_the_confusions():
    """Network outputs are the classes themselves; given labels are confused by a known matrix."""
    confusions = torch.tensor([[0.6, 0.4, 0.0], [0.0, 0.9, 0.1], [0.3, 0.0, 0.7]])
    rng = torch.Generator().manual_seed(0)
    true = torch.arange(300) % 3
    given_labels = torch.multinomial(confusions[true], 1, generator=rng)[:, 0]
    net = nn.Linear(3, 3, bias=False)
    net.weight.data = 4 * torch.eye(3)
    method = LearnedTransition(lr=0.05)
    method.prepare(LearningTask(300, 3, given_labels))
    trusted = batch(hot(true[:30], 3), true[:30], 3)
    given = batch(hot(true, 3), given_labels, 3, clock=Clock(lr=0.5), auxiliary={"trusted": trusted})
    nets = Networks([net])
    optimizer = torch.optim.SGD(net.parameters(), 0.5)
    before = (method.parts[0].transition - confusions).abs().mean()
    for _ in range(200):
        step(nets, method, optimizer, given, RNG)
    assert (method.parts[0].transition - confusions).abs().mean() < 0.5 * before


def test_the_initial_bias_of_the_weight_network():
    drawn = []
    for bias in (0.0, 3.0):
        torch.manual_seed(0)
        method = MetaWeightNet(5, bias=bias)
        method.prepare(LearningTask(4, 2, torch.tensor([0, 1, 0, 1])))
        drawn.append([p.detach().clone() for p in method.parameters()])
    assert_close(drawn[1][-1], drawn[0][-1] + 3)
    assert all(torch.equal(a, b) for a, b in zip(drawn[0][:-1], drawn[1][:-1], strict=True))


def test_decay_apart_from_the_gradient_shrinks_the_weight_network():
    """Without a gradient AdamW multiplies by 1 - lr decay, and Adam rescales its penalty to a step of lr."""
    for optimizer, wanted in (("adamw", lambda p: p * (1 - 0.01 * 0.3)), ("adam", lambda p: p - 0.01 * p.sign())):
        method = MetaWeightNet(5, lr=0.01, weight_decay=0.3, optimizer=optimizer)
        before = [p.detach().clone() for p in method.parameters()]
        for p in method.parameters():
            p.grad = torch.zeros_like(p)
        method.meta_optimizer.step()
        for p, old in zip(method.parameters(), before, strict=True):
            assert_close(p.detach(), wanted(old), atol=1e-5, rtol=1e-5)
