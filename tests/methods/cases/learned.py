"""Learned stations."""

import torch

from noisewise.methods.fwl import FidelityWeighted
from noisewise.methods.hypergradient import Hypergradient
from noisewise.methods.learned_loss import LearnedLoss
from noisewise.methods.learned_transition import LearnedTransition
from noisewise.training.networks import Networks

from ..case import CLASSES, Case
from ..scene import ROWS


def fidelity_weighted(peer: Networks) -> FidelityWeighted:
    """The third step of FWL, with soft labels and doubts of its own for every row."""
    rng = torch.Generator().manual_seed(0)
    labels, unsure = torch.rand(ROWS, CLASSES, generator=rng).softmax(-1), torch.rand(ROWS, generator=rng)
    return FidelityWeighted(labels, unsure, beta=1.0, ratio=0.3)


CASES = {
    "learned-loss": Case("learned-loss", lambda peer: LearnedLoss(), 0.91),
    "learned-transition": Case(
        "learned-transition",
        lambda peer: LearnedTransition(lr=0.0),
        0.90,
        neutral=lambda peer: LearnedTransition(start=1 - 1e-6, lr=0.0),
    ),
    "hypergradient": Case(
        "hypergradient", lambda peer: Hypergradient(), 0.86, neutral=lambda peer: Hypergradient(rate=0.0)
    ),
    "fwl": Case("fwl", fidelity_weighted, 0.89),
}
