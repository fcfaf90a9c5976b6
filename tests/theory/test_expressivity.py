import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from noisewise.errors import BadInput
from noisewise.theory.expressivity import DeepMemoriser, Memoriser, count_weights, hinges, memorise, memorise_deep


def points(n, d=20, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.integers(10, size=n).astype(float)


def residual(net, x, y):
    with torch.no_grad():
        return float((net(torch.as_tensor(x)) - torch.as_tensor(y)).abs().max())


def test_two_points_by_hand():
    net = memorise(np.array([[0.0], [1.0]]), np.array([3.0, -1.0]))
    with torch.no_grad():
        assert net(torch.tensor([[0.0], [1.0]])).tolist() == pytest.approx([3.0, -1.0])


def test_any_labels_of_many_points():
    x, y = points(5000)
    net = memorise(x, y)
    assert residual(net, x, y) < 1e-6 * np.abs(y).max()
    assert sum(p.numel() for p in net.parameters()) == count_weights(net) == 2 * 5000 + 20


@pytest.mark.parametrize("depth", [2, 3, 5, 11])
def test_depth_spreads_the_hinges(depth):
    n, d = 1000, 20
    x, y = points(n, d)
    net = memorise_deep(x, y, depth)
    assert residual(net, x, y) < 1e-6 * np.abs(y).max()
    assert net.depth == depth
    assert net.width <= math.ceil(n / (depth - 1)) + 3
    assert count_weights(net) <= 5 * n + d + 10 * depth


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(0, 10_000), st.integers(1, 5))
def test_shallow_and_deep_are_the_same_function_on_the_points(n, seed, blocks):
    x, y = points(n, 3, seed)
    deep = memorise_deep(x, y, min(blocks, n) + 1, seed)
    assert residual(memorise(x, y, seed), x, y) < 1e-6
    assert residual(deep, x, y) < 1e-6


def test_hinges_are_a_sum_of_rectifiers():
    rng = np.random.default_rng(0)
    b, w, z = (
        torch.as_tensor(np.sort(rng.normal(size=30))),
        torch.as_tensor(rng.normal(size=30)),
        torch.randn(200).double(),
    )
    z.requires_grad_()
    w.requires_grad_()
    plain = torch.relu(z[:, None] - b) @ w
    fast = hinges(z, b, w)
    assert torch.allclose(fast, plain, atol=1e-12)
    for one, other in zip(
        torch.autograd.grad(fast.sum(), (z, w)), torch.autograd.grad(plain.sum(), (z, w)), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-12)


def test_images_are_flattened():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 4, 4)), rng.normal(size=50)
    assert residual(memorise(x, y), x, y) < 1e-8


def test_counts_by_hand():
    shallow = Memoriser(torch.zeros(7), torch.zeros(4), torch.zeros(4))
    assert count_weights(shallow) == 15
    deep = DeepMemoriser(torch.zeros(7), torch.zeros(()), torch.zeros(2, 2), torch.zeros(2, 2))
    # a, shift; hinges and their biases; z, s+, s- passed on; w into sums and output; s+, s- into the output
    assert count_weights(deep) == (7 + 1) + 8 + 5 + (4 + 2) + 2


@pytest.mark.parametrize("depth", [1, 0, 7])
def test_depth_has_bounds(depth):
    x, y = points(5)
    with pytest.raises(BadInput, match="depth="):
        memorise_deep(x, y, depth)


def test_equal_points_are_refused():
    with pytest.raises(BadInput, match="the same"):
        memorise(np.ones((2, 3)), np.array([0.0, 1.0]))


def test_values_must_fit():
    with pytest.raises(BadInput, match="a value per point"):
        memorise(np.ones((2, 3)), np.zeros(3))
