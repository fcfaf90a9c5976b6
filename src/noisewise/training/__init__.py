"""Training: batches through stations, the ledger, and one training from start to checkpoint. Knows no method."""

from __future__ import annotations

from noisewise.training.average import Average
from noisewise.training.batch import Batch, Clock
from noisewise.training.config import Config
from noisewise.training.ledger import Ledger
from noisewise.training.method import Card, Chain, EpochEnd, Method, Task
from noisewise.training.networks import Networks, Predictor
from noisewise.training.observer import Callbacks, Observer
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Learner, Training

__all__ = [
    "Average",
    "Batch",
    "Callbacks",
    "Card",
    "Chain",
    "Clock",
    "Config",
    "EpochEnd",
    "Learner",
    "Ledger",
    "Method",
    "Networks",
    "Observer",
    "Predictor",
    "Task",
    "Training",
    "recipe",
]
