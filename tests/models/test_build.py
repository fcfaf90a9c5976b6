"""`build` from names, functions and modules; `penultimate` and `parameter_count` of any module."""

import sys
import types
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from noisewise.errors import BadInput
from noisewise.models import build, check, parameter_count, penultimate


def flat(shape, classes):
    size = 1
    for length in shape:
        size *= length
    return nn.Sequential(nn.Flatten(), nn.Linear(size, classes))


@pytest.fixture
def own_module(monkeypatch):
    module = types.ModuleType("own_nets")
    module.flat, module.number = flat, 3
    monkeypatch.setitem(sys.modules, "own_nets", module)


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


@settings(deadline=None, max_examples=25)
@given(
    widths=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    d=st.integers(1, 9),
    k=st.integers(2, 5),
    seed=st.integers(0, 2**31 - 1),
)
def test_mlp_has_the_widths_asked_for(widths, d, k, seed):
    net = build(f"mlp:widths={'x'.join(map(str, widths))}", (d,), k, seed=seed)
    sizes = [d, *widths, k]
    assert parameter_count(net) == sum(i * o + o for i, o in pairwise(sizes))
    assert [m.out_features for m in net if isinstance(m, nn.Linear)] == sizes[1:]


@pytest.mark.parametrize("model", ["mlp", flat, "own_nets:flat"], ids=["name", "function", "module-function"])
def test_seeded_and_the_callers_random_state_stays(model, own_module):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, second, other = (build(model, (4,), 3, seed=s) for s in (7, 7, 8))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(other))


def test_random_state_is_restored_if_building_fails():
    before = torch.get_rng_state()
    with pytest.raises(BadInput):
        build(lambda shape, classes: nn.Linear(9, classes), (4,), 3)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_function_by_name_is_called_with_shape_and_classes(own_module):
    assert build("own_nets:flat", (4, 5, 3), 6)(torch.zeros(2, 3, 4, 5)).shape == (2, 6)


def test_a_ready_module_is_copied_with_its_weights_and_modes():
    mine = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(), nn.Linear(6, 3))
    mine[1].eval()
    net = build(mine, (4,), 3)
    assert torch.equal(weights(net), weights(mine))
    assert [m.training for m in net.modules()] == [True, True, False, True, True]
    assert int(net[1].num_batches_tracked) == 0
    with torch.no_grad():
        net[0].weight.add_(1)
    assert not torch.equal(net[0].weight, mine[0].weight)


def test_lazy_layers_are_sized_from_the_seed():
    first, second = (build(nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), (2, 2, 1), 3, seed=4) for _ in range(2))
    assert first[1].in_features == 4
    assert torch.equal(weights(first), weights(second))


class Two(nn.Module):
    def forward(self, x):
        return x, x


@pytest.mark.parametrize(
    "spec, words",
    [
        ("cnn9:dropout=zz", "cnn9: dropout='zz' must be at least 0 and below 1"),
        ("mlp:widths=-1", "mlp: widths=-1 must be at most 100 whole numbers from 1 to 999999 joined by 'x'"),
        ("fast:width=nan", "fast: width=nan must be a whole number between 1 and 10000"),
        ("mlp:width=3", r"mlp has no option 'width'"),
    ],
)
def test_bad_options_are_refused_without_building(spec, words):
    with pytest.raises(BadInput, match=words):
        check(spec)


BAD_MODELS = [
    ("lenett", r"unknown model 'lenett'.*did you mean 'lenet'"),
    ("mpl:widths=3", r"unknown model 'mpl'.*did you mean 'mlp'"),
    ("mlp:width=3", r"mlp has no option 'width'.*did you mean 'widths'"),
    ("mlp:shape=3", "mlp has no option 'shape'"),
    ("cnn7:3", "cnn7 takes no arguments"),
    ("mlp+mlp", "names several models"),
    ("", "a model is missing"),
    ("no_such_room:make", "there is no module 'no_such_room'"),
    ("own_nets:missing", "has no attribute 'missing'"),
    ("own_nets:number", r"model=3 must be a name, 'module:function', a function or a torch module"),
    (None, "model=None must be a name"),
    (lambda shape, classes: "net", "returns str; it must return a torch module"),
    (nn.Linear(4, 5), r"model Linear must return \(2, 3\) logits .* but returns \(2, 5\)"),
    (nn.Linear(9, 3), r"model Linear cannot take inputs of shape \(2, 4\)"),
    (Two(), "but returns tuple"),
]


@pytest.mark.parametrize("model, message", BAD_MODELS, ids=[m for _, m in BAD_MODELS])
def test_models_that_cannot_be(model, message, own_module):
    with pytest.raises(BadInput, match=message):
        build(model, (4,), 3)


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"shape": ()}, "shape="),
        ({"shape": (28, 28)}, "shape="),
        ({"shape": (0,)}, "shape="),
        ({"shape": (2.5,)}, "shape="),
        ({"classes": 1}, "classes=1"),
        ({"classes": True}, "classes=True"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": "x"}, "seed='x'"),
    ],
    ids=str,
)
def test_arguments_that_cannot_be(changed, message):
    with pytest.raises(BadInput, match=message):
        build(**{"model": "mlp", "shape": (4,), "classes": 3, **changed})


class Backwards(nn.Module):
    """Registers its last layer first, and a layer that it never uses last."""

    def __init__(self):
        super().__init__()
        self.out, self.inside, self.unused = nn.Linear(6, 3), nn.Linear(4, 6), nn.Linear(2, 2)

    def forward(self, x):
        return self.out(self.inside(x).relu())


def test_penultimate_is_the_input_of_the_last_linear_layer_called():
    net, x = Backwards(), torch.randn(5, 4)
    assert torch.equal(penultimate(net, x), net.inside(x).relu())
    assert penultimate(net, x).requires_grad
    assert not any(module._forward_pre_hooks for module in net.modules())


def test_penultimate_leaves_no_hooks_behind_when_the_forward_fails():
    net = Backwards()
    with pytest.raises(RuntimeError):
        penultimate(net, torch.randn(5, 9))
    assert not any(module._forward_pre_hooks for module in net.modules())


def test_penultimate_needs_a_linear_layer():
    with pytest.raises(BadInput, match=r"Conv2d uses no nn.Linear"):
        penultimate(nn.Conv2d(1, 2, 1), torch.zeros(2, 1, 3, 3))


def test_parameter_count_counts_shared_once_and_frozen_not_at_all():
    layer = nn.Linear(3, 3)
    frozen = nn.Linear(3, 3).requires_grad_(False)
    assert parameter_count(nn.Sequential(layer, layer, frozen)) == 12
