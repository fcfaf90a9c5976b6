"""The probe of gradient noise, exact on linear models and without a trace on networks."""

import numpy as np
import pytest
import torch
from torch import nn

from noisewise import models
from noisewise.errors import BadInput
from noisewise.probes import PROBES, Subject
from noisewise.probes.gradient_noise import GradientNoise, gradient_moments


def subject(net, n=12, shape=(3,), classes=3, seed=0):
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(n, *shape, generator=rng)
    given = torch.randint(classes, (n,), generator=rng)
    return Subject(x, given, classes, rng, net)


def linear(classes=3, inputs=3):
    net = nn.Linear(inputs, classes, bias=False)
    nn.init.zeros_(net.weight)
    return net


def gradients_by_hand(x, given, classes):
    """(n, K, d) of a linear model at zero: (1/K - onehot) x, since all probabilities are 1/K."""
    return (1 / classes - np.eye(classes)[given])[:, :, None] * x[:, None, :]


@pytest.mark.parametrize("batch", [1, 3])
def test_a_linear_model_is_measured_exactly(batch):
    looked = subject(linear(), n=13)
    count = 13 // batch
    single = gradients_by_hand(looked.x.double().numpy(), looked.given.numpy(), 3)[: count * batch].reshape(-1, 9)
    each = single.reshape(count, batch, 9).mean(axis=1)
    trace = each.var(axis=0, ddof=1).sum()
    squared = (each.mean(axis=0) ** 2).sum()
    found = GradientNoise(batch=batch).measure(looked)
    assert found["gradient_signal"] == pytest.approx(np.sqrt(squared), rel=1e-5)
    assert found["gradient_noise"] == pytest.approx(np.sqrt(trace), rel=1e-5)
    assert found["gradient_ratio"] == pytest.approx(np.sqrt(squared / trace), rel=1e-5)
    true = squared - trace / count
    if true > 0:
        assert found["noise_scale"] == pytest.approx(batch * trace / true, rel=1e-4)
    else:
        assert np.isnan(found["noise_scale"])


def test_two_rows_by_hand():
    """x = 1 and x = 3 of class 0 of two, at zero weights: gradients (-1/2, 1/2) x, so means 2 and deviations by 1."""
    net = linear(classes=2, inputs=1)
    looked = Subject(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 0]), 2, torch.Generator(), net)
    found = GradientNoise().measure(looked)
    assert found["gradient_signal"] == pytest.approx(np.sqrt(2))
    assert found["gradient_noise"] == pytest.approx(1.0)
    assert found["gradient_ratio"] == pytest.approx(np.sqrt(2))
    assert found["noise_scale"] == pytest.approx(1 / 1.5)


def test_layers_add_up_to_the_whole():
    looked = subject(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 3)))
    found = GradientNoise().measure(looked)
    for column in ("gradient_signal", "gradient_noise"):
        parts = [found[f"{column}/{layer}"] for layer in ("0", "2")]
        assert np.hypot(*parts) == pytest.approx(found[column], rel=1e-6)


def test_equal_rows_have_no_noise_and_opposed_ones_no_signal():
    net = linear(classes=2, inputs=1)
    same = Subject(torch.ones(4, 1), torch.zeros(4, dtype=torch.int64), 2, torch.Generator(), net)
    assert GradientNoise().measure(same)["gradient_noise"] == 0
    assert np.isnan(GradientNoise().measure(same)["gradient_ratio"])
    opposed = Subject(torch.ones(4, 1), torch.tensor([0, 1, 0, 1]), 2, torch.Generator(), net)
    found = GradientNoise().measure(opposed)
    assert found["gradient_signal"] == found["gradient_ratio"] == 0
    assert np.isnan(found["noise_scale"])


@pytest.mark.parametrize("model", ["mlp:8", "fast:width=4", "lenet"])
def test_moments_agree_with_a_loop_and_leave_the_network_unchanged(model):
    net = models.build(model, (28, 28, 1), 3, seed=0).eval()
    looked = subject(net, n=6, shape=(1, 28, 28))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    found = GradientNoise().measure(looked)["gradient_noise"]
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    each = []
    for row, given in zip(looked.x, looked.given, strict=True):
        loss = nn.functional.cross_entropy(net(row[None]), given[None])
        each.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(net.parameters()))]))
    assert found == pytest.approx(float(torch.stack(each).var(dim=0).sum().sqrt()), rel=1e-4)


def test_frozen_layers_count_too():
    net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 3))
    looked = subject(net)
    before = gradient_moments(net, looked.x, looked.given)
    net[0].requires_grad_(False)
    assert gradient_moments(net, looked.x, looked.given) == before
    assert set(before[1]) == {"0", "2"}


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(BadInput, match="batch=0"):
        GradientNoise(batch=0)
    with pytest.raises(BadInput, match="fewer than two batches of 7"):
        GradientNoise(batch=7).measure(subject(linear()))
    with pytest.raises(BadInput, match="attach"):
        GradientNoise().measure(subject(None))


def test_it_is_in_the_catalogue():
    assert PROBES["gradient-noise"] is GradientNoise
