"""Recording the calls of modules, and layers of any network: catalogue models and custom modules."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from noisewise.models import MODELS
from noisewise.models.parts import forward_hooks, layers, linear_layers, record_calls, reinitialise_last


@pytest.fixture
def net():
    """Two linear layers, the first of which is called twice."""
    first, last = nn.Linear(3, 3), nn.Linear(3, 2)
    return nn.Sequential(first, nn.ReLU(), first, last)


def hooks(net):
    """The number of hooks on all modules of a network."""
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in net.modules())


def test_record_calls_lists_inputs_and_outputs_in_order(net):
    x = torch.randn(5, 3)
    with record_calls(linear_layers(net)) as calls:
        logits = net(x)
    assert [call.module for call in calls] == [net[0], net[0], net[3]]
    assert calls[0].input is x
    assert_close(calls[1].input, net[0](x).relu())
    assert calls[2].output is logits


def test_record_calls_ends_with_the_block(net):
    with record_calls([net]) as calls:
        net(torch.randn(5, 3))
    net(torch.randn(5, 3))
    assert len(calls) == 1
    assert hooks(net) == 0


def test_hooks_are_removed_after_a_failed_forward_pass(net):
    with pytest.raises(RuntimeError, match="shapes"), record_calls(linear_layers(net)):
        net(torch.randn(5, 4))
    assert hooks(net) == 0


def test_forward_hooks_may_replace_the_output(net):
    x = torch.randn(5, 3)
    with forward_hooks([net], lambda module, inputs, output: 2 * output):
        doubled = net(x)
    assert_close(doubled, 2 * net(x))


@pytest.mark.parametrize(
    "model, shape, count, end",
    [
        ("mlp:widths=8x8", (5,), 3, [["3"], ["5"]]),
        ("lenet", (28, 28, 1), 5, [["10"], ["12"]]),
        ("cnn9", (32, 32, 3), 10, [["29", "30"], ["33"]]),
        ("resnet18", (32, 32, 3), 10, [["10"], ["12"]]),
        ("resnet50", (32, 32, 3), 18, [["18"], ["20"]]),
        ("cnn7", (32, 32, 3), 7, [["18", "19"], ["23"]]),
        ("preact-resnet18", (32, 32, 3), 10, [["10"], ["12"]]),
        ("wide-resnet", (32, 32, 3), 14, [["12", "13"], ["16"]]),
    ],
)
def test_layers_of_catalogue_models(model, shape, count, end):
    with torch.device("meta"):
        found = layers(MODELS[model.split(":")[0]](shape, 10, **({"widths": "8x8"} if ":" in model else {})))
    assert len(found) == count
    assert found[-2:] == end


class Wrapped(nn.Module):
    """A user's module: a normalisation at the input, a body in a container, a head."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Module()
        self.inner.norm = nn.BatchNorm1d(4)
        self.inner.body = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 3))
        self.inner.head = nn.Linear(3, 2)
        self.scale = nn.Parameter(torch.ones(1))


def test_layers_of_a_custom_module():
    expected = [["inner.norm", "inner.body.0", "inner.body.1"], ["inner.body.3"], ["inner.head"]]
    assert layers(Wrapped()) == expected
    assert layers(nn.Linear(2, 2)) == []


@pytest.mark.parametrize("last", [0, 1, 2])
def test_reinitialise_last(last):
    old, fresh = Wrapped(), Wrapped()
    old.get_submodule("inner.body.1").running_mean.fill_(3.0)
    found = reinitialise_last(old, fresh, last)
    tail = ("inner.body.3.", "inner.head.")[2 - last :]
    for name, value in found.state_dict().items():
        origin = fresh if last and name.startswith(tail) else old
        assert torch.equal(value, origin.state_dict()[name]), name
        assert value.data_ptr() != origin.state_dict()[name].data_ptr()
    for name, parameter in found.named_parameters():
        assert parameter.requires_grad == (not last or name.startswith(tail)), name


def test_reinitialise_last_keeps_frozen_parameters_frozen():
    old, fresh = Wrapped(), Wrapped()
    for net in (old, fresh):
        net.inner.head.bias.requires_grad_(False)
    for last in (0, 1):
        assert not reinitialise_last(old, fresh, last).inner.head.bias.requires_grad
