"""An estimate of the noise rate, for methods that need one when the user does not state it."""

from __future__ import annotations

import torch

from noisewise.training.ledger import Ledger

# The share of a predicted class taken as its members, the fewest rows taken, and the largest rate reported. A rate near
# one would let methods drop every row.
_MOST_CONFIDENT, _FEWEST, _CAP = 0.3, 5, 0.9


def estimated_noise_rate(ledger: Ledger) -> float:
    """A rough noise rate from the training so far: how often the most confident predictions differ from the labels.

    Of the rows whose averaged prediction is a class, the 30 % with the highest confidence (at least five) are taken as
    members of the class, like anchor points (Patrini et al. 2017). The share of them with another given label is the
    rate of the class. The result is the mean over classes, weighted by the number of rows predicted as each.

    The estimate is too high early in training, when even confident predictions are often wrong, and too low late, when
    wrong labels are memorised.

    Args:
        ledger: of the training. Rows outside the training split and rows not seen yet are left out.

    Returns:
        The rate, in [0, 0.9]; 0 with fewer than two rows.
    """
    rows = torch.nonzero((ledger.given >= 0) & (ledger.seen > 0))[:, 0]
    if len(rows) < 2:
        return 0.0
    confidence, predicted = (ledger.probability_sum[rows] / ledger.seen[rows][:, None]).max(dim=1)
    differs = (predicted != ledger.given[rows]).float()
    total = 0.0
    for label in predicted.unique():
        members = torch.nonzero(predicted == label)[:, 0]
        count = max(_FEWEST, round(_MOST_CONFIDENT * len(members)))
        # A stable sort breaks ties by position: the same rows on every device.
        confident = members[confidence[members].argsort(descending=True, stable=True)[:count]]
        total += len(members) * float(differs[confident].mean())
    return min(total / len(rows), _CAP)
