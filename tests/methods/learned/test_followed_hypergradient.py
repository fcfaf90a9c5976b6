"""Hypergradients carried along with a training, against differences of whole trainings and direct solutions."""

import pytest
import torch
from torch.func import functional_call, hessian
from torch.testing import assert_close

from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.methods.learned.hypergradient import Hypergradient
from noisewise.training.batch import cross_entropy
from noisewise.training.config import Config
from noisewise.training.method import LearningTask
from noisewise.training.step import step

from .support import LR, RNG, made, networks, problem, trusted_loss

START, STEPS = 0.03, 12
LAYERS = ("nets.0.0", "nets.0.2")
double = pytest.mark.usefixtures("double")
DESCENTS = {
    "plain": Config(momentum=0.0, weight_decay=0.0),
    "momentum": Config(momentum=0.8, weight_decay=0.01),
    "nesterov": Config(optimizer="nesterov", momentum=0.8, weight_decay=0.0),
}


def prepared(method, config):
    method.prepare(LearningTask(8, 4, torch.zeros(8, dtype=torch.int64), config=config))
    return method.double()


def trained(config, method, steps=STEPS, change=(0.0, 0.0, 0.0)):
    """A training of 12 steps on changing batches; `change` is added to m and to the decays of the layers."""
    nets = networks()
    optimizer = torch.optim.SGD(
        nets.parameters(), LR, config.momentum, 0.0, config.weight_decay, config.optimizer == "nesterov"
    )
    by_m, *by_layer = change
    for at in range(steps):
        given = problem(at % 5)
        if method is not None:
            step(nets, method, optimizer, given, RNG)
            continue
        loss = cross_entropy(nets(given.x), given.y).mean()
        params = nets.trainable()
        for (name, p), g in zip(params.items(), torch.autograd.grad(loss, list(params.values())), strict=True):
            p.grad = (1 + by_m) * g + (START + by_layer[LAYERS.index(name.rpartition(".")[0])]) * p.detach()
        optimizer.step()
    return nets


def goal(nets):
    return trusted_loss(nets, nets.trainable(), problem(7))


@double
@pytest.mark.parametrize("descent", DESCENTS)
def test_unrolled_hypergradients_are_differences_of_whole_trainings(descent):
    config = DESCENTS[descent]
    method = prepared(Hypergradient("both", rate=0.0, decay=START, form="unrolled", per="layer"), config)
    nets = trained(config, method)
    assert_close(list(nets.parameters()), list(trained(config, None).parameters()))
    params = nets.trainable()
    pull = dict(zip(params, torch.autograd.grad(goal(nets), list(params.values())), strict=True))
    for place, knob in enumerate(("multiplier", *LAYERS)):
        found = sum((z * pull[name]).sum() for name, z in method._known.unrolled.weights[knob].items())
        ends = [goal(trained(config, None, change=[e * (k == place) for k in range(3)])) for e in (1e-5, -1e-5)]
        assert_close(found, (ends[0] - ends[1]) / 2e-5, rtol=1e-5, atol=1e-9)


@double
def test_a_decay_moves_against_its_unrolled_hypergradient():
    config, given = DESCENTS["plain"], problem(3)
    method = prepared(Hypergradient("weight-decay", rate=0.1, decay=START, form="unrolled"), config)
    nets = networks()
    optimizer = torch.optim.SGD(nets.parameters(), LR)
    for _ in range(3):
        step(nets, method, optimizer, given, RNG)
    z, before, params = method._known.unrolled.weights["all"], method.decay.item(), nets.trainable()
    pull = torch.autograd.grad(trusted_loss(nets, params, given), list(params.values()))
    one, other = (torch.cat([t.reshape(-1) for t in part]) for part in (z.values(), pull))
    step(nets, method, optimizer, given, RNG)
    cos = torch.nn.functional.cosine_similarity(one, other, dim=0).item()
    assert method.decay.item() == pytest.approx(before * (1 - 0.1 * cos))


@double
def test_the_series_of_the_implicit_form_solves_with_the_hessian():
    """On one batch, with weights that stay: v = (H + d)^-1 grad E, with the Hessian by torch."""
    config, given, nets = DESCENTS["momentum"], problem(0), networks()
    method = prepared(Hypergradient("weight-decay", rate=0.0, decay=1.0, form="implicit", terms=40), config)
    params = {name: p.detach() for name, p in nets.trainable().items()}
    still = torch.optim.SGD(nets.parameters(), 0.0)
    for _ in range(8):
        step(nets, method, still, given, RNG)

    def loss(flat):
        parts = flat.split([p.numel() for p in params.values()])
        taken = {name: part.view_as(p) for (name, p), part in zip(params.items(), parts, strict=True)}
        return cross_entropy(functional_call(nets, taken, (given.x,)), given.y).mean()

    flat = torch.cat([p.reshape(-1) for p in params.values()])
    pull = torch.autograd.grad(trusted_loss(nets, nets.trainable(), given), list(nets.parameters()))
    system = hessian(loss)(flat) + (1.0 + config.weight_decay) * torch.eye(len(flat))
    wanted = torch.linalg.solve(system, torch.cat([g.reshape(-1) for g in pull]))
    found = torch.cat([v.reshape(-1) for v in method._known.series.values()])
    assert_close(found, wanted, rtol=1e-7, atol=1e-9)


@double
@pytest.mark.parametrize("form", ["one-step", "unrolled", "implicit"])
def test_every_layer_or_tensor_can_have_its_own_decay(form):
    ends = {}
    for per in ("all", "layer", "tensor"):
        method = made(Hypergradient("weight-decay", decay=START, form=form, per=per))
        trained(DESCENTS["plain"], method)
        ends[per] = method.decays
        assert method.decay.item() == pytest.approx(torch.stack(list(method.decays.values())).log().mean().exp().item())
    assert [*ends["layer"]] == [*LAYERS]
    assert [len(found) for found in ends.values()] == [1, 2, 4]
    assert len({round(d.item(), 9) for d in ends["layer"].values()}) == 2


@pytest.mark.parametrize("form", ["unrolled", "implicit"])
def test_state_continues_exactly(form):
    def method():
        return made(Hypergradient("weight-decay", decay=START, form=form, per="layer"))

    whole = method()
    trained(DESCENTS["plain"], whole, 6)
    first, second = method(), method()
    nets = networks()
    optimizer = torch.optim.SGD(nets.parameters(), LR, 0.0)
    for at in range(6):
        if at == 3:
            second.load_state_dict(first.state_dict())
        step(nets, first if at < 3 else second, optimizer, problem(at % 5), RNG)
    assert_close(second.decays, whole.decays, rtol=0, atol=0)


@pytest.mark.parametrize(
    "spec, words",
    [
        ("hypergradient:form=implicit", "form='implicit' has no learning rate to learn: learn='lr'"),
        ("hypergradient:form=unrolled,rule=additive,rate=0.1", "form='unrolled' needs rule='multiplicative'"),
        ("hypergradient:form=two-step", "form='two-step' must be one of one-step, unrolled, implicit"),
    ],
)
def test_options_that_do_not_go_together(spec, words):
    with pytest.raises(BadInput, match=words):
        build(spec)


def test_unrolled_follows_sgd_alone():
    with pytest.raises(BadInput, match="follows SGD, not optimizer='adam'"):
        prepared(Hypergradient(form="unrolled"), Config(optimizer="adam"))
