"""A plain network that learns images in few epochs: for a CPU, and for the 94 % class of CIFAR-10 in minutes.

After the network of Jordan, 94% on CIFAR-10 in 3.29 seconds on a single GPU, 2024: a fixed whitening layer, then three
stages of two 3x3 convolutions, of which the first is pooled at once. Filters start near the identity, so that the
first steps learn from whitened pixels.
"""

from __future__ import annotations

from torch import Tensor, nn

from noisewise.bounds import whole
from noisewise.models import checks
from noisewise.models.card import ModelCard, with_card
from noisewise.models.layers import MaxPool, MaxPool2x2, PadTo, Residual, Whitening, conv3x3

SMALLEST = 9
PATCH = 2  # pixels
STAGES = 3
SCALE = 1 / 9  # of the features, so that the first logits are small
# A share of 0.4 of the batch: running statistics must follow networks that learn within few epochs.
MOMENTUM = 0.4
# Chosen on held-out training rows of CIFAR-10 (docs/results/recipe.md).
RECIPE = {
    "optimizer": "nesterov",
    "momentum": 0.85,
    "lr": 0.4,
    "weight_decay": 1.3e-3,
    "schedule": "linear",
    "milestones": (0.2,),
    "warmup": 0.2,
}


class Scaled(nn.Module):
    """x times a fixed number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """The shape of `x`."""
        return x * self.factor

    def extra_repr(self) -> str:
        """The factor."""
        return f"{self.factor:.3g}"


@with_card(
    ModelCard(
        name="speedy",
        does="a whitening layer and six convolutions that learn images in few epochs",
        paper="after Jordan, 94% on CIFAR-10 in 3.29 seconds on a single GPU, 2024",
        parameters="294,794 on 32x32x3 images and 10 classes",
        example="speedy:width=64",
        smallest=SMALLEST,
        recipe=RECIPE,
        departures="widths of w, 2w and 4w; ReLU; batch normalisation with learned scales; no bias of the whitening "
        "layer; the settings on its card, without label smoothing and averages of the weights",
    ),
    {"width": whole(1, 10_000)},
)
def speedy(shape: tuple[int, ...], classes: int, width: int = 32) -> nn.Sequential:
    """Three stages of two convolutions behind a whitening layer, a maximum over positions, and one linear layer.

    Args:
        shape: (H, W, C); H and W below 9 are zero padded to 9.
        classes: K.
        width: channels of the first stage; the later ones have two and four times as many.

    Raises:
        BadInput: the inputs are vectors, or the width is not a whole number from 1.
    """
    _, _, channels = checks.image("speedy", shape)
    stem = Whitening(channels, PATCH)
    layers: list[nn.Module] = [PadTo(SMALLEST), stem, nn.ReLU()]
    inputs = stem.outputs
    for stage in range(STAGES):
        outputs = width << stage
        layers += [_identity(inputs, outputs), MaxPool2x2(), *_normalised(outputs)]
        layers += [Residual(_identity(outputs, outputs), *_normalised(outputs))]
        inputs = outputs
    return nn.Sequential(*layers, MaxPool(), Scaled(SCALE), nn.Linear(inputs, classes))


def _identity(inputs: int, outputs: int) -> nn.Conv2d:
    """A convolution that starts with its inputs as the first of its outputs."""
    conv = conv3x3(inputs, outputs)
    nn.init.dirac_(conv.weight.data[:inputs])
    return conv


def _normalised(width: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(width, momentum=MOMENTUM), nn.ReLU(inplace=True)]
