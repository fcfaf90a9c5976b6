"""Methods and the ledger in trainings that another library runs: Lightning, or the Trainer of Hugging Face."""

from __future__ import annotations

from noisewise.integrations.loss import NoisyLoss
from noisewise.integrations.sampler import RowSampler

__all__ = ["NoisyLoss", "RowSampler"]
