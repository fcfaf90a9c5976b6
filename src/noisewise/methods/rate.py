"""The noise rate that methods set themselves by, when nobody states it."""

from __future__ import annotations

import torch

from noisewise.training.ledger import Ledger
from noisewise.training.mixture import clean_probability

_CAP = 0.9


def estimated_noise_rate(ledger: Ledger) -> float:
    """A rough noise rate from what training saw so far: the smaller of two overestimates.

    One is the share of rows in the high-loss part of a two-component mixture of mean losses, which calls hard rows
    noisy; the other is the share of rows whose averaged prediction is not the given label, which adds the network's own
    errors.
    """
    rows = torch.nonzero((ledger.given >= 0) & (ledger.seen > 0))[:, 0]
    if len(rows) < 2:
        return 0.0
    losses = ledger.mean_loss[rows].cpu().double().numpy()
    by_loss = 1.0 - float(clean_probability(losses).mean())
    differs = ledger.probability_sum[rows].argmax(dim=1) != ledger.given[rows]
    return min(by_loss, float(differs.float().mean()), _CAP)
