"""The probe of curvature, against dense Hessians."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, hessian

from noisewise import models
from noisewise.errors import BadInput
from noisewise.probes import PROBES, Subject
from noisewise.probes.curvature import (
    Curvature,
    Landscape,
    filter_normalised,
    flat,
    shaped,
    sharpness,
    top_eigenvalues,
    trace,
)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def linear():
    """A softmax regression of 3 classes on 20 rows of 4 numbers, in double precision."""
    net = nn.Linear(4, 3)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=rng()))
    x = torch.randn(20, 4, generator=rng(1))
    return Landscape(net.double().eval(), x.double(), torch.arange(20) % 3, block=7)


def by_hand(landscape):
    """mean over rows of (diag(p) - p p') kron (x 1)(x 1)', of the weights and then the biases."""
    scores = landscape.net(landscape.x).detach().numpy()
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    rows = np.concatenate([landscape.x.numpy(), np.ones((len(p), 1))], axis=1)
    full = np.mean([np.kron(np.diag(q) - np.outer(q, q), np.outer(x, x)) for q, x in zip(p, rows, strict=True)], axis=0)
    order = [5 * c + j for c in range(3) for j in range(4)] + [5 * c + 4 for c in range(3)]
    return full[np.ix_(order, order)]


def test_products_are_those_of_the_dense_hessian(linear):
    dense = by_hand(linear)
    for k, column in enumerate(np.eye(15)):
        found = flat(linear.product(shaped(torch.from_numpy(column), linear.params)))
        np.testing.assert_allclose(found, dense[:, k], atol=1e-12)


def test_eigenvalues_are_those_of_the_dense_hessian(linear):
    values = np.linalg.eigvalsh(by_hand(linear))[::-1]
    np.testing.assert_allclose(top_eigenvalues(linear, 3, rng()), values[:3], rtol=1e-3)


def test_trace_within_its_error(linear):
    exact = np.trace(by_hand(linear))
    mean, error = trace(linear, 200, rng())
    assert 0 < error < 0.1 * exact
    assert abs(mean - exact) < 4 * error
    few, wide = trace(linear, 25, rng(1))
    assert wide == pytest.approx(8**0.5 * error, rel=0.5)
    assert abs(few - exact) < 4 * wide


def test_negative_curvature_is_seen():
    """Of a network with a hidden layer, whose Hessian is indefinite, against torch's dense one."""
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=rng(2)))
    x, y = torch.randn(10, 3, generator=rng()).double(), torch.arange(10) % 2
    landscape = Landscape(net, x, y)
    params, like = torch.from_numpy(flat(landscape.params)), landscape.params

    def loss(vector):
        return nn.functional.cross_entropy(functional_call(net, shaped(vector, like), (x,)), y)

    dense = hessian(loss)(params).numpy()
    values = np.linalg.eigvalsh(dense)[::-1]
    assert values[-1] < 0 < values[0]
    np.testing.assert_allclose(top_eigenvalues(landscape, 2, rng()), values[:2], rtol=1e-3)
    mean, error = trace(landscape, 200, rng())
    assert abs(mean - np.trace(dense)) < 4 * error


def test_perturbations_are_filter_normalised():
    weights = torch.randn(5, 3, 2, 2, generator=rng()) * torch.arange(5.0)[:, None, None, None]
    direction = filter_normalised(weights, rng(1))
    torch.testing.assert_close(direction.flatten(1).norm(dim=1), weights.flatten(1).norm(dim=1))
    assert direction[0].abs().max() == 0
    assert filter_normalised(weights[:, 0, 0, 0], rng()).abs().max() == 0


def test_sharpness_of_a_quadratic_by_hand(linear):
    """For small radii it is radius^2 / 2 E d H d, with E d d' of a filter being its square norm over its length."""
    net = linear.net
    lengths = (net.weight.detach().norm(dim=1) ** 2 / 4).numpy()
    variance = np.concatenate([np.repeat(lengths, 4), np.zeros(3)])
    wanted = 0.5 * (variance * np.diag(by_hand(linear))).sum()
    gradient = torch.autograd.grad(nn.functional.cross_entropy(net(linear.x), linear.given), net.weight)[0]
    found, radius, draws = [], 1e-3, 300
    for sign in (1, -1):
        found.append(sharpness(linear, sign * radius, draws, rng(3)) / radius**2)
    assert np.mean(found) == pytest.approx(wanted, rel=0.1)
    assert gradient.norm() > 0.01, "away from a minimum, where the mean of both signs is needed"


