"""A multi-layer perceptron: linear layers and ReLU, for vectors, tables and flattened images.

Zhang, Bengio, Hardt, Recht and Vinyals, Understanding deep learning requires rethinking generalization, ICLR 2017, fit
random labels with widths 512 (`mlp:512`) and 512, 512, 512 (`mlp:512x512x512`).
"""

from __future__ import annotations

import math
import re
from itertools import pairwise

from torch import nn

from noisewise.bounds import Bound
from noisewise.models import checks
from noisewise.models.card import ModelCard, with_card
from noisewise.models.layers import dropped

_LAYERS = re.compile("[1-9][0-9]{0,5}(x[1-9][0-9]{0,5}){0,99}", re.ASCII)
WIDTHS = Bound(
    "be at most 100 whole numbers from 1 to 999999 joined by 'x', such as 256x256",
    lambda value: isinstance(value, str | int) and _LAYERS.fullmatch(str(value)) is not None,
)


@with_card(
    ModelCard(
        name="mlp",
        does="a multi-layer perceptron, for vectors, tables and flattened images",
        paper="Zhang, Bengio, Hardt, Recht and Vinyals, ICLR 2017",
        parameters="1,735,178 with widths=512x512x512 on 28x28x3 images and 10 classes",
        example="mlp:widths=256x256",
    ),
    {"widths": WIDTHS, "dropout": checks.DROPOUT},
)
def mlp(shape: tuple[int, ...], classes: int, widths: str | int = "512x512", dropout: float = 0.0) -> nn.Sequential:
    """Linear layers with ReLU between them.

    Args:
        shape: (H, W, C) or (d,).
        classes: K.
        widths: of the hidden layers, as in "256x256"; a number for a single one.
        dropout: in [0, 1), the probability with which a hidden unit is dropped in training.

    Raises:
        BadInput: widths that cannot be read, or dropout is outside [0, 1).
    """
    sizes = [math.prod(shape), *map(int, str(widths).split("x"))]
    hidden = [layer for i, o in pairwise(sizes) for layer in (nn.Linear(i, o), nn.ReLU(), *dropped(dropout))]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(sizes[-1], classes))
