"""The meta-gradient is exact: central differences, and double backward through the virtual step, agree with it."""

import pytest
import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call
from torch.testing import assert_close

from noisewise.errors import BadInput
from noisewise.methods.learned.l2rw import L2RW, helpful_weights
from noisewise.methods.learned.meta_weight_net import WeightNet
from noisewise.methods.losses.gce import GCE
from noisewise.training.batch import Clock, cross_entropy
from noisewise.training.meta import Learned, ahead
from noisewise.training.networks import Networks
from noisewise.training.step import objective_of, step

from ..support import assert_caught, make_batch, mlp, rng, twins


@pytest.fixture
def scene():
    """A network, a learner of weights for the GCE loss, its knobs and a batch, in float64."""
    torch.manual_seed(0)
    net = WeightNet(hidden=5).double()
    for parameter in net.parameters():
        parameter.data.mul_(3)
    method = Learned([net, GCE()])
    trusted = make_batch(6, seed=9, dtype=torch.float64)
    batch = make_batch(8, seed=2, dtype=torch.float64, clock=Clock(lr=0.7), auxiliary={"trusted": trusted})
    return Networks([mlp().double()]), method, list(net.parameters()), batch


def meta_gradient(method, batch, nets, knobs):
    """The gradient of the trusted loss by the method's parameters, as a step computes it."""
    seen, tangent = method.along_trusted(batch, nets, nets.trainable(), batch.clock.lr)
    return method.meta_gradient(seen, tangent, knobs)


def trusted_loss(nets, method, batch, *, create_graph=False):
    """The trusted loss after one virtual step, as a function of the method's parameters."""
    params = {name: p.detach().requires_grad_() for name, p in nets.trainable().items()}
    _, objective = objective_of(method, batch, functional_call(nets, params, (batch.x,)))
    inner = torch.autograd.grad(objective, list(params.values()), create_graph=create_graph)
    moved = {name: p - batch.clock.lr * g for (name, p), g in zip(params.items(), inner, strict=True)}
    trusted = batch.auxiliary["trusted"]
    return cross_entropy(functional_call(nets, moved, (trusted.x,)), trusted.y).mean()


def central_difference(nets, method, batch, knob, position, size=1e-5):
    flat = knob.data.view(-1)
    values = []
    for sign in (1, -1):
        flat[position] += sign * size
        values.append(trusted_loss(nets, method, batch).item())
        flat[position] -= sign * size
    return (values[0] - values[1]) / (2 * size)


def check_central_differences(nets, method, knobs, batch):
    for knob, found in zip(knobs, meta_gradient(method, batch, nets, knobs), strict=True):
        for position in range(min(3, knob.numel())):
            expected = central_difference(nets, method, batch, knob, position)
            assert abs(found.view(-1)[position].item() - expected) < 1e-8 + 1e-6 * abs(expected)


def test_the_meta_gradient_is_the_central_difference(scene):
    nets, method, knobs, batch = scene
    assert max(g.abs().max() for g in meta_gradient(method, batch, nets, knobs)) > 1e-4
    check_central_differences(nets, method, knobs, batch)


def test_a_first_order_shortcut_is_caught(scene, monkeypatch):
    nets, method, knobs, batch = scene
    real = ahead.trusted_gradient
    monkeypatch.setattr(ahead, "trusted_gradient", lambda n, params, trusted: real(n, n.trainable(), trusted))
    assert_caught(lambda: check_central_differences(nets, method, knobs, batch))


def test_the_meta_gradient_is_double_backward(scene):
    nets, method, knobs, batch = scene
    expected = torch.autograd.grad(trusted_loss(nets, method, batch, create_graph=True), knobs)
    for found, exact in zip(meta_gradient(method, batch, nets, knobs), expected, strict=True):
        assert_close(found, exact, rtol=1e-9, atol=1e-13)


def test_networks_with_an_unknown_operation_give_the_same(scene):
    nets, method, knobs, batch = scene
    other = Networks([nn.Sequential(nets.nets[0][0], Odd(), nets.nets[0][2])])
    for found, exact in zip(
        meta_gradient(method, batch, other, knobs), meta_gradient(method, batch, nets, knobs), strict=True
    ):
        assert_close(found, exact, rtol=1e-9, atol=1e-13)


class Odd(nn.Module):
    """Tanh by an operation without a rule."""

    def forward(self, x):
        return 1 - 2 * torch.special.expit(-2 * x)


