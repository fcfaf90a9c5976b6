"""Learned stations against their definitions: orders of the meta-gradient, bounds and hypergradients."""

import math

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.testing import assert_close

from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.methods.learned.hypergradient import Hypergradient
from noisewise.methods.learned.l2rw import L2RW, helpful_weights
from noisewise.methods.learned.learned_loss import BASES, LearnedLoss
from noisewise.methods.learned.meta_weight_net import MetaWeightNet
from noisewise.methods.transition.learned_transition import LearnedTransition, initial_scores
from noisewise.training.batch import Batch, Clock, cross_entropy
from noisewise.training.meta import ORDERS
from noisewise.training.method import Task
from noisewise.training.networks import Networks
from noisewise.training.step import judge_logits, step

from .. import scene
from ..golden import MLP, assert_weights, batch, hot, stored
from ..test_cost import Count, Counted

RNG = torch.Generator()
LR = 0.7


def problem(seed=0, trusted=6):
    """8 rows of 4 classes with trusted rows beside, in the default dtype."""
    rng = torch.Generator().manual_seed(seed)

    def part(rows, **fields):
        x, y = torch.randn(rows, 5, generator=rng), torch.randperm(rows, generator=rng) % 4
        return batch(x.double(), y, 4, clock=Clock(lr=LR), **fields)

    return part(8, auxiliary={"trusted": part(trusted)})


def made(method):
    """A learner with its memory allocated, in float64."""
    torch.manual_seed(1)
    method.prepare(Task(8, 4, torch.zeros(8, dtype=torch.int64)))
    return method.double()


def networks(bias=True):
    """5-7-4 in float64."""
    torch.manual_seed(2)
    return Networks([nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 4, bias=bias)).double()])


def trusted_loss(nets, params, given):
    trusted = given.auxiliary["trusted"]
    return cross_entropy(functional_call(nets, params, (trusted.x,)), trusted.y).mean()


def inner(method, nets, params, given):
    """The gradient of the objective by `params`, with the graph of the method's parameters."""
    _, objective = judge_logits(method, given, functional_call(nets, params, (given.x,)))
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
    for found, exact in zip(method.meta_gradient(given, nets, knobs_of(method)), expected, strict=True):
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
    for found, exact in zip(method.meta_gradient(given, nets, knobs_of(method)), expected, strict=True):
        assert_close(found, exact, rtol=1e-8, atol=1e-12)


@double
@pytest.mark.parametrize("base", BASES)
def test_last_layer_is_the_central_difference(base):
    method, nets, given = made(LearnedLoss(base, order="last-layer")), networks(), problem()
    (knob,) = knobs_of(method)
    (found,) = method.meta_gradient(given, nets, [knob])
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
        found.append(method.meta_gradient(problem(), networks(), knobs_of(method))[0].item())
    assert len({round(value, 9) for value in found}) == 3


PASSES = {
    **{f"learned-loss:order={order}": cost for order, cost in zip(ORDERS, [(5, 3), (4, 2), (3, 1)], strict=True)},
    **{f"l2rw:order={order}": cost for order, cost in zip(ORDERS, [(4, 2), (4, 2), (3, 1)], strict=True)},
    "hypergradient": (1, 1),
    "hypergradient:on=trusted": (2, 2),
    "hypergradient:learn=both": (2, 2),
}


@pytest.mark.parametrize("spec", PASSES)
def test_forward_and_backward_passes_of_a_step(spec):
    count, rng = Count(), torch.Generator().manual_seed(0)
    method, nets = build(spec).keywords["method"], Networks([Counted(count)])
    method.prepare(Task(8, 10, torch.zeros(8, dtype=torch.int64)))
    x, y = torch.randn(2, 8, 64, generator=rng), hot(torch.arange(8), 10).float()
    trusted = Batch(x[0], y, torch.arange(8), torch.ones(8))
    given = Batch(x[1], y, torch.arange(8), torch.ones(8), Clock(lr=0.1), auxiliary={"trusted": trusted})
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
    assert_close(L2RW(order=order).alignment(given, nets)[0], torch.stack(expected))


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
        L2RW(order="last-layer").alignment(scene.batch(), Networks([net]))
    assert not any(module._forward_hooks for module in net.modules())


def test_a_frozen_last_layer_is_refused():
    nets = scene.networks(1)
    nets[0][2].requires_grad_(False)
    with pytest.raises(BadInput, match="trainable"):
        L2RW(order="last-layer").alignment(scene.batch(), nets)


def test_networks_are_independent():
    given, nets = scene.batch(), scene.networks(2)
    both = L2RW(order="last-layer").alignment(given, nets)
    for position in range(2):
        assert_close(both[position], L2RW(order="last-layer").alignment(given, Networks([nets[position]]))[0])


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
    judged, _ = judge_logits(method, scene.batch(), torch.randn(1, 10, 4))
    assert torch.isfinite(judged.losses).all()


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
    method.prepare(Task(300, 3, given_labels))
    trusted = batch(hot(true[:30], 3), true[:30], 3)
    given = batch(hot(true, 3), given_labels, 3, clock=Clock(lr=0.5), auxiliary={"trusted": trusted})
    nets = Networks([net])
    optimizer = torch.optim.SGD(net.parameters(), 0.5)
    before = (method.parts[0].transition - confusions).abs().mean()
    for _ in range(200):
        step(nets, method, optimizer, given, RNG)
    assert (method.parts[0].transition - confusions).abs().mean() < 0.5 * before


@double
def test_additive_hypergradients_match_the_authors_code():
    numbers = stored("hypergradient")
    lr = float(numbers["lr"])
    nets = Networks([MLP(numbers, "start_")])
    method = Hypergradient(rate=float(numbers["hypergrad_lr"]), rule="additive")
    method.prepare(Task(8, 3, torch.zeros(8, dtype=torch.int64)))
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
    method.prepare(Task(8, 4, torch.zeros(8, dtype=torch.int64)))
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
