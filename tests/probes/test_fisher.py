"""The trace of the Fisher information against a loop of single examples, and where it is known by hand."""

import copy

import pytest
import torch
from torch import nn

from noisewise.errors import BadInput
from noisewise.models import build
from noisewise.probes.build import build as build_probes
from noisewise.probes.fisher import Fisher, layer_traces
from noisewise.probes.per_example_gradient_norms import SquaredNorms
from noisewise.probes.probe import Subject


def by_loop(net, x):
    """The trace by layer, one example, one label and one backward pass at a time."""
    found = {}
    for row in x:
        logs = net(row[None]).log_softmax(dim=1)[0]
        for log in logs:
            gradients = torch.autograd.grad(log, list(net.parameters()), retain_graph=True)
            for (name, _), gradient in zip(net.named_parameters(), gradients, strict=True):
                layer = name.rpartition(".")[0]
                found[layer] = found.get(layer, 0.0) + float(log.detach().exp() * gradient.square().sum()) / len(x)
    return found


def settled(net, shape, seed=0):
    """In double precision, with statistics and scales of normalisation that are not those of the start."""
    net = net.double().train()
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
                module.weight.copy_(0.5 + torch.rand(len(module.weight), generator=rng))
        net(torch.randn(16, *shape, generator=rng, dtype=torch.float64))
    return net.eval()


