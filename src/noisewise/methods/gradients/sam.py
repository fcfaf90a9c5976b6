"""Sharpness-aware minimisation (Foret et al., ICLR 2021, arXiv 2010.01412), algorithm 1.

    e = rho g / ||g||_2;   the step uses the gradient at w + e

The second gradient is asked on the same rows and the same draws, and moves no BatchNorm statistics.
"""

from __future__ import annotations

import torch

from noisewise.methods.checks import within
from noisewise.training.batch import Batch
from noisewise.training.method import Card, Gradients, Method, Regrad


class SAM(Method):
    """Gradient station: the gradient at the worst nearby point.

    With several networks on the axis the norm is taken over all of them together.

    Args:
        rho: radius; the paper's 0.05.

    Raises:
        BadInput: rho outside [0, 10].
    """

    card = Card(
        "sam",
        "Take the gradient not here but at the nearby point with the largest loss. Flat minima memorise less noise.",
        "Foret, Kleiner, Mobahi and Neyshabur, Sharpness-Aware Minimization for Efficiently Improving "
        "Generalization, ICLR 2021",
        2021,
        "g <- grad L(w + rho g / ||g||)",
        forwards=2,
        backwards=2,
    )

    def __init__(self, rho: float = 0.05) -> None:
        super().__init__()
        within("sam", "rho", rho, 0, 10)
        self.rho = rho

    def gradient(self, gradients: Gradients, params: Gradients, regrad: Regrad, batch: Batch) -> Gradients:
        norm = torch.nn.utils.get_total_norm(list(gradients.values()))
        factor = self.rho / (norm + 1e-12)
        return regrad({name: p + factor * gradients[name] for name, p in params.items()})
