"""The small AlexNet of the experiments with random labels.

Zhang, Bengio, Hardt, Recht and Vinyals, Understanding deep learning requires rethinking generalization, ICLR 2017,
appendix A and table 1. The text names two modules of a 5x5 convolution, 3x3 max pooling and local response
normalisation, then linear layers of 384 and 192. 64 channels and pooling with stride 2 follow from its number of
parameters, 1,387,786 on 28x28x3 images. The text does not name the constants of the normalisation; they are those of
the TensorFlow tutorial network with the same layers.
"""

from __future__ import annotations

from torch import nn

from noisewise.models import checks
from noisewise.models.card import ModelCard, with_card
from noisewise.models.layers import dropped, he_forward

CHANNELS = 64


@with_card(
    ModelCard(
        name="alexnet-small",
        does="two 5x5 convolutions with max pooling and local response normalisation, linear layers of 384 and 192",
        paper="Zhang, Bengio, Hardt, Recht and Vinyals, ICLR 2017, appendix A",
        parameters="1,387,786 on 28x28x3 images and 10 classes",
        example="alexnet-small",
        departures="the paper does not name the initial weights; here they are normal, after He et al., ICCV 2015",
    ),
    {"dropout": checks.DROPOUT},
)
def alexnet_small(shape: tuple[int, ...], classes: int, dropout: float = 0.0) -> nn.Sequential:
    """Two modules of convolution, pooling and normalisation; linear layers of 384, 192 and K.

    Args:
        shape: (H, W, C) of any size, which determines the inputs of the first linear layer.
        classes: K.
        dropout: in [0, 1), the probability with which a unit of the hidden linear layers is dropped in training.

    Raises:
        BadInput: the inputs are vectors, or dropout is outside [0, 1).
    """
    *sides, channels = checks.image("alexnet-small", shape)
    down, across = ((side + 3) // 4 for side in sides)
    return he_forward(
        nn.Sequential(
            *_module(channels),
            *_module(CHANNELS),
            nn.Flatten(),
            nn.Linear(CHANNELS * down * across, 384),
            nn.ReLU(),
            *dropped(dropout),
            nn.Linear(384, 192),
            nn.ReLU(),
            *dropped(dropout),
            nn.Linear(192, classes),
        )
    )


def _module(inputs: int) -> list[nn.Module]:
    # TensorFlow sums alpha / 9 = 0.001 / 9 over a window of 2 x 4 + 1 channels; torch divides by the window itself.
    return [
        nn.Conv2d(inputs, CHANNELS, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.LocalResponseNorm(9, alpha=0.001, beta=0.75, k=1.0),
    ]
