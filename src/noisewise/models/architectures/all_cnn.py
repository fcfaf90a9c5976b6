"""The all-convolutional network, as used in the study of critical learning periods.

Springenberg, Dosovitskiy, Brox and Riedmiller, Striving for simplicity: The all convolutional net, ICLR 2015; in the
form of Achille, Rovere and Soatto, Critical learning periods in deep networks, ICLR 2019, appendix A: batch
normalisation after every convolution, and twice the channels from the third on.
"""

from __future__ import annotations

from torch import nn

from noisewise.bounds import one_of
from noisewise.models import checks
from noisewise.models.card import ModelCard, with_card
from noisewise.models.layers import MeanPool, he_forward

LAYERS = ((96, 3, 1), (96, 3, 1), (192, 3, 2), (192, 3, 1), (192, 3, 1), (192, 3, 2), (192, 3, 1), (192, 1, 1))


@with_card(
    ModelCard(
        name="all-cnn",
        does="nine convolutions with batch normalisation, strides in place of pooling",
        paper="Springenberg et al., ICLR 2015; as in Achille, Rovere and Soatto, ICLR 2019, appendix A",
        parameters="1,621,354 on 32x32x3 images and 10 classes",
        example="all-cnn:last=linear",
        departures="the last 1x1 convolution comes after the mean over all positions, which gives the same logits; it "
        "has neither normalisation nor ReLU, except with last=relu, which follows the published list of layers exactly",
    ),
    {"last": one_of("linear", "relu")},
)
def all_cnn(shape: tuple[int, ...], classes: int, last: str = "linear") -> nn.Sequential:
    """3x3 convolutions 96, 96, 192 (stride 2), 192, 192, 192 (stride 2), 192, 1x1 convolutions 192 and K, and the mean.

    Args:
        shape: (H, W, C) of any size.
        classes: K.
        last: "linear": neither normalisation nor ReLU after the last convolution; "relu": both, which makes logits
            non-negative and leaves the network without a linear layer whose inputs could serve as features.

    Raises:
        BadInput: the inputs are vectors, or `last` is another word.
    """
    _, _, channels = checks.image("all-cnn", shape)
    layers: list[nn.Module] = []
    for outputs, size, stride in LAYERS:
        layers += _conv(channels, outputs, size, stride)
        channels = outputs
    if last == "relu":
        return he_forward(nn.Sequential(*layers, *_conv(channels, classes, 1, 1), MeanPool()))
    return he_forward(nn.Sequential(*layers, MeanPool(), nn.Linear(channels, classes)))


def _conv(inputs: int, outputs: int, size: int, stride: int) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]
