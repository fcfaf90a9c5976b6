"""ResNet-18 with normalisation and ReLU before each convolution, the usual network of noisy-label papers on CIFAR.

He, Zhang, Ren and Sun, Identity mappings in deep residual networks, ECCV 2016.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from noisewise.bounds import one_of
from noisewise.models import checks
from noisewise.models.card import ModelCard, with_card
from noisewise.models.layers import MeanPool, conv3x3


class PreActBlock(nn.Module):
    """Two pre-activated 3x3 convolutions with a shortcut; a shortcut that changes the shape is a 1x1 convolution.

    Args:
        inputs: number of input channels.
        outputs: number of output channels.
        stride: stride of the first convolution and of the shortcut.
        dropout: share of the values dropped before the second convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), conv3x3(inputs, outputs, stride)
        self.norm2, self.conv2 = nn.BatchNorm2d(outputs), conv3x3(outputs, outputs)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        same = inputs == outputs and stride == 1
        self.shortcut = None if same else nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, outputs, H / stride, W / stride), rounded up."""
        active = F.relu(self.norm1(x))
        inside = self.dropout(F.relu(self.norm2(self.conv1(active))))
        residual = x if self.shortcut is None else self.shortcut(active)
        return self.conv2(inside) + residual


def stages(inputs: int, widths: tuple[int, ...], depth: int, dropout: float = 0.0) -> list[nn.Module]:
    """The blocks of several stages of `depth` blocks each; every stage but the first halves the image."""
    blocks: list[nn.Module] = []
    for stage, outputs in enumerate(widths):
        for position in range(depth):
            stride = 2 if stage > 0 and position == 0 else 1
            blocks.append(PreActBlock(inputs, outputs, stride, dropout))
            inputs = outputs
    return blocks


@with_card(
    ModelCard(
        name="preact-resnet18",
        does="ResNet-18 with normalisation and ReLU before each convolution",
        paper="He, Zhang, Ren and Sun, ECCV 2016",
        parameters="11,171,274 on 32x32x3 images and 10 classes",
        example="preact-resnet18",
        departures="normalisation and ReLU after the first convolution, and none after the last block, as in the "
        "code of DivideMix, ELR+, SOP and PES, and PyTorch's initialisation as there; stem=plain leaves out those of "
        "the first convolution, as the paper does and as networks saved by earlier versions need",
    ),
    {"stem": one_of("normalised", "plain")},
)
def preact_resnet18(
    shape: tuple[int, ...], classes: int, stem: Literal["normalised", "plain"] = "normalised"
) -> nn.Sequential:
    """Four stages of two blocks with 64, 128, 256 and 512 channels.

    Args:
        shape: (H, W, C) of any size.
        classes: K.
        stem: "normalised" has normalisation and ReLU after the first convolution, "plain" has none.

    Raises:
        BadInput: the inputs are vectors.
    """
    _, _, channels = checks.image("preact-resnet18", shape)
    blocks = stages(64, (64, 128, 256, 512), depth=2)
    first = [conv3x3(channels, 64), *([nn.BatchNorm2d(64), nn.ReLU()] if stem == "normalised" else [])]
    return nn.Sequential(*first, *blocks, MeanPool(), nn.Linear(512, classes))  # PyTorch's initialisation, as there
