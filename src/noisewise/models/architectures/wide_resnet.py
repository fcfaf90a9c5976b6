"""Wide residual networks: WRN-28-10 by default, 28 layers ten times as wide as the thin network for CIFAR.

Zagoruyko and Komodakis, Wide residual networks, BMVC 2016, table 1.
"""

from __future__ import annotations

from torch import nn

from noisewise.bounds import Bound, whole
from noisewise.models import checks
from noisewise.models.architectures.preact_resnet import stages
from noisewise.models.card import ModelCard, with_card
from noisewise.models.layers import MeanPool, conv3x3, he_initialise

DEPTH = Bound(
    "be 4 more than a multiple of 6, from 10 to 1000", lambda value: whole(10, 1000).allows(value) and value % 6 == 4
)


@with_card(
    ModelCard(
        name="wide-resnet",
        does="a residual network of 16, 32 and 64 channels times a width, such as WRN-28-10 and WRN-40-2",
        paper="Zagoruyko and Komodakis, BMVC 2016",
        parameters="36,479,194 with depth=28,width=10 on 32x32x3 images and 10 classes; the paper says 36.5M",
        example="wide-resnet:depth=40,width=2,dropout=0.3",
    ),
    {"depth": DEPTH, "width": whole(1, 1000), "dropout": checks.DROPOUT},
)
def wide_resnet(
    shape: tuple[int, ...], classes: int, depth: int = 28, width: int = 10, dropout: float = 0.0
) -> nn.Sequential:
    """A stem of 16 channels and three stages of pre-activated blocks.

    Args:
        shape: (H, W, C) of any size.
        classes: K.
        depth: number of layers, 4 more than a multiple of 6.
        width: factor of the channels.
        dropout: share of the values dropped within each block, in [0, 1); the paper uses 0.3 with CIFAR.

    Raises:
        BadInput: the inputs are vectors, or an option is outside its range.
    """
    _, _, channels = checks.image("wide-resnet", shape)
    widths = (16 * width, 32 * width, 64 * width)
    blocks = stages(16, widths, depth=(depth - 4) // 6, dropout=dropout)
    last = nn.Linear(widths[-1], classes)
    nn.init.zeros_(last.bias)
    return he_initialise(
        nn.Sequential(conv3x3(channels, 16), *blocks, nn.BatchNorm2d(widths[-1]), nn.ReLU(), MeanPool(), last)
    )