class Once(torch.autograd.Function):
    """Tanh that cannot be differentiated twice."""

    @staticmethod
    def forward(ctx, x):
        y = torch.tanh(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        return gradient * (1 - y**2)


class OnceTanh(nn.Module):
    def forward(self, x):
        return Once.apply(x)


def test_what_cannot_be_differentiated_twice_needs_a_difference(scene):
    nets, method, knobs, batch = scene
    other = Networks([nn.Sequential(nets.nets[0][0], OnceTanh(), nets.nets[0][2])])
    with pytest.raises(BadInput, match="derivative=difference"):
        meta_gradient(method, batch, other, knobs)
    method.derivative = "difference"
    found = torch.cat([g.flatten() for g in meta_gradient(method, batch, other, knobs)])
    method.derivative = "exact"
    exact = torch.cat([g.flatten() for g in meta_gradient(method, batch, nets, knobs)])
    assert_close(found, exact, rtol=0, atol=1e-3 * float(exact.norm()))


@pytest.mark.parametrize("derivative", ["exact", "difference"])
def test_the_forward_pass_is_that_of_the_step(derivative):
    """Dropout draws and statistics of normalisation are those of one plain forward pass, also for the difference."""
    layers = nn.BatchNorm1d(8), nn.Dropout(0.5)
    nets, plain = twins(mlp(0, *layers))
    method = Learned([WeightNet(5)], derivative=derivative)
    batch = make_batch(8, auxiliary={"trusted": make_batch(6, seed=9)})
    torch.manual_seed(5)
    seen, tangent = method.along_trusted(batch, nets, nets.trainable(), 0.1)
    after = torch.rand(1)
    torch.manual_seed(5)
    logits = plain(batch.x)
    assert torch.equal(seen.scores, logits)
    assert torch.equal(torch.rand(1), after)
    for name, buffer in plain.named_buffers():
        assert torch.equal(buffer, nets.get_buffer(name)), name
    assert float(tangent.norm()) < 100  # a difference with other masks is as large as the masks over the step


def test_l2rw_aligns_rows_with_the_trusted_gradient_one_by_one():
    nets, trusted = Networks([mlp().double()]), make_batch(6, seed=9, dtype=torch.float64)
    batch = make_batch(8, seed=2, dtype=torch.float64, auxiliary={"trusted": trusted})
    parameters = list(nets.parameters())

    def gradient(x, y):
        found = torch.autograd.grad(cross_entropy(nets(x), y).mean(), parameters)
        return torch.cat([g.reshape(-1) for g in found])

    goal = gradient(trusted.x, trusted.y)
    by_hand = [gradient(batch.x[i : i + 1], batch.y[i : i + 1]) @ goal for i in range(8)]
    method = L2RW()
    seen = method.along_trusted(batch, nets, nets.trainable(), 0.0)
    assert_close(method.alignment(*seen)[0], torch.stack(by_hand))


def test_helpful_weights_have_mean_one_or_are_all_zero():
    u = torch.tensor([[1.0, -2.0, 3.0], [-1.0, -2.0, 0.0]])
    assert_close(helpful_weights(u), torch.tensor([[0.75, 0.0, 2.25], [0.0, 0.0, 0.0]]))


def test_the_learner_moves_before_the_real_step(scene):
    nets, method, knobs, batch = scene
    before = [k.detach().clone() for k in knobs]
    evaluated = step(nets, method, torch.optim.SGD(nets.parameters(), 0.1), batch, rng())
    assert any(not torch.equal(now, was) for now, was in zip(knobs, before, strict=True))
    net = method.parts[0]
    assert_close(evaluated.w, net.weight(evaluated_without_weights(evaluated)))


def evaluated_without_weights(evaluated):
    return type(evaluated)(
        evaluated.x, evaluated.y, evaluated.index, torch.ones_like(evaluated.w), evaluated.clock, loss=evaluated.losses
    )


def test_nothing_to_learn_and_unknown_optimisers_are_refused():
    with pytest.raises(BadInput, match="nothing to learn"):
        Learned([GCE()])
    with pytest.raises(BadInput, match="optimizer='adagrad' must be one of adam, adamw, sgd"):
        Learned([WeightNet()], optimizer="adagrad")


def test_the_learners_optimiser_is_part_of_its_state(scene):
    nets, method, _, batch = scene
    step(nets, method, torch.optim.SGD(nets.parameters(), 0.1), batch, rng())
    fresh = Learned([WeightNet(hidden=5).double(), GCE()])
    fresh.load_state_dict(method.state_dict())
    stored, loaded = method.meta_optimizer.state_dict()["state"], fresh.meta_optimizer.state_dict()["state"]
    assert stored.keys() == loaded.keys() != set()
    assert all(torch.equal(stored[k]["exp_avg"], loaded[k]["exp_avg"]) for k in stored)