@pytest.fixture
def subject():
    net = models.build("mlp:8", (6,), 3, seed=0)
    net.eval()
    return Subject(torch.randn(30, 6, generator=rng()), torch.arange(30) % 3, 3, rng(), net)


def measured(subject, seed=0, **options):
    again = Subject(subject.x, subject.given, 3, rng(seed), subject.network)
    return Curvature(**options).measure(again)


def test_columns_and_the_catalogue(subject):
    probe = PROBES["curvature"]
    assert probe is Curvature
    found = measured(subject, top=3, draws=3)
    named = {"hessian_top", "hessian_trace", "hessian_trace_error", "sharpness"}
    assert set(found) == named | {"hessian_top/2", "hessian_top/3"}
    assert named == set(probe.card.columns)
    assert found["hessian_top"] >= found["hessian_top/2"] >= found["hessian_top/3"] > 0


def test_the_generator_decides_everything(subject):
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = measured(subject, draws=3)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert measured(subject, draws=3) == first
    other = measured(subject, 1, draws=3)
    assert other["hessian_trace"] != first["hessian_trace"]
    assert other["sharpness"] != first["sharpness"]
    assert other["hessian_top"] == pytest.approx(first["hessian_top"], rel=1e-3)


def test_networks_are_left_as_they_were():
    layers = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout(), nn.Flatten()
    net = nn.Sequential(*layers, nn.Linear(36, 3))
    with torch.no_grad():
        net.train()(torch.randn(16, 1, 8, 8, generator=rng()))
    net.eval()
    next(net.parameters()).requires_grad_(False)
    before, grads = copy.deepcopy(net.state_dict()), [p.grad for p in net.parameters()]
    x = torch.randn(12, 1, 8, 8, generator=rng(1))
    found = measured(Subject(x, torch.arange(12) % 3, 3, rng(), net), draws=2)
    assert all(np.isfinite(value) for value in found.values())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert [p.grad for p in net.parameters()] == grads
    assert [p.requires_grad for p in net.parameters()] == [False] + [True] * (len(grads) - 1)
    assert not any(module.training for module in net.modules())


def test_curvature_does_not_depend_on_the_block_size(subject):
    whole = Landscape(subject.net, subject.x, subject.given)
    blocks = Landscape(subject.net, subject.x, subject.given, block=7)
    direction = {name: torch.ones_like(p) for name, p in whole.params.items()}
    np.testing.assert_allclose(flat(blocks.product(direction)), flat(whole.product(direction)), atol=1e-6)
    assert blocks.loss(whole.params) == pytest.approx(whole.loss(whole.params), rel=1e-6)


def test_flat_and_broken_networks():
    net = nn.Linear(2, 2, bias=False)
    one = torch.zeros(4, dtype=torch.int64)
    nn.init.constant_(net.weight, 0.0)
    assert top_eigenvalues(Landscape(net, torch.zeros(4, 2), one), 1, rng()).tolist() == [0.0]
    nn.init.constant_(net.weight, float("nan"))
    assert np.isnan(top_eigenvalues(Landscape(net, torch.ones(4, 2), one), 1, rng())).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [({"top": 0}, "top=0"), ({"draws": 1}, "draws=1"), ({"radius": -1}, "radius=-1"), ({"examples": 1}, "examples=1")],
)
def test_options_outside_their_range(options, said):
    with pytest.raises(BadInput, match=said):
        Curvature(**options)


def test_more_eigenvalues_than_parameters(linear):
    with pytest.raises(BadInput, match="top=15 must be below the number of trainable parameters, 15"):
        top_eigenvalues(linear, 15, rng())


def test_a_network_without_trainable_parameters_is_measured_by_all_of_them():
    torch.manual_seed(0)
    net = torch.nn.Linear(3, 2)
    x, given = torch.randn(8, 3), torch.tensor([0, 1] * 4)
    free = flat(Landscape(net, x, given).params)
    frozen = Landscape(net.requires_grad_(False), x, given)
    assert np.array_equal(flat(frozen.params), free)
    assert top_eigenvalues(frozen, 1, torch.Generator().manual_seed(0))[0] > 0
