"""The contract that every method keeps within a step: methods by the catalogue, their settings by `cases`."""

import sys

import pytest
import torch
from torch.testing import assert_close

from noisewise.methods import METHODS, card
from noisewise.methods.inputs.mixup import Mixup
from noisewise.methods.losses.gce import GCE
from noisewise.methods.targets.elr import ELR
from noisewise.training.batch import cross_entropy
from noisewise.training.method import Method, changes
from noisewise.training.step import compute_objective, objective_of

from . import scene
from .case import CLASSES, Case
from .cases import CASES

BATCHES = [scene.batch(seed=s) for s in range(3)]
everywhere = pytest.mark.parametrize("name", sorted(CASES))


def settings(wanted=lambda case: True):
    """Every method with every number of networks it is tried with."""
    found = [(name, count) for name, case in sorted(CASES.items()) if wanted(case) for count in case.counts]
    return pytest.mark.parametrize("name, count", found)


def caught(check, *arguments):
    """The check fails for what was planted."""
    with pytest.raises(AssertionError):
        check(*arguments)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_entry_has_a_case(name):
    assert name in CASES, f"{name} is in the catalogue, but tests/methods/cases has no case for it"


def test_every_case_is_in_the_catalogue():
    assert set(CASES) <= set(METHODS)


def check_neutral(case, count):
    ours = scene.trained(scene.build(case, count, "neutral"), scene.networks(count), BATCHES)
    plain = scene.trained(Method(), scene.networks(count), BATCHES)
    assert_close(scene.flat(ours), scene.flat(plain), rtol=0, atol=2e-5)


@settings(lambda case: case.neutral)
def test_the_neutral_setting_is_cross_entropy(name, count):
    check_neutral(CASES[name], count)


@settings(lambda case: case.neutral and case.spec != "ce")
def test_the_other_setting_is_not(name, count):
    case = CASES[name]
    caught(check_neutral, Case(case.spec, case.step, 0.0, neutral=case.step), count)


def check_judging_is_pure(case, count):
    nets, method = scene.networks(count), scene.build(case, count)
    rows = scene.edited(case, method, nets, BATCHES[0])
    before = scene.buffers(method) | scene.buffers(nets)
    answers = [compute_objective(nets, method, rows, nets.trainable()) for _ in range(2)]
    assert torch.equal(answers[0][1], answers[1][1])
    assert torch.equal(answers[0][0].losses, answers[1][0].losses)
    for name, value in (scene.buffers(method) | scene.buffers(nets)).items():
        assert torch.equal(value, before[name]), name


class WritesEarly(ELR):
    def penalty(self, batch):
        self.observe(batch)
        return super().penalty(batch)


@settings()
def test_judging_is_pure(name, count):
    check_judging_is_pure(CASES[name], count)


def test_writing_while_judging_is_caught():
    caught(check_judging_is_pure, Case("", lambda peer: WritesEarly(), 0.0), 1)


def check_rows_may_come_in_any_order(case, count):
    nets, method = scene.networks(count), scene.build(case, count)
    rows = scene.edited(case, method, nets, BATCHES[0])
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(1))
    one, objective = compute_objective(nets, method, rows, nets.trainable())
    two, regrad = compute_objective(nets, method, scene.permuted(rows, order), nets.trainable())
    assert_close(objective, regrad)
    assert_close(one.losses[:, order], two.losses)
    assert_close(one.w.expand_as(one.losses)[:, order], two.w.expand_as(two.losses))


class FirstRowCounts(Method):
    def weight(self, batch):
        return batch.w * (torch.arange(len(batch)) == 0)


@settings()
def test_rows_may_come_in_any_order(name, count):
    check_rows_may_come_in_any_order(CASES[name], count)


def test_a_favourite_position_is_caught():
    caught(check_rows_may_come_in_any_order, Case("", lambda peer: FirstRowCounts(), 0.0), 1)


@settings(lambda case: not case.draws)
def test_an_edit_that_draws_nothing_does_not_mind_the_order(name, count):
    case, rows = CASES[name], BATCHES[0]
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(1))
    moved = [
        scene.flat(scene.trained(scene.build(case, count), scene.networks(count), [given]))
        for given in (rows, scene.permuted(rows, order))
    ]
    assert_close(moved[0], moved[1], rtol=0, atol=1e-6)


def check_classes_have_no_names(case, count):
    nets, method = scene.networks(count), scene.build(case, count)
    rows = scene.edited(case, method, nets, BATCHES[0])
    logits = nets(rows.x).detach()
    renamed = torch.tensor([2, 0, 3, 1])
    one, objective = objective_of(method, rows, logits)
    for name, buffer in method.named_buffers():
        if name == "memory":
            buffer.copy_(buffer[..., renamed])
    by_class = {name: value for name, value in rows.info.items() if value.ndim > 1 and value.shape[-1] == CLASSES}
    info = {**rows.info, **{name: value[..., renamed] for name, value in by_class.items()}}
    two, regrad = objective_of(method, scene.replace(rows, y=rows.y[..., renamed], info=info), logits[..., renamed])
    assert_close(objective, regrad)
    assert_close(one.losses, two.losses)


class DislikesClassZero(Method):
    def weight(self, batch):
        return batch.w * (1 - batch.y[..., 0])


@settings()
def test_classes_have_no_names(name, count):
    check_classes_have_no_names(CASES[name], count)


def test_a_disliked_class_is_caught():
    caught(check_classes_have_no_names, Case("", lambda peer: DislikesClassZero(), 0.0), 1)


