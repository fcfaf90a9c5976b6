"""Observers of what methods learn, for studies of learned losses, rates, transitions and weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from noisewise.data import Dataset
from noisewise.methods.learned.hypergradient import Hypergradient
from noisewise.methods.learned.learned_loss import AdaptiveLoss, LearnedLoss
from noisewise.methods.transition.glc import GoldLossCorrection
from noisewise.training import Training
from noisewise.training.method import Method
from noisewise.training.observer import Observer, Row


@dataclass(frozen=True, eq=False)
class MethodObserver(Observer):
    """Measures what a method has learned.

    Where there are trusted rows: `trusted_accuracy` and `trusted_confidence`, the mean of the largest probability.
    By method: `value_0` and `value_1`, the hyper-parameters of a learned loss; `lr` and `decay` as they act on the
    networks with `hypergradient`; and `transition_error` with `glc`, the mean over true classes of the L1 distance
    between the estimated row of the transition matrix and the true one.

    Attributes:
        data: What is trained on, with its truth.
    """

    data: Dataset

    def after_epoch(self, training: Training, method: Method) -> Row:
        """The columns above, after an epoch."""
        row = self.learned(method, training)
        if "trusted" in training.splits and training.predictor is not None:
            trusted = training.splits["trusted"]
            top, guessed = training.probabilities(training.predictor, "trusted").max(dim=1)
            row["trusted_accuracy"] = float((guessed == trusted.given).float().mean())
            row["trusted_confidence"] = float(top.mean())
        return row

    def learned(self, method: Method, training: Training) -> dict[str, Any]:
        """The columns that depend on the method."""
        if isinstance(method, LearnedLoss):
            return {f"value_{k}": value for k, value in enumerate(learned_values(method))}
        if isinstance(method, Hypergradient):
            lr = next(iter(training.learner().optimizer.param_groups))["lr"]
            return {"lr": lr * float(method.multiplier), "decay": float(method.decay)}
        if isinstance(method, GoldLossCorrection) and self.data.transition is not None:
            found = method.transition.double().cpu().numpy()
            return {"transition_error": float(np.abs(found - self.data.transition).sum(axis=1).mean())}
        return {}


def learned_values(method: LearnedLoss) -> list[float]:
    """The present hyper-parameters of a learned loss."""
    part = next(one for one in method.parts if isinstance(one, AdaptiveLoss))
    return [float(value.detach()) for value in part.values]
