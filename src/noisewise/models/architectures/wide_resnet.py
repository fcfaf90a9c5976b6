"""Wide residual network WRN-28-10: 28 layers, ten times as wide as the thin network for CIFAR.

Zagoruyko and Komodakis, Wide residual networks, BMVC 2016, table 1.
"""

from __future__ import annotations

from torch import nn

from noisewise.models import checks
from noisewise.models.architectures.preact_resnet import stages
from noisewise.models.card import ModelCard, with_card
from noisewise.models.layers import MeanPool, conv3x3, he_initialise


@with_card(
    ModelCard(
        name="wide-resnet-28-10",
        does="a residual network of 28 layers with 160, 320 and 640 channels",
        paper="Zagoruyko and Komodakis, BMVC 2016",
        parameters="36,479,194 on 32x32x3 images and 10 classes; the paper says 36.5M",
        example="wide-resnet-28-10:dropout=0.3",
    ),
    {"dropout": checks.DROPOUT},
)
def wide_resnet_28_10(shape: tuple[int, ...], classes: int, dropout: float = 0.0) -> nn.Sequential:
    """A stem of 16 channels and three stages of four pre-activated blocks.

    Args:
        shape: (H, W, C) of any size.
        classes: K.
        dropout: share of the values dropped within each block, in [0, 1); the paper uses 0.3 with CIFAR.

    Raises:
        BadInput: the inputs are vectors, or dropout is outside [0, 1).
    """
    _, _, channels = checks.image("wide-resnet-28-10", shape)
    blocks = stages(16, (160, 320, 640), depth=4, dropout=dropout)
    last = nn.Linear(640, classes)
    nn.init.zeros_(last.bias)
    return he_initialise(
        nn.Sequential(conv3x3(channels, 16), *blocks, nn.BatchNorm2d(640), nn.ReLU(), MeanPool(), last)
    )
