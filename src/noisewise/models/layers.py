"""Layers and initialisations shared by several models."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class PadTo(nn.Module):
    """Zero pad (B, C, H, W) images evenly to at least `side` rows and columns; larger images do not change."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, max(H, side), max(W, side)) images."""
        down, across = (max(self.side - length, 0) for length in x.shape[-2:])
        if not down and not across:
            return x
        return F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))

    def extra_repr(self) -> str:
        """The side."""
        return str(self.side)


class MeanPool(nn.Module):
    """(B, C, H, W) to (B, C), the mean over all positions."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C) means."""
        return x.mean(dim=(2, 3))


class MaxPool(nn.Module):
    """(B, C, H, W) to (B, C), the largest value over all positions."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C) maxima."""
        return x.amax(dim=(2, 3))


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that preserves the image size at stride 1; without bias, since a normalisation follows."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


def he_initialise(net: nn.Sequential) -> nn.Sequential:
    """Draw convolution weights from N(0, 2 / (k k outputs)), in place, and return the network.

    He, Zhang, Ren and Sun, Delving deep into rectifiers, ICCV 2015, eq. (14): preserves the magnitude of gradients.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net


def he_forward(net: nn.Sequential) -> nn.Sequential:
    """Draw weights from N(0, 2 / (k k inputs)), in place, and return the network.

    Biases start at 0. He, Zhang, Ren and Sun, Delving deep into rectifiers, ICCV 2015, eq. (10): preserves the
    magnitude of activations in networks without normalisation. The weights of a last linear layer are drawn from
    N(0, 1 / inputs^2), which makes the initial logits of all classes nearly equal.
    """
    layers = [module for module in net.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    if isinstance(layers[-1], nn.Linear):
        nn.init.normal_(layers[-1].weight, std=1 / layers[-1].in_features)
    return net
