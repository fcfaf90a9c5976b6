"""The derivative on the graph of a forward pass is that of torch's forward mode, for every model of the catalogue."""

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call, jvp
from torch.testing import assert_close

from noisewise import models
from noisewise.models import MODELS
from noisewise.training.meta.tangent import RULES, NoDerivative, along
from noisewise.training.networks import Networks

from ..support import assert_caught

# Local response normalisation has no rule: a method then differentiates backwards twice.
WITHOUT = ("alexnet-small",)
# Together they have all operations of the catalogue.
QUICK = ("all-cnn", "cnn9", "efficientnet-lite0", "fast", "inception-small", "lenet", "mlp", "resnet32")


def problem(modules, shape):
    """Networks in float64, inputs, and a random direction of their weights."""
    torch.manual_seed(1)
    nets = Networks(module.double() for module in modules).train()
    x = torch.randn(3, *shape, dtype=torch.float64)
    return nets, x, {name: torch.randn_like(p) for name, p in nets.trainable().items()}


def check(nets, x, direction):
    params = nets.trainable()
    state = torch.get_rng_state()
    found = along(nets(x), {p: direction[name] for name, p in params.items() if name in direction})
    torch.set_rng_state(state)
    point = {name: p.detach() for name, p in params.items() if name in direction}
    # Forward mode may not change running statistics in place; batches are normalised by their own.
    for module in nets.modules():
        if hasattr(module, "track_running_stats"):
            module.track_running_stats = False
    expected = jvp(lambda p: functional_call(nets, p, (x,)), (point,), (direction,))[1]
    expected = expected.detach()
    assert float(expected.norm()) > 0
    assert_close(found, expected, rtol=1e-9, atol=1e-11 * float(expected.norm()))


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS if name not in WITHOUT],
)
def test_every_model_as_by_forward_mode(name):
    shape = (6,) if name == "mlp" else (32, 32, 3)
    net = models.build(name, shape, 4, seed=0)
    check(*problem([net], shape if len(shape) == 1 else (3, 32, 32)))


def small(*layers):
    net = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), *layers, nn.Flatten(), nn.LazyLinear(3))
    net(torch.randn(2, 2, 8, 8))
    return net


@pytest.mark.parametrize(
    "layers",
    [
        (nn.BatchNorm2d(4).eval(), nn.Tanh()),
        (nn.BatchNorm2d(4, affine=False), nn.Sigmoid()),
        (nn.Conv2d(4, 4, 3, groups=2, stride=2), nn.GELU()),
        (nn.ConvTranspose2d(4, 4, 2, stride=2), nn.SiLU()),
        (nn.MaxPool2d(3, stride=2, padding=1), nn.ELU()),
        (nn.Softplus(), nn.Identity()),
    ],
    ids=lambda layers: type(layers[0]).__name__,
)
@pytest.mark.parametrize("kind", [torch.contiguous_format, torch.channels_last])
def test_layers(layers, kind):
    net = small(*copy.deepcopy(layers))
    nets, x, direction = problem([net], (2, 8, 8))
    check(nets.to(memory_format=kind), x.to(memory_format=kind), direction)


def test_several_networks_and_weights_that_do_not_change():
    nets, x, direction = problem([nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)) for _ in range(2)], (5,))
    check(nets, x, direction)
    check(nets, x, {name: v for name, v in direction.items() if name.startswith("nets.1")})
    check(nets, x, {name: v for name, v in direction.items() if name.endswith("bias")})
    assert torch.equal(along(nets(x), {}), torch.zeros(2, 3, 3, dtype=torch.float64))


def test_the_graph_can_be_used_afterwards():
    nets, x, direction = problem([small(nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2))], (2, 8, 8))
    logits = nets(x)
    once = along(logits, {p: direction[name] for name, p in nets.trainable().items()})
    assert torch.equal(along(logits, {p: direction[name] for name, p in nets.trainable().items()}), once)
    logits.sum().backward()
    assert all(p.grad is not None for p in nets.trainable().values())


def test_an_operation_without_a_rule_is_refused():
    net = models.build(WITHOUT[0], (32, 32, 3), 4, seed=0)
    nets, x, direction = problem([net], (3, 32, 32))
    with pytest.raises(NoDerivative, match="Backward"):
        along(nets(x), {p: direction[name] for name, p in nets.trainable().items()})


def test_a_wrong_rule_is_caught(monkeypatch):
    monkeypatch.setitem(RULES, "ReluBackward0", lambda node, changes: changes[0])
    nets, x, direction = problem([small(nn.ReLU())], (2, 8, 8))
    assert_caught(lambda: check(nets, x, direction))
