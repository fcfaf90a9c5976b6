"""FMix (Harris et al. 2020, arXiv 2002.12047), section 3: images are mixed by regions of random shape.

    g = inverse Fourier transform of complex Gaussian numbers, divided by max(f, 1 / side)^3,  f: the frequency
    mask = 1 where g is among its l H W largest values, else 0,                l ~ Beta(alpha, alpha)
    x = mask x_i + (1 - mask) x_j,   y = l y_i + (1 - l) y_j

One mask per batch and a random permutation for j, as in the authors' code. Here it serves ProMix.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.devices import sent
from noisewise.methods.inputs.mixup import draw_share, mix

_DECAY = 3.0


def region(height: int, width: int, share: float, rng: torch.Generator) -> Tensor:
    """(H, W) a random mask of few connected regions, true for `share` of the pixels, rounded."""
    down, across = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
    frequency = (down.square() + across.square()).sqrt().clamp_min(1 / max(height, width))
    parts = torch.randn(2, *frequency.shape, generator=rng, device=rng.device).cpu()
    smooth = torch.fft.irfft2(torch.complex(*parts) / frequency**_DECAY, s=(height, width))
    chosen = smooth.flatten().argsort(descending=True)[: round(share * height * width)]
    return torch.zeros(height * width, dtype=torch.bool).index_fill_(0, chosen, True).reshape(height, width)


def mix_regions(x: Tensor, y: Tensor, alpha: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mix each image with a random other one.

    Args:
        x: (R, C, H, W) images.
        y: (R, K) targets.
        alpha: parameter of the Beta distribution of l.
        rng: draws l, then the mask, then the partners.

    Returns:
        The mixed images and targets.
    """
    share = draw_share(alpha, rng)
    height, width = x.shape[2:]
    mask = sent(region(height, width, share, rng), x.device)
    partner = sent(torch.randperm(len(x), generator=rng), x.device)
    return torch.where(mask, x, x[partner]), mix(y, partner, share)
