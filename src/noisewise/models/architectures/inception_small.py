"""The small Inception of the experiments with random labels.

Zhang, Bengio, Hardt, Recht and Vinyals, Understanding deep learning requires rethinking generalization, ICLR 2017,
figure 3 and table 1: 1,649,402 parameters on 28x28x3 images, with and without batch normalisation. It follows that
the normalisation has no trainable scale and shift, and that the convolutions have biases.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from noisewise.models import checks
from noisewise.models.card import ModelCard, with_card
from noisewise.models.layers import MeanPool, dropped, he_forward


class Inception(nn.Module):
    """A 1x1 and a 3x3 convolution side by side: (B, C, H, W) to (B, `ones` + `threes`, H, W).

    Args:
        inputs: channels C.
        ones: channels from the 1x1 convolution.
        threes: from the 3x3 convolution.
        norm: whether batches are normalised.
    """

    def __init__(self, inputs: int, ones: int, threes: int, norm: bool) -> None:
        super().__init__()
        self.ones, self.threes = _conv(inputs, ones, 1, norm), _conv(inputs, threes, 3, norm)

    def forward(self, x: Tensor) -> Tensor:
        """(B, `ones` + `threes`, H, W)."""
        return torch.cat((self.ones(x), self.threes(x)), dim=1)


class Down(nn.Module):
    """A 3x3 convolution and 3x3 max pooling side by side, both with stride 2.

    (B, C, H, W) to (B, `threes` + C, H / 2, W / 2), sides rounded up.

    Args:
        inputs: channels C.
        threes: channels from the convolution.
        norm: whether batches are normalised.
    """

    def __init__(self, inputs: int, threes: int, norm: bool) -> None:
        super().__init__()
        self.threes, self.pool = _conv(inputs, threes, 3, norm, stride=2), nn.MaxPool2d(3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, `threes` + C, H / 2, W / 2)."""
        return torch.cat((self.threes(x), self.pool(x)), dim=1)


@with_card(
    ModelCard(
        name="inception-small",
        does="eight Inception blocks of 1x1 and 3x3 convolutions, with or without batch normalisation",
        paper="Zhang, Bengio, Hardt, Recht and Vinyals, ICLR 2017, figure 3",
        parameters="1,649,402 on 28x28x3 images and 10 classes, with and without batch normalisation",
        example="inception-small:norm=false",
        departures="the mean is taken over all remaining positions, 7x7 for 28x28 images; the paper does not name the "
        "initial weights, here they are normal, after He et al., ICCV 2015",
    ),
    {"dropout": checks.DROPOUT},
)
def inception_small(shape: tuple[int, ...], classes: int, norm: bool = True, dropout: float = 0.0) -> nn.Sequential:
    """A 3x3 convolution, two Inception blocks, down; four, down; two, the mean over all positions, and K.

    Args:
        shape: (H, W, C) of any size.
        classes: K.
        norm: whether batch normalisation, without scale and shift, follows every convolution.
        dropout: in [0, 1), the probability with which a mean is dropped, before the last layer.

    Raises:
        BadInput: the inputs are vectors, norm is not true or false, or dropout is outside [0, 1).
    """
    _, _, channels = checks.image("inception-small", shape)
    return he_forward(
        nn.Sequential(
            _conv(channels, 96, 3, norm),
            *_stage(96, ((32, 32), (32, 48)), norm),
            Down(80, 80, norm),
            *_stage(160, ((112, 48), (96, 64), (80, 80), (48, 96)), norm),
            Down(144, 96, norm),
            *_stage(240, ((176, 160), (176, 160)), norm),
            MeanPool(),
            *dropped(dropout),
            nn.Linear(336, classes),
        )
    )


def _stage(inputs: int, widths: tuple[tuple[int, int], ...], norm: bool) -> list[nn.Module]:
    before = (inputs, *(ones + threes for ones, threes in widths))
    return [Inception(i, ones, threes, norm) for i, (ones, threes) in zip(before, widths, strict=False)]


def _conv(inputs: int, outputs: int, size: int, norm: bool, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2)
    return nn.Sequential(conv, *([nn.BatchNorm2d(outputs, affine=False)] if norm else []), nn.ReLU())