def rows(n, *shape, seed=1):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Odd(nn.Module):
    """Layers of several kinds: grouped, dilated, reflected, called twice, with a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.grouped = nn.Conv2d(2, 4, 3, groups=2, stride=2, padding=1)
        self.dilated = nn.Conv2d(4, 4, 2, dilation=2, bias=False)
        self.reflected = nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect")
        self.tokens = nn.Linear(6, 5)
        self.norm = nn.LayerNorm(5)
        self.twice = nn.Linear(5, 5)
        self.scale = nn.Parameter(torch.tensor([1.5]))
        self.unused = nn.Linear(3, 3)
        self.last = nn.Linear(5, 3)

    def forward(self, x):
        x = torch.relu_(self.reflected(self.dilated(self.grouped(x))))
        x = self.norm(self.tokens(x.flatten(2).mT))
        return self.last(self.twice(torch.tanh(self.twice(x))).mean(dim=1) * self.scale)


@pytest.mark.parametrize("name", ["fast", "lenet", "mlp:widths=7x5", "all-cnn"])
def test_layers_are_those_of_single_examples(name):
    size = 28 if name == "lenet" else 12
    net = settled(build(name, (size, size, 2), 3, seed=0), (2, size, size))
    x = rows(3, 2, size, size)
    found, wanted = layer_traces(net, x, "exact", torch.Generator()), by_loop(net, x)
    assert list(found) == list(wanted)
    for layer in wanted:
        assert found[layer] == pytest.approx(wanted[layer], rel=1e-9)


def test_layers_of_other_kinds():
    torch.manual_seed(0)
    net = settled(Odd(), (2, 12, 12))
    used = [parameter for name, parameter in net.named_parameters() if "unused" not in name]
    x = rows(3, 2, 12, 12)
    found = layer_traces(net, x, "exact", torch.Generator())
    assert found["unused"] == 0
    total = 0.0
    for row in x:
        logs = net(row[None]).log_softmax(dim=1)[0]
        for log in logs:
            gradients = torch.autograd.grad(log, used, retain_graph=True)
            total += float(log.detach().exp()) * sum(float(g.square().sum()) for g in gradients) / len(x)
    assert sum(found.values()) == pytest.approx(total, rel=1e-9)


def test_shared_weights_are_one():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Linear(4, 3)).double().eval()
    net[2].weight = net[0].weight
    x = rows(5, 4)
    found, wanted = layer_traces(net, x, "exact", torch.Generator()), by_loop(net, x)
    assert found == pytest.approx(wanted, rel=1e-9)


def test_closed_forms_are_those_of_torch_func():
    net = settled(build("fast", (8, 8, 1), 4, seed=0), (1, 8, 8))
    x, pulled = rows(3, 1, 8, 8), rows(3, 4, seed=2)
    for closed in (True, False):
        with SquaredNorms(net, closed=closed).forward_pass(x) as passed:
            found = passed.squared_norms(pulled)
        if closed:
            wanted = found
    assert all(torch.allclose(found[name], wanted[name], rtol=1e-9, atol=0) for name in wanted)


def test_a_linear_model_by_hand():
    """With p the predictions of x, E_y ||e_y - p||^2 = 1 - ||p||^2, times ||x||^2 for weights and 1 for biases."""
    net = nn.Linear(2, 3).double()
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]], dtype=torch.float64).log1p())
        net.bias.zero_()
    x = torch.tensor([[1.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    # Scores (3, 1, 1) / 5 and (1, 4, 1) / 6.
    by_hand = ((1 + 1) * (1 - 11 / 25) + (4 + 1) * (1 - 18 / 36)) / 2
    found = layer_traces(net, x, "exact", torch.Generator())
    assert found == {"Linear": pytest.approx(by_hand, rel=1e-12)}


def test_sampled_trace_converges_to_the_exact_trace():
    torch.manual_seed(0)
    net = build("mlp:widths=6", (5,), 4, seed=0).double().eval()
    x = 3 * rows(40, 5)
    exact = sum(layer_traces(net, x, "exact", torch.Generator()).values())
    errors = {}
    for draws in (1, 100):
        drawn = [sum(layer_traces(net, x, draws, torch.Generator().manual_seed(k)).values()) for k in range(10)]
        errors[draws] = sum((one / exact - 1) ** 2 for one in drawn) ** 0.5
    assert errors[100] < 0.05
    assert 4 < errors[1] / errors[100] < 25, "a tenth, give or take"


def test_trace_does_not_depend_on_the_block_size(monkeypatch):
    from noisewise.probes import per_example_gradient_norms as squares

    net = settled(build("fast", (8, 8, 1), 4, seed=0), (1, 8, 8))
    x = rows(5, 1, 8, 8)
    whole = layer_traces(net, x, "exact", torch.Generator())
    monkeypatch.setattr(squares, "NUMBERS_AT_ONCE", 1)
    assert layer_traces(net, x, "exact", torch.Generator()) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("frozen", [False, True])
def test_the_network_and_the_random_state_stay_as_they_were(frozen):
    net = build("fast", (8, 8, 1), 4, seed=0).eval().requires_grad_(not frozen)
    if not frozen:
        net(torch.randn(2, 1, 8, 8)).sum().backward()
    gradients = [None if p.grad is None else p.grad.clone() for p in net.parameters()]
    before, random = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    kept = x.clone()
    for labels in ("exact", 2):
        found = Fisher(labels).measure(Subject(x, torch.zeros(4), 4, torch.Generator().manual_seed(0), net))
        assert found["fisher_trace"] > 0
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    for parameter, gradient in zip(net.parameters(), gradients, strict=True):
        assert parameter.requires_grad is not frozen
        assert (parameter.grad is None) if gradient is None else torch.equal(parameter.grad, gradient)
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(x, kept)
    assert not x.requires_grad
    assert not any(module._forward_hooks for module in net.modules())
    assert not net.training


def test_columns():
    net = build("mlp:widths=6", (5,), 4, seed=0).eval()
    found = Fisher().measure(Subject(rows(4, 5).float(), torch.zeros(4), 4, torch.Generator(), net))
    assert list(found) == ["fisher_trace", "fisher_trace/1", "fisher_trace/3"]
    assert found["fisher_trace"] == pytest.approx(found["fisher_trace/1"] + found["fisher_trace/3"])


def test_it_is_built_from_text():
    assert build_probes("fisher")[0].labels == "exact"
    assert build_probes("fisher:5,examples=9")[0].labels == 5


@pytest.mark.parametrize("labels", ["all", 0, True, 1.5])
def test_labels_that_cannot_be(labels):
    with pytest.raises(BadInput, match="fisher: labels="):
        Fisher(labels)


def test_rows_are_not_mistaken_for_steps_of_a_sequence_of_that_length():
    class TimeFirst(nn.Module):
        """Its first layer is given (time, rows, numbers)."""

        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(4, 5), nn.Linear(5, 3)

        def forward(self, x):
            """Logits."""
            return self.last(self.first(x.transpose(0, 1)).tanh().mean(dim=0))

    torch.manual_seed(0)
    net, x, pulled = TimeFirst().eval(), torch.randn(6, 6, 4), torch.randn(6, 3)
    found = []
    for closed in (True, False):
        squares = SquaredNorms(net, closed=closed)
        squares.rows_at_once(x)
        with squares.forward_pass(x) as passed:
            found.append(passed.squared_norms(pulled)["first"])
    torch.testing.assert_close(*found)
