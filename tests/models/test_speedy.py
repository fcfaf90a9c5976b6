"""The whitening layer: what it computes, from which rows, and where it comes from."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from noisewise.data import load
from noisewise.methods import build as method
from noisewise.models import build
from noisewise.models.layers import Whitening
from noisewise.training import Config, Training


def pictures(count=40, channels=3, side=12, seed=0):
    smooth = torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(seed))
    return F.avg_pool2d(smooth, 3, stride=1, padding=1) + smooth[:, :1]


def whitening(net):
    return next(module for module in net.modules() if isinstance(module, Whitening))


@pytest.mark.parametrize("channels", [1, 3])
def test_outputs_are_uncorrelated_over_patches_of_the_inputs(channels):
    x = pictures(channels=channels)
    layer = Whitening(channels, 2)
    layer.fit(x)
    out = layer(x)
    half = layer.outputs // 2
    assert half == 4 * channels
    assert torch.equal(out[:, half:], -out[:, :half])
    flat = out[:, :half].transpose(0, 1).flatten(1)
    second = flat @ flat.T / flat.shape[1]
    assert torch.allclose(second - second.diag().diag(), torch.zeros(half, half), atol=1e-3)
    assert ((second.diag() > 0.9) & (second.diag() < 1.001)).all()


def test_of_many_channels_the_largest_directions_are_kept():
    layer = Whitening(20, 2)
    before = layer.weight.shape
    layer.fit(pictures(channels=20))
    assert layer.weight.shape == before == (2 * Whitening.MOST, 20, 2, 2)
    sizes = layer.weight[: Whitening.MOST].flatten(1).norm(dim=1)
    assert (sizes.diff() >= -1e-4 * sizes[1:]).all()  # small filters for large variances


def test_constant_inputs_give_finite_filters():
    layer = Whitening(1, 2)
    layer.fit(torch.zeros(3, 1, 8, 8))
    assert layer.weight.isfinite().all()


def test_a_training_computes_the_first_layer_from_its_rows():
    data = load("digits")
    training = Training(data, "speedy:width=2", Config(epochs=1, validation=0.0))
    net = training.learner().nets[0]
    layer = whitening(net)
    expected = Whitening(1, 2)
    every = torch.arange(len(training.rows))
    expected.fit(torch.cat([training.rows.prepare(raw, None) for _, raw in training.rows.stream(every, 512)]))
    assert torch.allclose(layer.weight, expected.weight, atol=1e-4)
    before = layer.weight.clone()
    method("ce")(training)
    assert torch.equal(layer.weight, before)  # nothing trains it


def test_without_inputs_the_first_layer_is_drawn_from_the_seed():
    first, again, other = (whitening(build("speedy", (8, 8, 1), 3, seed=seed)).weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_module_keeps_the_weights_it_brings():
    mine = build("speedy:width=2", (8, 8, 1), 3, seed=1)
    kept = build(mine, (8, 8, 1), 3, inputs=lambda: pictures(channels=1, side=8))
    assert torch.equal(whitening(kept).weight, whitening(mine).weight)


def test_convolutions_start_as_the_identity():
    net = build("speedy:width=4", (32, 32, 1), 3)
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    x = pictures(channels=4)
    assert len(convolutions) == 6
    assert torch.allclose(convolutions[1](x), x)
