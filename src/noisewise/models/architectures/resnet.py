"""Residual networks for small images: ResNet-32 and 44 of the paper; ResNet-18, 34, 50 with a small stem.

He, Zhang, Ren and Sun, Deep residual learning for image recognition, CVPR 2016.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from noisewise.bounds import whole
from noisewise.models import checks
from noisewise.models.card import ModelCard, with_card
from noisewise.models.layers import MeanPool, conv3x3, he_initialise

PAPER = "He, Zhang, Ren and Sun, CVPR 2016"
DEPARTURES = (
    "the stem, made for ImageNet in the paper, is a 3x3 convolution, as is usual for CIFAR; weights start as in the "
    "paper, where most programs of noisy-label papers keep the default of torch"
)
STEM = {"padding": whole(0, 1)}


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


class Bottleneck(nn.Module):
    """A 1x1, a 3x3 and a 1x1 convolution with a shortcut (figure 5); the last one has four times the channels."""

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: nn.Module) -> None:
        super().__init__()
        inner = outputs // 4
        self.conv1, self.norm1 = nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2, self.norm2 = conv3x3(inner, inner, stride), nn.BatchNorm2d(inner)
        self.conv3, self.norm3 = nn.Conv2d(inner, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """(B, outputs, H / stride, W / stride), rounded up."""
        inside = F.relu(self.norm1(self.conv1(x)))
        inside = self.norm3(self.conv3(F.relu(self.norm2(self.conv2(inside)))))
        return F.relu(inside + self.shortcut(x))


@with_card(
    ModelCard(
        name="resnet18",
        does="ResNet-18 for small images: a 3x3 stem of stride 1 and no max pooling",
        paper=PAPER,
        parameters="11,173,962 on 32x32x3 images and 10 classes",
        example="resnet18",
        departures=DEPARTURES,
    ),
    STEM,
)
def resnet18(shape: tuple[int, ...], classes: int, padding: int = 1) -> nn.Sequential:
    """Four stages of two blocks with 64, 128, 256 and 512 channels, projection shortcuts.

    Args:
        shape: (H, W, C) of any size; from 3x3 without padding.
        classes: K.
        padding: of the stem, in pixels; the programs of CDR, T-revision and VolMinNet have 0, others 1.

    Raises:
        BadInput: the inputs are vectors, or padding is neither 0 nor 1.
    """
    _, _, channels = checks.image("resnet18", shape)
    return _resnet(channels, classes, (64, 128, 256, 512), (2, 2, 2, 2), _projected(Block), padding=padding)


@with_card(
    ModelCard(
        name="resnet34",
        does="ResNet-34 for small images: a 3x3 stem of stride 1 and no max pooling",
        paper=PAPER,
        parameters="21,282,122 on 32x32x3 images and 10 classes",
        example="resnet34",
        departures=DEPARTURES,
    ),
    STEM,
)
def resnet34(shape: tuple[int, ...], classes: int, padding: int = 1) -> nn.Sequential:
    """Four stages of 3, 4, 6 and 3 blocks with 64, 128, 256 and 512 channels, projection shortcuts.

    Args:
        shape: (H, W, C) of any size; from 3x3 without padding.
        classes: K.
        padding: of the stem, in pixels; the programs of T-revision and VolMinNet have 0, others 1.

    Raises:
        BadInput: the inputs are vectors, or padding is neither 0 nor 1.
    """
    _, _, channels = checks.image("resnet34", shape)
    return _resnet(channels, classes, (64, 128, 256, 512), (3, 4, 6, 3), _projected(Block), padding=padding)


@with_card(
    ModelCard(
        name="resnet50",
        does="ResNet-50 for small images: bottleneck blocks, a 3x3 stem of stride 1 and no max pooling",
        paper=PAPER,
        parameters="23,520,842 on 32x32x3 images and 10 classes",
        example="resnet50",
        departures=DEPARTURES + "; the 3x3 convolution of a block has its stride, as in torchvision",
    ),
    STEM,
)
def resnet50(shape: tuple[int, ...], classes: int, padding: int = 1) -> nn.Sequential:
    """Four stages of 3, 4, 6 and 3 bottlenecks with 256, 512, 1024 and 2048 channels, projection shortcuts.

    Args:
        shape: (H, W, C) of any size; from 3x3 without padding.
        classes: K.
        padding: of the stem, in pixels; the program of CDR has 0, others 1.

    Raises:
        BadInput: the inputs are vectors, or padding is neither 0 nor 1.
    """
    _, _, channels = checks.image("resnet50", shape)
    make, widths = _projected(Bottleneck), (256, 512, 1024, 2048)
    return _resnet(channels, classes, widths, (3, 4, 6, 3), make, padding=padding, stem=64)


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
    return _resnet(channels, classes, (16, 32, 64), (5, 5, 5), _subsampled)


@with_card(
    ModelCard(
        name="resnet44",
        does="the ResNet-44 designed for CIFAR: thin, 43 convolutions, shortcuts without parameters",
        paper=PAPER + ", section 4.2",
        parameters="658,586 on 32x32x3 images and 10 classes; the paper says 0.66M",
        example="resnet44",
    )
)
def resnet44(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """Three stages of seven blocks with 16, 32 and 64 channels, shortcuts of option A.

    Args:
        shape: (H, W, C) of any size.
        classes: K.

    Raises:
        BadInput: the inputs are vectors.
    """
    _, _, channels = checks.image("resnet44", shape)
    return _resnet(channels, classes, (16, 32, 64), (7, 7, 7), _subsampled)


def _resnet(
    channels: int,
    classes: int,
    widths: tuple[int, ...],
    depths: tuple[int, ...],
    block: Callable[[int, int, int], nn.Module],
    *,
    padding: int = 1,
    stem: int | None = None,
) -> nn.Sequential:
    inputs = widths[0] if stem is None else stem
    first = nn.Conv2d(channels, inputs, 3, padding=padding, bias=False)
    layers: list[nn.Module] = [first, nn.BatchNorm2d(inputs), nn.ReLU()]
    for stage, (outputs, depth) in enumerate(zip(widths, depths, strict=True)):
        for position in range(depth):
            layers.append(block(inputs, outputs, 2 if stage > 0 and position == 0 else 1))
            inputs = outputs
    return he_initialise(nn.Sequential(*layers, MeanPool(), nn.Linear(widths[-1], classes)))


def _subsampled(inputs: int, outputs: int, stride: int) -> nn.Module:
    return Block(inputs, outputs, stride, nn.Identity() if inputs == outputs else Subsample(outputs - inputs, stride))


def _projected(kind: type[Block] | type[Bottleneck]) -> Callable[[int, int, int], nn.Module]:
    """A function that makes blocks of a kind with shortcuts of option B."""

    def make(inputs: int, outputs: int, stride: int) -> nn.Module:
        same = inputs == outputs
        return kind(inputs, outputs, stride, nn.Identity() if same else projection(inputs, outputs, stride))

    return make
