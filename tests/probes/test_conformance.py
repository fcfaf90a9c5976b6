"""Every probe of the catalogue keeps to the form; none is named here."""

import copy
import math

import pytest
import torch

import noisewise as nw
from noisewise.cli.commands.catalogues import describe_probes
from noisewise.models import build as network
from noisewise.probes import PROBES, Subject

CLASSES = 3


@pytest.fixture(params=list(PROBES))
def probe(request):
    """Each probe in turn, of few rows."""
    return PROBES[request.param](examples=30)


@pytest.fixture(params=["lenet", "fast", "mlp:8"])
def subject(request):
    """A network in evaluation mode with moved statistics, and rows with wrong labels to look with."""
    rng = torch.Generator().manual_seed(0)
    shape = (12, 12, 1)
    net = network(request.param, shape, CLASSES, seed=0)
    x = torch.randn(30, 1, 12, 12, generator=rng)
    with torch.no_grad():
        net.train()(x)
    truth = torch.arange(30) % CLASSES
    given = torch.where(torch.arange(30) < 9, (truth + 1) % CLASSES, truth)
    return Subject(x, given, CLASSES, torch.Generator().manual_seed(1), net.eval(), truth)


def traces(subject):
    """All that a probe must leave as it was."""
    net = subject.network
    state = {name: value.clone() for name, value in net.state_dict().items()}
    modes = {name: module.training for name, module in net.named_modules()}
    needs = {name: (p.requires_grad, p.grad) for name, p in net.named_parameters()}
    hooks = {
        name: (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks))
        for name, m in net.named_modules()
    }
    return state, modes, needs, hooks, torch.get_rng_state(), subject.x.clone(), subject.given.clone()


def alike(one, other):
    """Whether two nests of plain data and tensors are the same."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return one == other


def again(subject, **changed):
    """The same subject with a fresh generator."""
    parts = {name: getattr(subject, name) for name in ("x", "given", "classes", "network", "truth")}
    return Subject(**{**parts, "rng": torch.Generator().manual_seed(1), **changed})


def test_cards_are_complete(probe):
    card = probe.card
    assert PROBES[card.name] is type(probe)
    assert all((card.measures, card.columns, card.cost, card.paper, card.departures))
    assert 1800 < card.year < 2100


def test_what_is_measured_is_what_the_card_names(probe, subject):
    found = probe.measure(subject)
    assert {column.partition("/")[0] for column in found} == set(probe.card.columns)
    assert all(isinstance(value, float) for value in found.values())
    assert any(math.isfinite(found[column]) for column in probe.card.columns)


def test_measuring_does_not_change_the_network_or_random_state(probe, subject):
    before = traces(subject)
    probe.measure(subject)
    assert alike(before, traces(subject))


def test_a_measurement_repeats(probe, subject):
    assert probe.measure(again(subject)) == pytest.approx(probe.measure(again(subject)), nan_ok=True)


def test_the_network_is_what_is_measured(probe, subject):
    moved = copy.deepcopy(subject.network)
    with torch.no_grad():
        for parameter in moved.parameters():
            parameter.mul_(0.5 if parameter.dim() > 1 else 0.9).add_(1e-3)
    one, other = probe.measure(again(subject)), probe.measure(again(subject, network=moved))
    if probe.card.name != "label-fit":
        assert one != pytest.approx(other, nan_ok=True)


def test_without_a_network(probe, subject):
    alone = again(subject, network=None)
    if probe.card.network:
        if not probe.card.truth:
            with pytest.raises(nw.BadInput, match="--probe"):
                probe.measure(alone)
    else:
        found = probe.measure(alone)
        assert {column.partition("/")[0] for column in found} <= set(probe.card.columns)


@pytest.mark.parametrize("option", ["examples", "every"])
def test_options_out_of_range_are_refused(probe, option):
    with pytest.raises(nw.BadInput, match=option):
        type(probe)(**{option: 0})


def test_probes_do_not_affect_training_and_add_their_columns():
    noisy = nw.corrupt(nw.subset(nw.load("digits"), 300, seed=0), "symmetric:0.3", seed=0)
    names = ",".join(f"{name}:examples=20,every=2" for name in PROBES)
    plain = nw.train(noisy, "ce", model="fast", epochs=3)
    probed = nw.train(noisy, "ce", model="fast", epochs=3, probe=names)
    one, other = plain.predictor.state_dict(), probed.predictor.state_dict()
    assert alike(dict(one), dict(other))
    assert probed.samples.equals(plain.samples)
    for name in PROBES:
        columns = list(PROBES[name].card.columns)
        assert probed.history[columns].notna().any(axis=1).tolist() == [True, False, True]
        assert probed.metrics["probe_seconds"][name] > 0


def test_the_listing_has_options_with_defaults():
    for entry in describe_probes():
        assert {"examples", "every"} <= set(entry["options"])
