"""The rules of the step: each is a check that holds for the library and fails for a planted mistake."""

import copy
import sys
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_
from torch.testing import assert_close

from noisewise.errors import Diverged
from noisewise.methods import METHODS
from noisewise.methods.gradients.sam import SAM
from noisewise.methods.learned.meta_weight_net import MetaWeightNet
from noisewise.methods.pairs.coteaching import CoTeaching
from noisewise.methods.targets.elr import ELR
from noisewise.training.batch import Batch, Clock, cross_entropy
from noisewise.training.method import Chain, LearningTask, Method
from noisewise.training.networks import Networks, stateless_forward
from noisewise.training.step import compute_objective, objective_of, step

from .support import CLASSES, assert_caught, make_batch, mlp, prepared, rng, twins, weights

STEP = sys.modules[step.__module__]  # the package's attribute of this name is the function
BATCHES = [make_batch(seed=s) for s in range(5)]


def check_plain_loop(take_step):
    ours, theirs = twins(mlp())
    settings = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-3}
    mine = torch.optim.SGD(ours.parameters(), **settings)
    plain = torch.optim.SGD(theirs.parameters(), **settings)
    for batch in BATCHES:
        take_step(ours, Chain(), mine, batch, rng())
        plain.zero_grad()
        cross_entropy(theirs(batch.x), batch.y).mean().backward()
        plain.step()
    assert torch.equal(weights(ours.nets), weights(theirs.nets))


def test_an_empty_chain_is_the_plain_loop_to_the_bit():
    check_plain_loop(step)


def test_a_step_that_forgets_its_momentum_is_caught():
    def forgetful(nets, method, optimizer, batch, generator):
        step(nets, method, optimizer, batch, generator)
        optimizer.state.clear()

    assert_caught(lambda: check_plain_loop(forgetful))


def check_coteaching(method):
    ours, theirs = twins(mlp(0), mlp(1))
    method = prepared(method, networks=2)
    one = torch.optim.Adam(ours.parameters(), 0.01)
    two = [torch.optim.Adam(net.parameters(), 0.01) for net in theirs.nets]
    for batch in BATCHES:
        step(ours, method, one, batch, rng())
        keep = int((1 - method.forget_rate(0)) * len(batch))
        labels = batch.y.argmax(dim=1)
        losses = [functional.cross_entropy(net(batch.x), labels, reduction="none") for net in theirs.nets]
        picks = [loss.argsort(stable=True)[:keep] for loss in losses]
        for optimizer, loss, chosen in zip(two, losses, reversed(picks), strict=True):
            optimizer.zero_grad()
            loss[chosen].mean().backward()
            optimizer.step()
    assert_close(weights(ours.nets), weights(theirs.nets), rtol=0, atol=1e-6)


class TeachesItself(CoTeaching):
    def weight(self, batch):
        return super().weight(batch).flip(0)


def test_coteaching_on_the_axis_is_two_networks_with_two_optimisers():
    check_coteaching(CoTeaching(rate=0.4, gradual=1))


def test_coteaching_without_the_exchange_is_caught():
    assert_caught(lambda: check_coteaching(TeachesItself(rate=0.4, gradual=1)))


def check_sam(method):
    ours, theirs = twins(mlp())
    mine = torch.optim.SGD(ours.parameters(), 0.1, 0.9)
    plain = torch.optim.SGD(theirs.parameters(), 0.1, 0.9)
    net = theirs.nets[0]
    for batch in BATCHES:
        step(ours, method, mine, batch, rng())
        plain.zero_grad()
        functional.cross_entropy(net(batch.x), batch.y).backward()
        norm = torch.stack([p.grad.norm() for p in net.parameters()]).norm()
        climbs = [0.5 * p.grad / norm for p in net.parameters()]
        move(net, climbs, 1)
        plain.zero_grad()
        functional.cross_entropy(net(batch.x), batch.y).backward()
        move(net, climbs, -1)
        plain.step()
    assert_close(weights(ours.nets), weights(theirs.nets), rtol=0, atol=1e-6)


@torch.no_grad()
def move(net, by, sign):
    for parameter, change in zip(net.parameters(), by, strict=True):
        parameter.add_(change, alpha=sign)


class StaysHere(SAM):
    def gradient(self, gradients, params, regrad, batch):
        return regrad(params)


def test_sam_is_sam_by_hand():
    check_sam(SAM(rho=0.5))


@pytest.mark.parametrize("mutant", [SAM(rho=0.45), StaysHere(rho=0.5)])
def test_sam_with_another_radius_or_no_climb_is_caught(mutant):
    assert_caught(lambda: check_sam(mutant))


