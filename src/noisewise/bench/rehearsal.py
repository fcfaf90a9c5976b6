"""What a bench checks of its runs before the first one starts: a mistake is one sentence and not many failures."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Any

from noisewise import models
from noisewise.bench.grid import Trial
from noisewise.compute import Engine
from noisewise.data import Dataset
from noisewise.data.augment.spec import strong_augment, weak_augment
from noisewise.errors import BadInput
from noisewise.methods import METHODS, card
from noisewise.noise.corruption import corruptions
from noisewise.run.experiment import Experiment
from noisewise.run.observers import build_observers
from noisewise.spec import parse


def rehearse(trials: Iterable[Trial], engine: Engine | None) -> None:
    """Read every source once, and check that each run fits it; nothing is trained, and no noise is added.

    Where the runs are computed by machines that do not see our files, nothing is read: these search for sources too.

    Args:
        trials: those that are not finished.
        engine: where they are computed; None is this machine.

    Raises:
        BadInput: a run that could not start.
    """
    if engine is not None and not engine.shares_files:
        return
    waiting: dict[Hashable, list[Experiment]] = {}
    for trial in trials:
        waiting.setdefault(trial.input_name, []).append(trial.experiment)
    for experiments in waiting.values():
        data, done = experiments[0].load(), set[Any]()
        for one in experiments:
            rows = (one.corrupt, one.rows, one.tested, one.trusted, one.config.validation)
            trained = (one.method, one.model, one.observe, one.config.augment, one.config.strong, one.config.device)
            if (rows, trained) not in done:
                done.add((rows, trained))
                check_fit(one, data)


def check_fit(experiment: Experiment, data: Dataset) -> None:
    """Check that an experiment and the data set of its source go together, without training.

    Args:
        experiment: of names.
        data: what `experiment.load()` gives.

    Raises:
        BadInput: too few rows, test rows or trusted rows; a model, augmentation or probe that does not fit them; a
            device that is not here.
    """
    changes = set() if experiment.corrupt is None else {one.card.changes for _, one in corruptions(experiment.corrupt)}
    # noise in labels makes the truth known, which is what "symmetric:0" does, without changing a label
    rows = replace(experiment, corrupt="symmetric:0" if "labels" in changes else None).data(data)
    config, method = experiment.config, str(experiment.method)
    if rows.trusted is None and any(card(term.name).needs_trusted for term in parse(method, METHODS)):
        raise BadInput(f"method={method!r} needs rows whose labels are known to be correct: state trusted=N")
    model = models.DEFAULTS[rows.kind] if experiment.model is None else experiment.model
    models.build(model, rows.shape, len(rows.classes))
    strong_augment(config.strong, weak_augment(config.augment, rows), rows)
    build_observers(experiment.observe, rows)
    _ = config.torch_device
