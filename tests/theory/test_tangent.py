import math

import numpy as np
import pytest
import torch
from torch import nn

from noisewise.errors import BadInput
from noisewise.theory.tangent import (
    TangentNet,
    alignment,
    centred,
    empirical_tangent,
    infinite_kernels,
    linearised,
    relative_difference,
)
from noisewise.theory.wide import infinite_gram, unit_rows


@pytest.fixture
def x():
    return unit_rows(np.random.default_rng(0).normal(size=(7, 5)))


def by_autograd(net, x, output=0):
    """The kernel of one output, a gradient per row."""
    rows = []
    for row in x:
        gradients = torch.autograd.grad(net(row[None])[0, output], list(net.parameters()))
        rows.append(torch.cat([one.flatten() for one in gradients]))
    rows = torch.stack(rows)
    return (rows @ rows.T).double().numpy()


def test_infinite_width_by_hand():
    """Right angles: Sigma_1 = 1 / pi and Theta_1 = 0 + Sigma_1; then once more with a cosine of 1 / pi."""
    x, c = np.eye(2), 1 / math.pi
    one, two = infinite_kernels(x, hidden=1), infinite_kernels(x, hidden=2)
    assert one.output == pytest.approx(np.array([[1, c], [c, 1]]))
    assert one.tangent == pytest.approx(np.array([[2, c], [c, 2]]))
    angle = math.pi - math.acos(c)
    output = (c * angle + math.sqrt(1 - c * c)) / math.pi
    assert two.output[0, 1] == pytest.approx(output)
    assert two.tangent[0, 1] == pytest.approx(c * angle / math.pi + output)
    assert np.diag(infinite_kernels(x, hidden=6).tangent).tolist() == [7.0, 7.0]
    assert infinite_kernels(x, hidden=0).tangent.tolist() == x.tolist()


def test_infinite_width_grows_with_both_lengths(x):
    long = infinite_kernels(2 * x, 3 * x, hidden=3)
    short = infinite_kernels(x, hidden=3)
    assert long.tangent == pytest.approx(6 * short.tangent, rel=1e-6)
    assert long.output == pytest.approx(6 * short.output, rel=1e-6)
    with pytest.raises(BadInput, match="hidden=-1"):
        infinite_kernels(x, hidden=-1)


def test_the_first_layer_is_the_gram_matrix_of_two_layer_networks(x):
    found = infinite_kernels(x, hidden=1)
    assert found.tangent - found.output == pytest.approx(2 * infinite_gram(x), abs=1e-12)


@pytest.mark.parametrize("hidden", [1, 2])
def test_wide_networks_have_nearly_the_kernel_of_infinite_width(x, hidden):
    points, limit = torch.tensor(x, dtype=torch.float32), infinite_kernels(x, hidden=hidden)
    off = {
        width: np.mean(
            [relative_difference(TangentNet(5, width, hidden, s).tangent(points), limit.tangent) for s in range(4)]
        )
        for width in (32, 2048)
    }
    assert off[2048] < 0.08 < off[32]
    outputs = torch.cat([TangentNet(5, 512, hidden, seed)(points) for seed in range(400)], dim=1).detach().double()
    assert (outputs @ outputs.T / 400).numpy() == pytest.approx(limit.output, abs=0.25)


@pytest.mark.parametrize("hidden", [1, 3])
def test_three_computations_of_the_kernel_agree(x, hidden):
    net, points = TangentNet(5, 8, hidden, seed=1), torch.tensor(x, dtype=torch.float32)
    found = by_autograd(net, points)
    assert net.tangent(points) == pytest.approx(found, rel=1e-4, abs=1e-4)
    assert net.tangent(points[:3], points) == pytest.approx(found[:3], rel=1e-4, abs=1e-4)
    for block in (1, 3, 100):
        assert empirical_tangent(net, points, block=block) == pytest.approx(found, rel=1e-4, abs=1e-4)
    across = empirical_tangent(net, points[:4], points, block=3)
    assert across == pytest.approx(found[:4], rel=1e-4, abs=1e-4)


def test_kernel_of_a_linear_layer_by_hand(x):
    """By the weights of an output x . x', by its bias 1; the mean over three outputs is the same."""
    points = torch.tensor(x, dtype=torch.float32)
    assert empirical_tangent(nn.Linear(5, 3), points) == pytest.approx(x @ x.T + 1, abs=1e-5)
    frozen = nn.Linear(5, 3)
    frozen.bias.requires_grad_(False)
    assert empirical_tangent(frozen, points) == pytest.approx(x @ x.T, abs=1e-5)


def test_any_network_in_evaluation_mode(x):
    points = torch.tensor(x, dtype=torch.float32)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, 2))
    net.train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = empirical_tangent(net, points, block=4)
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    net.eval()
    assert found == pytest.approx((by_autograd(net, points) + by_autograd(net, points, 1)) / 2, rel=1e-4, abs=1e-4)


def test_a_linear_model_is_its_own_linearisation():
    rng = np.random.default_rng(2)
    x, others, y, w = rng.normal(size=(4, 6)), rng.normal(size=(3, 6)), rng.normal(size=4), rng.normal(size=6)
    kernel, start, elsewhere = x @ x.T, x @ w, others @ w
    rate, trained = 1 / np.linalg.eigvalsh(kernel)[-1], {0: w}
    for step in range(1, 31):
        trained[step] = trained[step - 1] - rate * x.T @ (x @ trained[step - 1] - y)
    found = linearised(kernel, y, start, rate, [0, 1, 30])
    held = linearised(kernel, y, start, rate, [0, 1, 30], others @ x.T, elsewhere)
    for i, step in enumerate((0, 1, 30)):
        assert found[i] == pytest.approx(x @ trained[step])
        assert held[i] == pytest.approx(others @ trained[step])


def test_linearised_with_a_singular_kernel():
    """Two equal points with different labels end at the mean of them, here and elsewhere."""
    kernel, y = np.ones((2, 2)), np.array([1.0, -3.0])
    assert linearised(kernel, y, np.zeros(2), 0.5, [1, 99]) == pytest.approx(-np.ones((2, 2)))
    held = linearised(kernel, y, np.zeros(2), 0.5, [1], np.ones((1, 2)), np.zeros(1))
    assert held == pytest.approx(-np.ones((1, 1)))


def test_alignment_by_hand():
    y = np.array([1.0, -1.0, 1.0, 1.0])
    assert alignment(np.outer(y, y), y) == pytest.approx(1.0)
    assert alignment(np.eye(4), y) == pytest.approx(0.5)
    assert alignment(np.ones((4, 4)), y) == pytest.approx(4 / 16)
    with pytest.raises(BadInput, match="must not be all zero"):
        alignment(np.zeros((4, 4)), y)


def test_centred_features(x):
    middle = x - x.mean(axis=0)
    assert centred(x @ x.T + 3) == pytest.approx(middle @ middle.T)


def test_bad_input():
    with pytest.raises(BadInput, match="width=0"):
        TangentNet(3, 0)
    with pytest.raises(BadInput, match="block=0"):
        empirical_tangent(nn.Linear(2, 1), torch.zeros(1, 2), block=0)
    with pytest.raises(BadInput, match="ReLU has no weights"):
        empirical_tangent(nn.ReLU(), torch.zeros(1, 2))
    with pytest.raises(BadInput, match=r"rate=2\.5"):
        linearised(np.eye(2), np.ones(2), np.zeros(2), 2.5, [1])
    with pytest.raises(BadInput, match="given together"):
        linearised(np.eye(2), np.ones(2), np.zeros(2), 0.5, [1], np.eye(2))
