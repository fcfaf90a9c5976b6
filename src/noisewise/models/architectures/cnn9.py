"""The nine-layer convolutional network of co-teaching.

Han, Yao, Yu, Niu, Xu, Hu, Tsang and Sugiyama, Co-teaching: Robust training of deep neural networks with extremely noisy
labels, NeurIPS 2018, table 2.
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from noisewise.models import checks
from noisewise.models.card import ModelCard, with_card
from noisewise.models.layers import MaxPool2x2, MeanPool, PadTo

SMALLEST = 28


@with_card(
    ModelCard(
        name="cnn9",
        does="nine convolutions with batch normalisation, leaky ReLU and dropout",
        paper="Han et al., Co-teaching, NeurIPS 2018, table 2",
        parameters="4,434,570 on 32x32x3 images and 10 classes",
        example="cnn9:dropout=0.25",
        smallest=SMALLEST,
        departures="dropout removes whole channels, as in the authors' program, but only in training",
    ),
    {"dropout": checks.DROPOUT},
)
def cnn9(shape: tuple[int, ...], classes: int, dropout: float = 0.25) -> nn.Sequential:
    """Three blocks of three 3x3 convolutions; the last block has no padding.

    Args:
        shape: (H, W, C); H and W below 28 are zero padded to 28.
        classes: K.
        dropout: share of channels dropped after the first and the second block, in [0, 1).

    Raises:
        BadInput: the inputs are vectors, or dropout is outside [0, 1).
    """
    _, _, channels = checks.image("cnn9", shape)
    return nn.Sequential(
        PadTo(SMALLEST),
        *_block(channels, (128, 128, 128), padding=1),
        MaxPool2x2(),
        nn.Dropout2d(dropout),
        *_block(128, (256, 256, 256), padding=1),
        MaxPool2x2(),
        nn.Dropout2d(dropout),
        *_block(256, (512, 256, 128), padding=0),
        MeanPool(),
        nn.Linear(128, classes),
    )


def _block(inputs: int, widths: tuple[int, ...], padding: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for i, o in pairwise((inputs, *widths)):
        layers += [nn.Conv2d(i, o, 3, padding=padding), nn.BatchNorm2d(o), nn.LeakyReLU(0.01)]
    return layers
