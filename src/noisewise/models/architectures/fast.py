"""A small network for training in seconds per epoch on a CPU.

A strided 4x4 stem reduces the positions of the first wide layer to a quarter. Pooling comes before normalisation and
ReLU, which then process a quarter of the values. Residual blocks are used only where images are small, and all widths
are multiples of 16 by default.
"""

from __future__ import annotations

from torch import nn

from noisewise.bounds import whole
from noisewise.models import checks
from noisewise.models.card import ModelCard, with_card
from noisewise.models.layers import MaxPool, MaxPool2x2, PadTo, Residual, conv3x3

SMALLEST = 8


@with_card(
    ModelCard(
        name="fast",
        does="a small residual network that trains quickly on a CPU",
        paper="none: designed for this library, after He, Zhang, Ren and Sun, CVPR 2016",
        parameters="116,714 on 28x28x1 images and 10 classes",
        example="fast:width=32",
        smallest=SMALLEST,
    ),
    {"width": whole(1, 10_000)},
)
def fast(shape: tuple[int, ...], classes: int, width: int = 16) -> nn.Sequential:
    """Six 3x3 convolutions behind a strided stem, a maximum over positions, and one linear layer.

    Args:
        shape: (H, W, C); H and W below 8 are zero padded to 8.
        classes: K.
        width: channels of the stem; the later layers have two and four times as many.

    Raises:
        BadInput: the inputs are vectors, or the width is not a whole number from 1.
    """
    _, _, channels = checks.image("fast", shape)
    w = width
    return nn.Sequential(
        PadTo(SMALLEST),
        nn.Conv2d(channels, w, 4, stride=2, padding=1, bias=False),
        *_normalised(w),
        conv3x3(w, 2 * w),
        MaxPool2x2(),
        *_normalised(2 * w),
        _block(2 * w),
        conv3x3(2 * w, 4 * w),
        MaxPool2x2(),
        *_normalised(4 * w),
        _block(4 * w),
        MaxPool(),
        nn.Linear(4 * w, classes),
    )


def _block(width: int) -> Residual:
    return Residual(conv3x3(width, width), *_normalised(width), conv3x3(width, width), *_normalised(width))


def _normalised(width: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
