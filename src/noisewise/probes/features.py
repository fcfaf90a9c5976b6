"""Features of the measured rows: the network's penultimate features, or the inputs."""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.models import penultimate
from noisewise.probes.probe import Subject

BLOCK = 512


def features_of(subject: Subject) -> Tensor:
    """(n, d) inputs of the network's last linear layer; the flattened inputs if there is no network.

    Raises:
        BadInput: the network uses no `nn.Linear`.
    """
    if subject.network is None:
        return subject.x.flatten(1)
    with torch.no_grad():
        return torch.cat([penultimate(subject.network, part) for part in subject.x.split(BLOCK)])
