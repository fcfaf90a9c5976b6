"""Trainings on a part of the rows, followed epoch by epoch: what studies of methods and of label noise share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.compute import Result, Task
from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.probes.effective_parameters import EffectiveParameters
from noisewise.probes.observer import ProbeObserver
from noisewise.run.truth import TruthObserver
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.trainings import titled
from noisewise.training import Training
from noisewise.training.config import configured
from noisewise.training.observer import Callbacks, Row

VERSION = 1


def curve(
    source: str,
    method: str,
    model: str,
    rows: int | None,
    tested: int | None,
    epochs: int,
    seed: int,
    scratch: Path,
    corrupt: str | None = None,
    noise_rate: float | None = None,
    effective: float | None = None,
    keep: Mapping[str, str] | None = None,
    beta_from: int | None = None,
    beta: float = 0.1,
    **settings: Any,
) -> dict[str, Any]:
    """Train by a method without held-out rows, and look at the test rows after every epoch.

    Args:
        source: of the data. method, model: specs.
        rows, tested: how many rows to train and to test on; None takes all. Which are taken does not depend on the
            seed.
        epochs: of training. seed: of corruption, weights and order.
        scratch: for checkpoints.
        corrupt: a corruption spec, of the training rows alone; None leaves them as they are.
        noise_rate: as told to the method; None leaves the method to estimate it.
        effective: also count after every epoch the parameters above this in absolute value.
        keep: names under which the result has parameters of the first network as they are in the end, by their names
            in the network.
        beta_from, beta: the epoch after which Adam's first beta is set to `beta`; None leaves it.
        settings: further ones of `Config`.

    Returns:
        `history`: one row per epoch with `epoch`, `test_accuracy`, `train_accuracy` (on the given labels, as the
        epoch met the rows), what the `TruthObserver` of a run measures, such as `label_precision`, and with `effective`
        the columns of the probe effective-parameters; `noise_rate`, the realised share of wrong labels; the rows of
        training, `rows`; the parameters that `keep` names.

    Raises:
        BadInput: whatever cannot be done as asked. Diverged: the loss became infinite or NaN.
    """
    data = draw(source, rows, tested, corrupt, seed)
    probes = [] if effective is None else [EffectiveParameters(threshold=effective)]

    def told(row: Row) -> None:
        if row["epoch"] == beta_from:
            _set_beta(training, beta)

    training = Training(
        data,
        model,
        configured(epochs, seed, {"validation": 0.0, "augment": "none", **settings}),
        folder=scratch,
        resume=True,
        observers=[TruthObserver(data), ProbeObserver(probes, data), Callbacks(on_epoch=told)],
        noise_rate=noise_rate,
        method=method,
    )
    build(method)(training)
    return {
        "history": pd.DataFrame(training.history),
        "noise_rate": 0.0 if data.noise_rate is None else data.noise_rate,
        "rows": len(data),
        **_kept(training, keep or {}),
    }


def _set_beta(training: Training, beta: float) -> None:
    for group in training.learner("main").optimizer.param_groups:
        if "betas" not in group:
            raise BadInput(f"beta={beta!r} is of Adam, but the optimizer is {training.config.optimizer!r}")
        group["betas"] = (beta, group["betas"][1])


def _kept(training: Training, keep: Mapping[str, str]) -> dict[str, np.ndarray]:
    assert training.predictor is not None
    parameters = dict(training.predictor.nets[0].named_parameters())
    for name in keep.values():
        if name not in parameters:
            raise BadInput(f"keep={name!r} is no parameter of the model {training.model!r}: {', '.join(parameters)}")
    return {name: parameters[at].detach().float().cpu().numpy() for name, at in keep.items()}


def following(**arguments: Any) -> Task:
    """The task of one `curve`, titled by what tells runs apart.

    Raises:
        BadInput: arguments that are no plain data.
    """
    return titled(curve, "follow", arguments, VERSION)


def best(item: Result) -> float:
    """The highest test accuracy of all epochs."""
    return float(item["history"]["test_accuracy"].max())


def best_epoch(item: Result) -> int:
    """The first epoch, from 1, with the highest test accuracy."""
    history = item["history"]
    return int(history["epoch"].iloc[int(history["test_accuracy"].to_numpy().argmax())])


def last(item: Result, epochs: int = 1, column: str = "test_accuracy") -> float:
    """The mean of a column of the history over so many epochs at the end."""
    return float(item["history"][column].iloc[-epochs:].mean())


def least(ask: Callable[[Result], float], items: Any) -> float:
    """The least of what is asked of results; NaN where there are none, or where one is NaN."""
    found = np.array([ask(item) for item in items], dtype=float)
    return float(found.min()) if len(found) else float("nan")
