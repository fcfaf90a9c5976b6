"""LeNet-5 with ReLU and max pooling, as noisy-label papers use it.

LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, Proceedings of the IEEE,
1998. This form: Xia et al., Robust early-learning: Hindering the memorization of noisy labels (CDR), ICLR 2021.
"""

from __future__ import annotations

from torch import nn

from noisewise.bounds import whole
from noisewise.models import checks
from noisewise.models.card import ModelCard, with_card
from noisewise.models.layers import MaxPool2x2, PadTo

SMALLEST = 28


@with_card(
    ModelCard(
        name="lenet",
        does="LeNet-5 with ReLU and max pooling",
        paper="LeCun, Bottou, Bengio and Haffner, 1998; as in Xia et al. (CDR), ICLR 2021",
        parameters="61,706 on 28x28x1 images and 10 classes",
        example="lenet",
        smallest=SMALLEST,
        departures="the inputs of the first linear layer depend on the image size, 400 for 28x28 and 576 for 32x32",
    ),
    {"padding": whole(0, 2)},
)
def lenet(shape: tuple[int, ...], classes: int, padding: int = 2) -> nn.Sequential:
    """Two 5x5 convolutions with 6 and 16 channels, linear layers of 120, 84 and K.

    Args:
        shape: (H, W, C); H and W below 28 are zero padded to 28.
        classes: K.
        padding: of the first convolution, in pixels; co-teaching+'s network for CIFAR is this one with 0.

    Raises:
        BadInput: the inputs are vectors, or padding is outside its range.
    """
    *sides, channels = checks.image("lenet", shape)
    down, across = ((max(side, SMALLEST) + 2 * padding - 4) // 2 - 4 for side in sides)
    return nn.Sequential(
        PadTo(SMALLEST),
        nn.Conv2d(channels, 6, 5, padding=padding),
        nn.ReLU(),
        MaxPool2x2(),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        MaxPool2x2(),
        nn.Flatten(),
        nn.Linear(16 * (down // 2) * (across // 2), 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, classes),
    )
