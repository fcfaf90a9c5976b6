"""The networks of the papers on random labels and on critical periods, layer by layer."""

import numpy as np
import pytest
import torch
from torch import nn

from noisewise.errors import BadInput
from noisewise.models import build, penultimate
from noisewise.models.architectures.inception_small import Down, Inception

CROP = (28, 28, 3)


def shapes(net, kinds, shape=CROP):
    """The output shape, without the batch, of every layer of the kinds, in order."""
    seen = []
    for module in net.modules():
        if isinstance(module, kinds):
            module.register_forward_hook(lambda _, __, out: seen.append(tuple(out.shape[1:])))
    with torch.no_grad():
        net.eval()(torch.randn(2, shape[2], *shape[:2]))
    return seen


def test_alexnet_small_halves_twice_and_narrows():
    assert shapes(build("alexnet-small", CROP, 10), (nn.LocalResponseNorm, nn.Linear)) == [
        (64, 14, 14),
        (64, 7, 7),
        (384,),
        (192,),
        (10,),
    ]


def test_local_response_normalisation_is_that_of_the_tutorial_network():
    """b_c = a_c / (1 + 0.001 / 9 * sum over c - 4 .. c + 4 of a^2)^0.75."""
    norm = next(m for m in build("alexnet-small", CROP, 10).modules() if isinstance(m, nn.LocalResponseNorm))
    x = 20 * torch.randn(2, 64, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    a = x.numpy()
    total = np.stack([np.square(a[:, max(c - 4, 0) : c + 5]).sum(axis=1) for c in range(64)], axis=1)
    np.testing.assert_allclose(norm(x).numpy(), a / (1 + 0.001 / 9 * total) ** 0.75, rtol=1e-10)


def test_inception_small_has_the_published_blocks():
    net = build("inception-small", CROP, 10)
    assert shapes(net, (Inception, Down)) == [
        (64, 28, 28),
        (80, 28, 28),
        (160, 14, 14),
        (160, 14, 14),
        (160, 14, 14),
        (160, 14, 14),
        (144, 14, 14),
        (240, 7, 7),
        (336, 7, 7),
        (336, 7, 7),
    ]
    assert penultimate(net, torch.zeros(2, 3, 28, 28)).shape == (2, 336)


def test_inception_small_without_batch_normalisation_has_none():
    def norms(spec):
        return sum(isinstance(m, nn.BatchNorm2d) for m in build(spec, CROP, 10).modules())

    assert norms("inception-small") == 1 + 2 * 8 + 2
    assert norms("inception-small:norm=false") == 0
    with pytest.raises(BadInput, match="inception-small: norm=0 must be true or false"):
        build("inception-small:norm=0", CROP, 10)


def test_all_cnn_has_the_published_layers():
    net = build("all-cnn", (32, 32, 3), 10)
    assert shapes(net, nn.Conv2d, (32, 32, 3)) == [
        (96, 32, 32),
        (96, 32, 32),
        (192, 16, 16),
        (192, 16, 16),
        (192, 16, 16),
        (192, 8, 8),
        (192, 8, 8),
        (192, 8, 8),
    ]


def test_all_cnn_ends_in_what_a_last_convolution_and_a_mean_would_give():
    net = build("all-cnn", (32, 32, 3), 10, seed=2).eval()
    x = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        maps = net[:-2](x)
        expected = nn.functional.conv2d(maps, net[-1].weight[:, :, None, None], net[-1].bias).mean(dim=(2, 3))
        torch.testing.assert_close(net(x), expected, atol=1e-5, rtol=1e-4)


def test_all_cnn_by_the_word_gives_no_logit_below_zero():
    net = build("all-cnn:last=relu", (32, 32, 3), 10).train()
    with torch.no_grad():
        logits = net(torch.randn(4, 3, 32, 32))
    assert logits.shape == (4, 10)
    assert (logits >= 0).all()
    with pytest.raises(BadInput, match="all-cnn: last='conv' must be one of linear, relu"):
        build("all-cnn:last=conv", (32, 32, 3), 10)


@pytest.mark.parametrize("spec", ["alexnet-small", "inception-small", "inception-small:norm=false", "all-cnn"])
def test_weights_start_after_he_and_biases_at_zero(spec):
    net = build(spec, CROP, 10)
    layers = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    for layer in (m for m in layers if m.weight.numel() > 20_000):
        expected = (2 / layer.weight[0].numel()) ** 0.5
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.03)
    assert layers[-1].weight.std().item() == pytest.approx(1 / layers[-1].in_features, rel=0.1)
    assert not any(layer.bias.any() for layer in layers)


@pytest.mark.parametrize("spec", ["alexnet-small", "inception-small:norm=false"])
def test_without_normalisation_activations_keep_their_size(spec):
    x = torch.randn(32, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = penultimate(build(spec, CROP, 10), x)
    assert 0.3 < features.square().mean().sqrt() < 10


@pytest.mark.parametrize("spec", ["alexnet-small", "inception-small", "all-cnn"])
def test_forward_derivatives_exist(spec):
    """Learned stations ask for the derivative of the logits along a direction of the weights."""
    net = build(spec, (8, 8, 1), 3).train()
    for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.track_running_stats = False
    weights = {name: p.detach() for name, p in net.named_parameters()}
    buffers = {name: b.clone() for name, b in net.named_buffers()}
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))

    def logits(values):
        return torch.func.functional_call(net, (values, buffers), (x,))

    along = {name: torch.ones_like(value) for name, value in weights.items()}
    value, derivative = torch.func.jvp(logits, (weights,), (along,))
    assert value.shape == derivative.shape == (4, 3)
    assert derivative.isfinite().all()
    assert derivative.any()
