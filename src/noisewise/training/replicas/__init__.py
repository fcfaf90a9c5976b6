"""Several trainings as one computation: small networks keep a device busy only together."""

from __future__ import annotations

from noisewise.training.replicas.engine import StackedEngine
from noisewise.training.replicas.epoch import Epoch
from noisewise.training.replicas.turns import run_epoch, together

__all__ = ["Epoch", "StackedEngine", "run_epoch", "together"]