def check_memories_follow_the_index(case, count):
    order = torch.randperm(10, generator=torch.Generator().manual_seed(1))
    found = []
    for rows in (BATCHES[0], scene.permuted(BATCHES[0], order)):
        nets, method = scene.networks(count), scene.build(case, count)
        evaluated, _ = compute_objective(nets, method, scene.edited(case, method, nets, rows), nets.trainable())
        before = scene.buffers(method)
        with torch.no_grad():
            method.observe(evaluated)
        found.append(scene.buffers(method))
        for name, value in found[-1].items():
            axis = next((a for a, size in enumerate(value.shape) if size == scene.ROWS), None)
            if axis is not None:
                others = torch.tensor([i not in rows.index for i in range(scene.ROWS)])
                assert torch.equal(value.movedim(axis, 0)[others], before[name].movedim(axis, 0)[others]), name
    for name, value in found[0].items():
        assert_close(value, found[1][name])


class FillsFromTheTop(ELR):
    def observe(self, batch):
        self.memory[:, : len(batch)] = self._updated(batch)


@settings(lambda case: not case.draws)
def test_memories_follow_the_index(name, count):
    check_memories_follow_the_index(CASES[name], count)


def test_a_memory_by_position_is_caught():
    caught(check_memories_follow_the_index, Case("", lambda peer: FillsFromTheTop(), 0.0), 1)


def check_finite(case, count):
    nets, method = scene.networks(count), scene.build(case, count)
    rows = scene.edited(case, method, nets, BATCHES[0])
    signs = torch.randn(count, len(rows), CLASSES, generator=torch.Generator().manual_seed(2)).sign()
    z = (1e4 * signs).requires_grad_()
    evaluated, objective = objective_of(method, rows, z)
    (gradient,) = torch.autograd.grad(objective, z)
    assert torch.isfinite(objective)
    assert torch.isfinite(evaluated.losses).all()
    assert torch.isfinite(gradient).all()


class NaiveLogarithm(Method):
    def loss(self, batch):
        return -(batch.y * batch.scores.softmax(dim=-1).log()).sum(dim=-1)


@settings()
def test_huge_logits_stay_finite(name, count):
    check_finite(CASES[name], count)


def test_a_naive_logarithm_is_caught():
    caught(check_finite, Case("", lambda peer: NaiveLogarithm(), 0.0), 1)


def check_gradient(case, count):
    nets, method = scene.networks(count), scene.build(case, count, "smooth").double()
    rows = scene.edited(case, method.float(), nets, BATCHES[0])
    method.double()
    rows = scene.replace(rows, y=rows.y.double(), w=rows.w.double())
    logits = nets(rows.x).detach().double()
    fixed = objective_of(method, rows, logits)[0].w.detach()

    def objective(z):
        at = scene.replace(rows, logits=z)
        at = scene.replace(at, y=method.target(at))
        loss = method.loss(at) if changes(method, "loss") else cross_entropy(z, at.y)
        return (fixed * loss).mean(dim=-1).sum() + method.penalty(at)

    assert torch.autograd.gradcheck(objective, logits.requires_grad_(), raise_exception=False)


class WrongSlope(GCE):
    def loss(self, batch):
        value = super().loss(batch)
        return value.detach() + 0.5 * (value - value.detach())


@settings()
def test_float64_gradients_are_right(name, count):
    check_gradient(CASES[name], count)


def test_a_wrong_slope_is_caught():
    caught(check_gradient, Case("", lambda peer: WrongSlope(), 0.0), 1)


@settings()
def test_the_same_draws_give_the_same_weights(name, count):
    case = CASES[name]
    runs = [
        scene.flat(scene.trained(scene.build(case, count), scene.networks(count), BATCHES, seed)) for seed in (1, 1, 2)
    ]
    assert torch.isfinite(runs[0]).all()
    assert torch.equal(runs[0], runs[1])
    assert torch.equal(runs[0], runs[2]) != case.draws
    assert not torch.equal(runs[0], scene.flat(scene.networks(count)))


def check_mixed_rows_lose_their_index(case, count):
    method = scene.build(case, count)
    after = scene.edited(case, method, scene.networks(count), BATCHES[0])
    assert (after.index is None) == method.mixes_rows


class Forgets(Mixup):
    mixes_rows = False


@settings()
def test_mixed_rows_lose_their_index(name, count):
    check_mixed_rows_lose_their_index(CASES[name], count)


def test_undeclared_mixing_is_caught():
    caught(check_mixed_rows_lose_their_index, Case("", lambda peer: Forgets(), 0.0), 1)


@everywhere
def test_the_card_is_complete(name):
    found, text = card(name), sys.modules[METHODS[name].__module__].__doc__
    assert found.name == name
    assert found.idea.count(".") >= 2
    assert 1900 < found.year < 2100
    assert found.equation
    assert found.relative_cost >= 1
    assert found.networks == max(CASES[name].counts[0], 2 if name in ("dividemix", "promix") else 1)
    if name != "ce" and found.paper != "-":
        assert str(found.year) in found.paper
        surname = found.paper.split(",")[0].split(" and ")[0]
        assert surname in text, "the module's docstring names no author of the paper"
        assert any(word in text for word in ("equation", "algorithm", "theorem"))
    if name != "ce":
        assert found.stations
    assert METHODS[name].__doc__


@everywhere
def test_what_needs_trusted_rows_says_so(name):
    auxiliary = CASES[name].step(scene.networks(1)).auxiliary
    assert ("trusted" in auxiliary) == card(name).needs_trusted
