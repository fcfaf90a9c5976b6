"""Training: the stations of a step, the ledger, and one training from start to checkpoint. Knows no method."""

from __future__ import annotations

from noisewise.training.batch import Batch, Clock
from noisewise.training.config import Config
from noisewise.training.ledger import Ledger
from noisewise.training.method import Chain, Decision, EpochEnd, LearningTask, Method, MethodCard
from noisewise.training.networks import Average, Learner, Networks, Predictor
from noisewise.training.observer import Callbacks, Observer
from noisewise.training.recipe import recipe
from noisewise.training.step import step
from noisewise.training.trainer import Training

__all__ = [
    "Average",
    "Batch",
    "Callbacks",
    "Chain",
    "Clock",
    "Config",
    "Decision",
    "EpochEnd",
    "Learner",
    "LearningTask",
    "Ledger",
    "Method",
    "MethodCard",
    "Networks",
    "Observer",
    "Predictor",
    "Training",
    "recipe",
    "step",
]
