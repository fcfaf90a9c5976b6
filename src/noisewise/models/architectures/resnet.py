"""Residual networks for small images: ResNet-32 of the paper's CIFAR section, and ResNet-18 with a small stem.

He, Zhang, Ren and Sun, Deep residual learning for image recognition, CVPR 2016.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from noisewise.models import checks
from noisewise.models.card import ModelCard, with_card
from noisewise.models.layers import MeanPool, conv3x3, he_initialise

PAPER = "He, Zhang, Ren and Sun, CVPR 2016"


class Subsample(nn.Module):
    """The shortcut without parameters (option A): every stride-th position, and zeros for new channels."""

    def __init__(self, new: int, stride: int) -> None:
        super().__init__()
        self.new, self.stride = new, stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, C + new, H / stride, W / stride), rounded up."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new))


def projection(inputs: int, outputs: int, stride: int) -> nn.Module:
    """The shortcut with parameters (option B): a 1x1 convolution with normalisation."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """Two 3x3 convolutions with a shortcut: relu(f(x) + shortcut(x)), eq. (1) and (2)."""

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: nn.Module) -> None:
        super().__init__()
        self.conv1, self.norm1 = conv3x3(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.norm2 = conv3x3(outputs, outputs), nn.BatchNorm2d(outputs)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """(B, outputs, H / stride, W / stride), rounded up."""
        inside = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(inside + self.shortcut(x))


@with_card(
    ModelCard(
        name="resnet18",
        does="ResNet-18 for small images: a 3x3 stem of stride 1 and no max pooling",
        paper=PAPER,
        parameters="11,173,962 on 32x32x3 images and 10 classes",
        example="resnet18",
        departures="the stem, made for ImageNet in the paper, is a 3x3 convolution, as is usual for CIFAR",
    )
)
def resnet18(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """Four stages of two blocks with 64, 128, 256 and 512 channels, projection shortcuts.

    Args:
        shape: (H, W, C) of any size.
        classes: K.

    Raises:
        BadInput: the inputs are vectors.
    """
    _, _, channels = checks.image("resnet18", shape)
    return _resnet(channels, classes, widths=(64, 128, 256, 512), depth=2, option="B")


@with_card(
    ModelCard(
        name="resnet32",
        does="the ResNet-32 designed for CIFAR: thin, 31 convolutions, shortcuts without parameters",
        paper=PAPER + ", section 4.2",
        parameters="464,154 on 32x32x3 images and 10 classes; the paper says 0.46M",
        example="resnet32",
    )
)
def resnet32(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """Three stages of five blocks with 16, 32 and 64 channels, shortcuts of option A.

    Args:
        shape: (H, W, C) of any size.
        classes: K.

    Raises:
        BadInput: the inputs are vectors.
    """
    _, _, channels = checks.image("resnet32", shape)
    return _resnet(channels, classes, widths=(16, 32, 64), depth=5, option="A")


def _resnet(channels: int, classes: int, widths: tuple[int, ...], depth: int, option: str) -> nn.Sequential:
    first, last = widths[0], widths[-1]
    layers: list[nn.Module] = [conv3x3(channels, first), nn.BatchNorm2d(first), nn.ReLU()]
    for stage, outputs in enumerate(widths):
        for position in range(depth):
            widening = stage > 0 and position == 0
            inputs = widths[stage - 1] if widening else outputs
            stride = 2 if widening else 1
            layers.append(Block(inputs, outputs, stride, _shortcut(inputs, outputs, stride, option)))
    return he_initialise(nn.Sequential(*layers, MeanPool(), nn.Linear(last, classes)))


def _shortcut(inputs: int, outputs: int, stride: int, option: str) -> nn.Module:
    if inputs == outputs:
        return nn.Identity()
    return Subsample(outputs - inputs, stride) if option == "A" else projection(inputs, outputs, stride)
