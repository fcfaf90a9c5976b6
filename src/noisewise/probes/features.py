"""Where a subject's rows lie: at the network's penultimate features, or at the inputs."""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.models import penultimate
from noisewise.probes.probe import Subject

BLOCK = 512


def features_of(subject: Subject) -> Tensor:
    """(n, d) what the network's last linear layer is given; the flattened inputs where there is no network.

    Raises:
        BadInput: the network uses no `nn.Linear`.
    """
    if subject.network is None:
        return subject.x.flatten(1)
    with torch.no_grad():
        return torch.cat([penultimate(subject.network, part) for part in subject.x.split(BLOCK)])
