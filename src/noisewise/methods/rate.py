"""The noise rate that methods set themselves by, when nobody states it."""

from __future__ import annotations

import torch

from noisewise.training.ledger import Ledger

_SUREST, _FEWEST, _CAP = 0.3, 5, 0.9


def estimated_noise_rate(ledger: Ledger) -> float:
    """A rough noise rate from what training saw so far: the share of wrong labels among the rows it is surest of.

    Per class, of the rows that the averaged prediction puts there, the 30 % it is surest of (and at least five) are
    taken for members of the class, as anchor points are (Patrini et al. 2017); the share of them that carry another
    label is that class's rate, and counts by how many rows are predicted there. The network's own errors on its surest
    rows make it too large early in training, memorised labels make it too small late.
    """
    rows = torch.nonzero((ledger.given >= 0) & (ledger.seen > 0))[:, 0]
    if len(rows) < 2:
        return 0.0
    sureness, predicted = (ledger.probability_sum[rows] / ledger.seen[rows][:, None]).max(dim=1)
    differs = (predicted != ledger.given[rows]).float()
    total = 0.0
    for label in predicted.unique():
        members = torch.nonzero(predicted == label)[:, 0]
        count = max(_FEWEST, round(_SUREST * len(members)))
        surest = members[sureness[members].argsort(descending=True, stable=True)[:count]]
        total += len(members) * float(differs[surest].mean())
    return min(total / len(rows), _CAP)
