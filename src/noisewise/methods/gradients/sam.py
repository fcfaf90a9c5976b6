"""Sharpness-aware minimisation (Foret et al., ICLR 2021, arXiv 2010.01412), algorithm 1.

    e = rho g / ||g||_2;   the step uses the gradient at w + e

The second gradient uses the same rows and random draws as the first, and does not update BatchNorm statistics.
"""

from __future__ import annotations

import torch

from noisewise.bounds import between
from noisewise.training.batch import Batch
from noisewise.training.method import Gradients, Method, MethodCard, Regrad


class SAM(Method):
    """Gradient station: the gradient at the nearby point with the largest loss.

    Several networks that train together share one norm.

    Args:
        rho: radius (the paper: 0.05).
    """

    card = MethodCard(
        "sam",
        "Take the gradient at the point near the weights with the largest loss. This leads to flat minima, which "
        "memorise less noise.",
        "Foret, Kleiner, Mobahi and Neyshabur, Sharpness-Aware Minimization for Efficiently Improving "
        "Generalization, ICLR 2021",
        2021,
        "g <- grad L(w + rho g / ||g||)",
        forwards=2,
        backwards=2,
    )
    bounds = {"rho": between(0, 10)}

    def __init__(self, rho: float = 0.05) -> None:
        super().__init__()
        self.rho = rho

    def gradient(self, gradients: Gradients, params: Gradients, regrad: Regrad, batch: Batch) -> Gradients:
        norm = torch.nn.utils.get_total_norm(list(gradients.values()))
        factor = self.rho / (norm + 1e-12)
        return regrad({name: p + factor * gradients[name] for name, p in params.items()})
