"""Layers and initialisations shared by several models."""

from __future__ import annotations

import torch
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


class MaxPool2x2(nn.MaxPool2d):
    """(B, C, H, W) to (B, C, H // 2, W // 2), the largest of every 2x2 square; an odd last row or column is dropped."""

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H // 2, W // 2) maxima."""
        if torch.is_grad_enabled() or x.device.type != "cpu":
            return super().forward(x)
        # The same numbers without their places, which only a gradient needs: up to ten times as fast on a CPU.
        even = x[..., : x.shape[-2] // 2 * 2, : x.shape[-1] // 2 * 2]
        across = torch.maximum(even[..., ::2], even[..., 1::2])
        return torch.maximum(across[..., ::2, :], across[..., 1::2, :])


def dropped(dropout: float) -> list[nn.Module]:
    """The layer of dropout, or none where the probability is 0."""
    return [nn.Dropout(dropout)] if dropout else []


class Residual(nn.Module):
    """x + inside(x)."""

    def __init__(self, *inside: nn.Module) -> None:
        super().__init__()
        self.inside = nn.Sequential(*inside)

    def forward(self, x: Tensor) -> Tensor:
        """The shape of `x`."""
        return x + self.inside(x)


class Whitening(nn.Module):
    """A fixed convolution whose outputs are uncorrelated over the patches of the training inputs, and their negatives.

    The filters are the eigenvectors of the covariance of patches, divided by sqrt(eigenvalue + LEAST), and their
    negatives: ReLU keeps both signs. At most MOST are kept, those of the largest eigenvalues. The weights are no
    parameters. Nothing is trained in front of the first learned layer, so no gradient is computed there.

    The first layer of Jordan (94% on CIFAR-10 in 3.29 seconds on a single GPU, 2024), who has it from Page (How to
    train your ResNet, 2019); here without a bias.

    Args:
        channels: of the images.
        size: of the patches, in pixels.
    """

    LEAST, MOST = 5e-4, 32
    weight: Tensor

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.size = size
        numbers = channels * size * size
        basis, _ = torch.linalg.qr(torch.randn(numbers, numbers))  # until `fit` knows the inputs
        self._put(basis[: self.MOST], channels)

    @property
    def outputs(self) -> int:
        """The number of channels that the layer returns."""
        return len(self.weight)

    def fit(self, x: Tensor) -> None:
        """Compute the filters from training inputs.

        Args:
            x: (n, C, H, W), prepared as in training but not augmented; smaller images than a patch are zero padded.
        """
        channels = x.shape[1]
        patches = F.unfold(PadTo(self.size)(x.float()), self.size).transpose(1, 2).reshape(-1, self.weight[0].numel())
        values, vectors = torch.linalg.eigh((patches.T @ patches / len(patches)).double())
        scaled = vectors / (values.clamp_min(0) + self.LEAST).sqrt()
        self._put(scaled.T.flip(0)[: self.MOST].to(self.weight), channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, outputs, H', W') responses."""
        return F.conv2d(x, self.weight)

    def extra_repr(self) -> str:
        """The shape of the filters."""
        return f"{tuple(self.weight.shape)}"

    def _put(self, rows: Tensor, channels: int) -> None:
        filters = rows.reshape(-1, channels, self.size, self.size)
        self.register_buffer("weight", torch.cat([filters, -filters]))


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