def check_statistics_advance_once(method):
    ours, theirs = twins(mlp(0, nn.BatchNorm1d(8)))
    trusted = make_batch(6, seed=20)
    batch = make_batch(seed=3, auxiliary={"trusted": trusted})
    theirs(batch.x)
    step(ours, prepared(method), torch.optim.SGD(ours.parameters(), 0.1), batch, rng())
    for (name, mine), buffer in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        assert torch.equal(mine, buffer), name


def leaves_traces(nets, x, *, params):
    return functional_call(nets, dict(params), (x,))


@pytest.mark.parametrize("method", [SAM, MetaWeightNet])
def test_statistics_advance_once(method):
    check_statistics_advance_once(method())


def test_statistics_that_advance_when_asked_again_are_caught(monkeypatch):
    monkeypatch.setattr(sys.modules["noisewise.training.step"], "stateless_forward", leaves_traces)
    assert_caught(lambda: check_statistics_advance_once(SAM()))


def check_same_masks():
    ours, theirs = twins(mlp(0, nn.Dropout(0.5)))
    for nets, method in ((ours, SAM(rho=0.0)), (theirs, Chain())):
        torch.manual_seed(11)
        step(nets, method, torch.optim.SGD(nets.parameters(), 0.1), make_batch(), rng())
    assert torch.equal(weights(ours.nets), weights(theirs.nets))


def test_dropout_asked_again_draws_the_same_masks():
    check_same_masks()


def test_fresh_masks_are_caught(monkeypatch):
    monkeypatch.setattr(sys.modules["noisewise.training.step"], "set_random_state", lambda state, device: None)
    assert_caught(check_same_masks)


def test_asking_spends_no_random_number_and_moves_no_buffer():
    nets, _ = twins(mlp(0, nn.BatchNorm1d(8), nn.Dropout(0.5)))
    before, state = copy.deepcopy(nets.state_dict()), torch.get_rng_state()
    first, second = stateless_forward(nets, make_batch().x), stateless_forward(nets, make_batch().x)
    assert torch.equal(first, second)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, nets.state_dict()[name]) for name, value in before.items())
    assert not torch.equal(first, nets(make_batch().x)) or not torch.equal(first, nets(make_batch().x))


