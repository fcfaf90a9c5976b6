"""Trainings whose method is looked at after every epoch: what it has learned, and how good the network is on rows
whose labels are right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.compute import Result, Task
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.methods.learned.hypergradient import Hypergradient
from noisewise.methods.learned.learned_loss import AdaptiveLoss, LearnedLoss
from noisewise.methods.transition.glc import GoldLossCorrection
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.trainings import titled
from noisewise.training import Training
from noisewise.training.config import configured
from noisewise.training.method import Method
from noisewise.training.observer import Observer, Row

VERSION = 1
_PLAIN: dict[str, Any] = {"validation": 0.0, "augment": "none"}


def following(**arguments: Any) -> Task:
    """The task of `followed` with these arguments.

    Raises:
        BadInput: arguments that are no plain data.
    """
    return titled(followed, "follow", arguments, VERSION)


def followed(
    source: str,
    method: str,
    model: str,
    epochs: int,
    scratch: Path | None = None,
    *,
    rows: int | None = None,
    tested: int | None = None,
    corrupt: str | None = None,
    trusted: int = 0,
    seed: int = 0,
    **settings: Any,
) -> dict[str, Any]:
    """Train by a method on rows of a source and keep what it learned by epoch.

    Args:
        source, method, model, epochs: as in `noisewise.train`.
        scratch: for checkpoints. rows, tested, corrupt, trusted, seed: see `draw`; the seed chooses the rows.
        settings: further fields of `Config`; without any, nothing is held out and nothing augmented.

    Returns:
        What `follow` gives.

    Raises:
        BadInput: whatever cannot be done as asked. Diverged: the loss became infinite or NaN.
    """
    data = draw(source, rows, tested, corrupt, seed, trusted, redraw=True)
    return follow(data, method, model, epochs, seed, scratch, **settings)


def follow(
    data: Dataset,
    method: str | Method | Callable[..., None],
    model: str,
    epochs: int,
    seed: int = 0,
    scratch: Path | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Train by a method on data as `draw` gives them.

    Args:
        data: with a test split. method, model, epochs, seed: as in `noisewise.train`.
        scratch: for checkpoints, of which there are none without it.
        settings: further fields of `Config`.

    Returns:
        `history`, a row per recorded epoch with what `Watch` read; of its last row `test_accuracy`, `train_loss` and,
        where they are, `trusted_accuracy`, `trusted_confidence` and `transition_error`; `noise_rate`; and `seconds` of
        training without evaluation.

    Raises:
        BadInput: whatever cannot be done as asked. Diverged: the loss became infinite or NaN.
    """
    config = configured(epochs, seed, {**_PLAIN, **settings})
    said = method if isinstance(method, str) else getattr(method, "__qualname__", type(method).__name__)
    training = Training(
        data, model, config, folder=scratch, resume=scratch is not None, observers=[Watch(data)], method=said
    )
    build(method)(training)
    training.finish()
    history = pd.DataFrame(training.history)
    last = {
        name: float(history[name].iloc[-1])
        for name in ("test_accuracy", "train_loss", "trusted_accuracy", "trusted_confidence", "transition_error")
        if name in history
    }
    return {"history": history, **last, "noise_rate": data.noise_rate, "seconds": training.seconds}


@dataclass(frozen=True, eq=False)
class Watch(Observer):
    """Observes what a method learns.

    Where there are trusted rows, every row has `trusted_accuracy` and `trusted_confidence`, the mean of the largest
    probability. By method it has `value_0` and `value_1`, the hyper-parameters of a learned loss; `lr` and `decay` as
    they act on the networks with `hypergradient`; and `transition_error` with `glc`, the mean over true classes of the
    L1 distance between what it takes for their row of the transition and the true one.

    Attributes:
        data: what is trained on, with its truth.
    """

    data: Dataset

    def after_epoch(self, training: Training, method: Method) -> Row:
        """Read after an epoch."""
        row = self._read(method, training)
        if "trusted" in training.splits and training.predictor is not None:
            trusted = training.splits["trusted"]
            top, guessed = training.probabilities(training.predictor, "trusted").max(dim=1)
            row["trusted_accuracy"] = float((guessed == trusted.given).float().mean())
            row["trusted_confidence"] = float(top.mean())
        return row

    def _read(self, method: Method, training: Training) -> dict[str, Any]:
        if isinstance(method, LearnedLoss):
            return {f"value_{k}": float(value) for k, value in enumerate(learned_values(method))}
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


def best(results: Iterable[Result], by: str) -> Result:
    """The one of the largest value of that name.

    Raises:
        BadInput: there is none.
    """
    found = list(results)
    if not found:
        raise BadInput(f"there is no run to choose the best of by {by!r}")
    return max(found, key=lambda item: -np.inf if item[by] is None else float(item[by]))
