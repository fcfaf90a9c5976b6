"""Trainings of studies: experiments on the rows that `draw` gives, observed after every epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.compute import Result, Task
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.run.experiment import Experiment
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.observers import MethodObserver
from noisewise.training import Training
from noisewise.training.observer import Callbacks, Observer, Row

BASELINE = "ce"  # the method of runs that name none
# What studies committed was computed in fp32, on any device; a scale may say otherwise.
EXACT: dict[str, Any] = {"precision": "fp32"}
PLAIN: dict[str, Any] = {**EXACT, "method": BASELINE, "validation": 0.0, "augment": "none"}
_FIRST = ("source", "corrupt", "method", "model", "deficit")
_LAST = ("test_accuracy", "train_loss", "trusted_accuracy", "trusted_confidence", "transition_error")


def task(function: Callable[..., dict[str, Any]], verb: str, *, version: int = 1, **arguments: Any) -> Task:
    """The task of a function that trains; its title begins with what is trained on what, and how.

    Args:
        function: At the top of a module.
        verb: The title's first word.
        version: Of the function, see `Task.of`.
        **arguments: Of the function.

    Raises:
        BadInput: an argument is not plain data.
    """
    named = [str(arguments[name]) for name in _FIRST if arguments.get(name) is not None]
    others = [f"{name}={value}" for name, value in arguments.items() if name not in _FIRST and value is not None]
    return Task.of(function, version=version, title=" ".join([verb, *named, *others]), **arguments)


def training(**arguments: Any) -> Task:
    """The task of one `noisewise.train`.

    Its result has what `run.json` holds, by name, and the table `history`, one row per recorded epoch.

    Args:
        **arguments: Of `noisewise.train`, with the `source` in place of the data set.

    Raises:
        BadInput: an argument is not plain data.
    """
    return task(trained, "train", **arguments)


def following(redraw: bool = False, **arguments: Any) -> Task:
    """The task of one `curve`, or of one `redrawn_curve`.

    Args:
        redraw: Whether the seed chooses the rows.
        **arguments: Of the function.

    Raises:
        BadInput: an argument is not plain data.
    """
    return task(redrawn_curve if redraw else curve, "follow", **arguments)


def trained(source: str, scratch: Path, **fields: Any) -> dict[str, Any]:
    """Train an experiment; continue an interrupted one.

    Args:
        source: Of the data.
        scratch: For checkpoints.
        **fields: Of `Experiment` and `Config`; the method is cross entropy where none is named.

    Returns:
        What `run.json` holds, by name, and the table `history`, one row per recorded epoch.
    """
    return _run(Experiment.of(source, **{**EXACT, "method": BASELINE, **fields}), scratch)


def trained_on_drawn(source: str, scratch: Path, **fields: Any) -> dict[str, Any]:
    """`trained` on the rows that `draw` gives, which do not depend on the seed."""
    return _run(on_drawn(Experiment.of(source, **{**EXACT, "method": BASELINE, **fields})), scratch)


def _run(experiment: Experiment, scratch: Path) -> dict[str, Any]:
    run = experiment.run(scratch, report=False, resume=True)
    return {**run.metrics, "history": run.history}


def on_drawn(experiment: Experiment, redraw: bool = False) -> Experiment:
    """The experiment on the data set that `draw` gives for its fields.

    Args:
        experiment: Its fields are the arguments of `draw`.
        redraw: Whether the seed chooses the rows.
    """
    one = experiment
    data = draw(one.source, one.rows, one.tested, one.corrupt, one.config.seed, one.drawn, redraw)
    return replace(experiment, source=data, rows=None, tested=None, corrupt=None, trusted=0)


def fit(experiment: Experiment, scratch: Path | None = None, observers: Iterable[Observer] = ()) -> Training:
    """Train an experiment and give the training itself.

    Args:
        experiment: What to train.
        scratch: For checkpoints, from which an interrupted training continues; None keeps none.
        observers: In addition to the experiment's own.
    """
    training = experiment.training(experiment.data(), observers, folder=scratch, resume=scratch is not None)
    build(experiment.method)(training)
    training.finish()
    return training


def follow(
    source: str | Dataset,
    scratch: Path | None = None,
    *,
    redraw: bool = False,
    keep: Mapping[str, str] | None = None,
    observers: Iterable[Observer] = (),
    **fields: Any,
) -> dict[str, Any]:
    """Train, and measure the networks and the method after every epoch.

    Unless `fields` say otherwise nothing is held out and nothing augmented.

    Args:
        source: Of the data, or a data set, which is taken as it is.
        scratch: For checkpoints; None keeps none.
        redraw: Whether the seed chooses the rows, see `draw`.
        keep: Parameters of the first network to return as they are in the end: names in the result, and in the network.
        observers: In addition to those of `observe`, the truth's and the method's.
        **fields: Of `Experiment` and `Config`.

    Returns:
        `history`, one row per recorded epoch with what observers measure; of its last row `test_accuracy`, `train_loss`
        and, where they are, `trusted_accuracy`, `trusted_confidence` and `transition_error`; `noise_rate`, the realised
        share of wrong labels, and `rows` of training; `seconds` of training without evaluation; the parameters that
        `keep` names.
    """
    experiment = Experiment.of(source, **{**PLAIN, **fields})
    if isinstance(source, str):
        experiment = on_drawn(experiment, redraw)
    data = experiment.data()
    training = fit(experiment, scratch, [MethodObserver(data), *observers])
    history = pd.DataFrame(training.history)
    return {
        "history": history,
        **{name: float(history[name].iloc[-1]) for name in _LAST if name in history},
        "noise_rate": data.noise_rate or 0.0,
        "rows": len(data),
        "seconds": training.seconds,
        **_parameters(training, keep or {}),
    }


def curve(
    source: str,
    scratch: Path,
    *,
    effective: float | None = None,
    beta_from: int | None = None,
    beta: float = 0.1,
    **fields: Any,
) -> dict[str, Any]:
    """`follow` on rows that do not depend on the seed.

    Args:
        source: Of the data.
        scratch: For checkpoints.
        effective: Also count, after every epoch, the parameters above this in absolute value.
        beta_from: The epoch after which Adam's first beta is set to `beta`; None leaves it.
        beta: See `beta_from`.
        **fields: Of `follow`.
    """
    observe = "" if effective is None else f"effective-parameters:threshold={effective!r}"
    changing = [] if beta_from is None else [BetaChange(beta_from, beta)]
    return follow(source, scratch, observers=changing, observe=observe, **fields)


def redrawn_curve(source: str, scratch: Path | None = None, **fields: Any) -> dict[str, Any]:
    """`follow` on rows that the seed chooses."""
    return follow(source, scratch, redraw=True, **fields)


class BetaChange(Callbacks):
    """Sets Adam's first beta after an epoch. It changes the training, which no other observer may.

    Args:
        epoch: The number of the epoch, from 1.
        beta: The new value.
    """

    def __init__(self, epoch: int, beta: float) -> None:
        super().__init__()
        self.epoch, self.beta = epoch, beta

    def before(self, training: Training) -> None:
        """Keep the training at hand."""
        self._training = training

    def recorded(self, row: Row) -> None:
        """Set beta when its epoch is complete."""
        if row["epoch"] != self.epoch:
            return
        for group in self._training.learner("main").optimizer.param_groups:
            if "betas" not in group:
                optimizer = self._training.config.optimizer
                raise BadInput(f"beta={self.beta!r} is of Adam, but the optimizer is {optimizer!r}")
            group["betas"] = (self.beta, group["betas"][1])


def _parameters(training: Training, keep: Mapping[str, str]) -> dict[str, np.ndarray]:
    assert training.predictor is not None
    parameters = dict(training.predictor.nets[0].named_parameters())
    for name in keep.values():
        if name not in parameters:
            known = ", ".join(parameters)
            raise BadInput(f"keep={name!r} is not a parameter of the model {training.model!r}; available: {known}")
    return {name: parameters[at].detach().float().cpu().numpy() for name, at in keep.items()}


def best(item: Result) -> float:
    """The highest test accuracy of all epochs."""
    return float(item["history"]["test_accuracy"].max())


def best_epoch(item: Result) -> int:
    """The first epoch, from 1, with the highest test accuracy."""
    history = item["history"]
    return int(history["epoch"].iloc[int(history["test_accuracy"].to_numpy().argmax())])


def last(item: Result, epochs: int = 1, column: str = "test_accuracy") -> float:
    """The mean of a column of the history over the last epochs."""
    return float(item["history"][column].iloc[-epochs:].mean())
