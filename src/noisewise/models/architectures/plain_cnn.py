"""Plain convolutional networks of 4, 7 and 8 layers, as papers on noisy labels use them for MNIST and CIFAR.

Wei, Feng, Chen and An, Combating noisy labels by agreement (JoCoR), CVPR 2020, table 2 (`cnn7`). Ma, Huang, Wang et
al., Normalized loss functions for deep learning with noisy labels, ICML 2020 (`cnn4`, `cnn8`), also in Wang et al.
(SCE), ICCV 2019, and Ma et al. (D2L), ICML 2018.
"""

from __future__ import annotations

from torch import nn

from noisewise.models import checks
from noisewise.models.card import ModelCard, with_card
from noisewise.models.layers import MaxPool2x2, PadTo

NORMALISED = "Ma, Huang, Wang, Romano, Erfani and Bailey, ICML 2020"


@with_card(
    ModelCard(
        name="cnn4",
        does="two convolutions and two linear layers with normalisation, for small grey images",
        paper=NORMALISED,
        parameters="422,090 on 28x28x1 images and 10 classes",
        example="cnn4",
        smallest=4,
    )
)
def cnn4(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """Two stages of one 3x3 convolution with 32 and 64 channels, and a hidden layer of 128.

    Args:
        shape: (H, W, C); H and W below 4 are zero padded to 4.
        classes: K.

    Raises:
        BadInput: the inputs are vectors.
    """
    return _normalised("cnn4", shape, classes, ((32,), (64,)), 128)


@with_card(
    ModelCard(
        name="cnn7",
        does="six convolutions with normalisation and a linear layer",
        paper="Wei, Feng, Chen and An, JoCoR, CVPR 2020, table 2",
        parameters="518,150 on 32x32x3 images and 10 classes",
        example="cnn7",
        smallest=8,
    )
)
def cnn7(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """Three stages of two 3x3 convolutions with 64, 64, 128, 128, 196 and 16 channels, each halved by max pooling.

    Args:
        shape: (H, W, C); H and W below 8 are zero padded to 8.
        classes: K.

    Raises:
        BadInput: the inputs are vectors.
    """
    convolutions, flat = _stages("cnn7", shape, ((64, 64), (128, 128), (196, 16)))
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(flat, classes))


@with_card(
    ModelCard(
        name="cnn8",
        does="six convolutions and two linear layers with normalisation",
        paper=f"{NORMALISED}; also of SCE and D2L",
        parameters="1,639,794 on 32x32x3 images and 10 classes",
        example="cnn8",
        smallest=8,
    )
)
def cnn8(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """Three stages of two 3x3 convolutions with 64, 128 and 196 channels, and a hidden layer of 256.

    Args:
        shape: (H, W, C); H and W below 8 are zero padded to 8.
        classes: K.

    Raises:
        BadInput: the inputs are vectors.
    """
    return _normalised("cnn8", shape, classes, ((64, 64), (128, 128), (196, 196)), 256)


def _normalised(
    name: str, shape: tuple[int, ...], classes: int, widths: tuple[tuple[int, ...], ...], hidden: int
) -> nn.Sequential:
    convolutions, flat = _stages(name, shape, widths)
    head = [nn.Linear(flat, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, classes)]
    net = nn.Sequential(*convolutions, nn.Flatten(), *head)
    for module in net:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
    return net


def _stages(name: str, shape: tuple[int, ...], widths: tuple[tuple[int, ...], ...]) -> tuple[list[nn.Module], int]:
    """Stages of 3x3 convolutions, each halved by max pooling, and the number of values they end in."""
    height, width, channels = checks.image(name, shape)
    halved = 2 ** len(widths)
    layers: list[nn.Module] = [PadTo(halved)]
    for stage in widths:
        for outputs in stage:
            layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
            channels = outputs
        layers.append(MaxPool2x2())
    return layers, channels * (max(height, halved) // halved) * (max(width, halved) // halved)
