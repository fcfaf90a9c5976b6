"""Methods that learn more than the network: weights, losses, rates, labels."""

import torch

from noisewise.methods.learned.fwl import FidelityWeighted
from noisewise.methods.learned.hypergradient import Hypergradient
from noisewise.methods.learned.l2rw import L2RW
from noisewise.methods.learned.learned_loss import LearnedLoss
from noisewise.methods.learned.meta_weight_net import MetaWeightNet
from noisewise.training.networks import Networks

from ..case import CLASSES, Case
from ..scene import ROWS


def fidelity_weighted(peer: Networks) -> FidelityWeighted:
    """The third step of FWL, with random soft labels and uncertainties."""
    rng = torch.Generator().manual_seed(0)
    labels, uncertainty = torch.rand(ROWS, CLASSES, generator=rng).softmax(-1), torch.rand(ROWS, generator=rng)
    return FidelityWeighted(labels, uncertainty, beta=1.0, ratio=0.3)


CASES = {
    "l2rw": Case("l2rw", lambda peer: L2RW(), 0.88),
    "meta-weight-net": Case("meta-weight-net:hidden=8,lr=0.01", lambda peer: MetaWeightNet(8), 0.85),
    "learned-loss": Case("learned-loss", lambda peer: LearnedLoss(), 0.91),
    "hypergradient": Case(
        "hypergradient", lambda peer: Hypergradient(), 0.86, neutral=lambda peer: Hypergradient(rate=0.0)
    ),
    "fwl": Case("fwl", fidelity_weighted, 0.89),
}