def check_pure(method):
    nets, _ = twins(mlp(0, nn.BatchNorm1d(8), nn.Dropout(0.5)))
    batch, params = make_batch(), nets.trainable()
    prepared(method).memory.uniform_(0, 0.2)
    before = copy.deepcopy((method.state_dict(), nets.state_dict()))
    (first, one), (second, two) = (compute_objective(nets, method, batch, params) for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(first.losses, second.losses)
    for was, now in zip(before, (method.state_dict(), nets.state_dict()), strict=True):
        assert all(torch.equal(value, now[name]) for name, value in was.items())


class WritesEarly(ELR):
    def penalty(self, batch):
        value = super().penalty(batch)
        self.observe(batch)
        return value


def test_judging_is_pure():
    check_pure(ELR())


def test_a_penalty_that_writes_memory_is_caught():
    assert_caught(lambda: check_pure(WritesEarly()))


class Marked(Method):
    """Weights, a loss and a penalty that are easy to follow by hand."""

    def loss(self, batch):
        return batch.scores[..., 0]

    def weight(self, batch):
        return batch.w * torch.arange(1.0, 1 + len(batch))

    def penalty(self, batch):
        return 100.0 * batch.scores.shape[0]


def test_the_objective_is_the_mean_over_the_batch_summed_over_networks_plus_penalties():
    logits = torch.tensor([[[2.0, 0.0], [4.0, 0.0]], [[6.0, 0.0], [8.0, 0.0]]])
    batch = replace(make_batch(2), y=torch.eye(2))
    _, objective = objective_of(Marked(), batch, logits)
    assert objective.item() == (1 * 2 + 2 * 4) / 2 + (1 * 6 + 2 * 8) / 2 + 200
    _, twice = objective_of(Chain([Marked(), WeightsOnly()]), batch, logits)
    assert twice.item() == 2 * (objective.item() - 200) + 200


class WeightsOnly(Method):
    def weight(self, batch):
        return 2 * batch.w


@given(st.integers(1, 3), st.integers(1, 6), st.floats(0.0, 5.0))
def test_the_objective_is_linear_in_the_weights(networks, rows, factor):
    generator = rng(rows)
    logits = torch.randn(networks, rows, CLASSES, generator=generator)
    batch = replace(make_batch(rows), w=torch.rand(rows, generator=generator))
    _, one = objective_of(Chain(), batch, logits)
    _, scaled = objective_of(Chain(), replace(batch, w=factor * batch.w), logits)
    assert_close(scaled, factor * one)


@pytest.mark.parametrize("largest", [0.05, 1e6])
def test_clipping_is_torch_clipping(largest):
    ours, theirs = twins(mlp())
    batch = make_batch()
    step(ours, Chain(), torch.optim.SGD(ours.parameters(), 0.1), batch, rng(), clip_norm=largest)
    cross_entropy(theirs(batch.x), batch.y).mean().backward()
    norm = clip_grad_norm_(theirs.parameters(), largest)
    assert (norm > 0.05) & (norm < 1e6)
    for mine, plain in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(mine.grad, plain.grad)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_moves_nothing(bad):
    ours, theirs = twins(mlp())
    batch = make_batch()
    batch.w[0] = bad
    method = prepared(ELR())
    with pytest.raises(Diverged, match=r"epoch 1, step 1: a smaller learning rate"):
        step(ours, method, torch.optim.SGD(ours.parameters(), 0.1, 0.9), batch, rng())
    assert torch.equal(weights(ours.nets), weights(theirs.nets))
    assert not method.memory.any()


def test_the_step_returns_what_observe_saw():
    seen = []

    class Watches(Method):
        def observe(self, batch):
            seen.append(batch)

    nets, _ = twins(mlp())
    evaluated = step(nets, Watches(), torch.optim.SGD(nets.parameters(), 0.1), make_batch(), rng())
    assert seen == [evaluated]
    assert not any(t.requires_grad for t in (evaluated.y, evaluated.w, evaluated.scores, evaluated.losses))


class Scaled(Method):
    """A learned temperature that the training objective itself moves."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def loss(self, batch):
        return cross_entropy(self.scale * batch.scores, batch.y)


def test_a_methods_own_parameters_move_along():
    nets, theirs = twins(mlp())
    method, batch = Scaled(), make_batch()
    step(nets, method, torch.optim.SGD([*nets.parameters(), *method.joint_parameters()], 0.1), batch, rng())
    scale = torch.ones((), requires_grad=True)
    (gradient,) = torch.autograd.grad(cross_entropy(scale * theirs(batch.x), batch.y).mean(), scale)
    assert_close(method.scale.detach(), 1 - 0.1 * gradient)


def test_frozen_and_unused_parameters_stay():
    class Lazy(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = nn.Linear(6, CLASSES), nn.Linear(2, 2)
            self.used.bias.requires_grad_(False)

        def forward(self, x):
            return self.used(x)

    nets = Networks([Lazy()])
    before = copy.deepcopy(nets.state_dict())
    step(nets, SAM(), torch.optim.SGD(nets.trainable().values(), 0.1), make_batch(), rng())
    same = {name for name, value in nets.state_dict().items() if torch.equal(value, before[name])}
    assert same == {"nets.0.used.bias", "nets.0.idle.weight", "nets.0.idle.bias"}


@pytest.mark.parametrize(("name", "networks"), [("ce", 1), ("ce", 2), ("elr", 1), ("gce", 2), ("coteaching", 2)])
def test_work_left_out_for_labels_and_weights_as_drawn_changes_no_bit(name, networks):
    ends = []
    for known in (True, False):
        torch.manual_seed(0)
        nets = Networks([nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3)) for _ in range(networks)])
        method = METHODS[name]()
        given = torch.arange(96) % 3
        method.prepare(LearningTask(96, 3, given, 3, networks=networks))
        optimizer = torch.optim.SGD(nets.parameters(), 0.5, 0.9)
        generator = rng()
        for epoch in range(3):
            for index in torch.randperm(96).split(16):
                batch = Batch.of(5 * torch.randn(16, 4), given[index], 3, index, Clock(epoch, 3))
                assert batch.labels is given[index] or torch.equal(batch.labels, given[index])
                step(nets, method, optimizer, batch if known else replace(batch, drawn=None), generator)
        ends.append(torch.cat([p.detach().flatten() for p in nets.parameters()]))
    assert torch.equal(*ends)


def test_targets_and_weights_that_are_not_those_drawn_count():
    batch = Batch.of(torch.randn(4, 2), torch.tensor([0, 1, 2, 0]), 3)
    assert batch.labels is not None
    assert not batch.weighted
    assert replace(batch, y=batch.y.roll(1, 0)).labels is None
    assert replace(batch, w=2 * batch.w).weighted
    assert replace(batch, drawn=None).weighted
