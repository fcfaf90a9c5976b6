"""Layers shared by several models."""

import pytest
import torch
from torch import nn

from noisewise.models import build
from noisewise.models.layers import MaxPool2x2


@pytest.mark.parametrize("shape", [(3, 2, 8, 8), (2, 1, 7, 9), (1, 3, 2, 3), (4, 5, 1, 6)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_maxima_without_a_gradient_are_those_with_one(shape, layout):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).relu().to(memory_format=layout)
    if min(shape[2:]) < 2:
        x = torch.nn.functional.pad(x, (0, 0, 0, 1))
    x[0, 0, 0, 0] = float("nan")
    usual = nn.MaxPool2d(2)(x.requires_grad_())
    with torch.no_grad():
        found = MaxPool2x2()(x)
    assert found.shape == usual.shape
    assert torch.equal(found.nan_to_num(-1.0), usual.detach().nan_to_num(-1.0))
    assert torch.equal(MaxPool2x2()(x).nan_to_num(-1.0), usual.nan_to_num(-1.0))


def test_maxima_in_half_precision_are_the_same():
    x = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1)).bfloat16()
    with torch.no_grad():
        assert torch.equal(MaxPool2x2()(x), nn.MaxPool2d(2)(x))


@pytest.mark.parametrize("name", ["lenet", "cnn9", "fast", "cnn8", "speedy"])
def test_logits_without_a_gradient_are_those_with_one(name):
    net = build(name, (28, 28, 1), 10, seed=0).eval()
    x = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        found = net(x)
    torch.testing.assert_close(found, net(x).detach(), rtol=0, atol=1e-6)
