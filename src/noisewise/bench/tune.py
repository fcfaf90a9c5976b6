"""Tuning the methods of a grid by Optuna, on held-out rows with their given labels.

    [tune]
    trials = 20                                    # per method, source, corruption and model
    methods = ["ce", "elr"]                        # by default all of the grid
    space.lr = {low = 0.001, high = 1.0, log = true}
    space.batch_size = {choices = [32, 64, 128]}
    space."elr:lam" = {low = 1, high = 10}         # an option of one method

A trial is a training with a seed that the grid does not have. It is judged by its best accuracy on the validation rows,
whose labels are as wrong as those of the training rows; neither test rows nor true labels are looked at. The best
settings are then trained with the seeds of the grid, and shown as "METHOD, tuned". They are thus compared with noise,
divisions of the rows and initial weights on which they were not chosen.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from noisewise.bench.grid import Trial, pointed
from noisewise.bounds import a, check, whole
from noisewise.compute import Done, Engine, run
from noisewise.errors import BadInput, nearest, shown
from noisewise.training.config import Config

ROUND = 4  # trials that are suggested together: the same on any machine, whatever its number of workers
NOT_TUNED = ("seed", "validation", "select", "device", "precision")
SETTINGS = tuple(field.name for field in fields(Config) if field.name not in NOT_TUNED)
_KEYS = ("trials", "seed", "methods", "space")
_NUMBERS, _CHOICES = ("low", "high", "log"), ("choices",)

Stated = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One method on one source, corruption and model, which is tuned.

    Attributes:
        trials: those of the grid, one per seed.
        space: what is tuned, by name, as tables of the spec.
        count: number of trials.
        seed: of the trials.
    """

    trials: tuple[Trial, ...]
    space: Mapping[str, Mapping[str, Any]]
    count: int
    seed: int

    @property
    def stated(self) -> Stated:
        """What the grid states of it, without the seed."""
        return {key: value for key, value in self.trials[0].stated.items() if key != "seed"}

    def at(self, values: Mapping[str, Any], seed: int | None, shown: str = "") -> Trial:
        """The trial of some values.

        Args:
            values: by name, as in `space`.
            seed: of the training; None is the grid's default.
            shown: the method's name on the leaderboard.
        """
        stated = {**self.stated, **{name: value for name, value in values.items() if ":" not in name}}
        options = [f"{name.partition(':')[2]}={value}" for name, value in values.items() if ":" in name]
        if options:
            stated["method"] += ":" + ",".join(options)
        return pointed(stated if seed is None else {**stated, "seed": seed}, shown)


@dataclass(frozen=True)
class Tuned:
    """The outcome for one case.

    Attributes:
        trials: the best settings with the seeds of the grid.
        tried: one row per trial: its values, `validation_accuracy`, `seconds`, and whether it is `chosen`.
    """

    trials: tuple[Trial, ...]
    tried: pd.DataFrame


def read_cases(spec: Mapping[str, Any], trials: Sequence[Trial]) -> list[Case]:
    """What the table `[tune]` of a bench spec asks for; nothing without one.

    Args:
        spec: of the bench.
        trials: of the grid.

    Raises:
        BadInput: an unknown key, a method that the grid has not, a range that is none, a value that a training refuses,
            no validation rows, or Optuna is not installed.
    """
    if "tune" not in spec:
        return []
    table = check(None, "tune", spec["tune"], a(Mapping, "be a table [tune]"))
    for key in table:
        if key not in _KEYS:
            raise BadInput(f"[tune] of the bench spec has an unknown key {shown(key)}{nearest(str(key), _KEYS)}")
    count = check("tune", "trials", table.get("trials", 20), whole(1, 10_000))
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(repr({k: v for k, v in trial.stated.items() if k != "seed"}), []).append(trial)
    known = list(dict.fromkeys(trial.stated["method"] for trial in trials))
    methods = check("tune", "methods", table.get("methods", known), a(list, "be a list of methods"))
    for method in methods:
        if method not in known:
            raise BadInput(f"[tune] names the method {shown(method)}, and the grid has {', '.join(known)}")
    seeds = [trial.experiment.config.seed for trial in trials]
    seed = check("tune", "seed", table.get("seed", max(seeds) + 1), whole(0))
    if seed in seeds:
        raise BadInput(f"tune: seed={seed} is one of the grid: settings may not be chosen on what is then shown")
    space = _space(table.get("space"), methods)
    cases = []
    for group in groups.values():
        method = group[0].stated["method"]
        own = {name: one for name, one in space.items() if name.partition(":")[0] == method or ":" not in name}
        if method in methods and own:
            case = Case(tuple(group), own, count, seed)
            for end in _ends(own):
                if case.at(end, seed).experiment.config.validation == 0:
                    raise BadInput("[tune] needs validation rows to choose by: state validation above 0")
            cases.append(case)
    _optuna()
    return cases


def tune(case: Case, folder: Path, engine: Engine | None, on_done: Callable[[Done], None] | None) -> Tuned | None:
    """Search the best settings of a case.

    Args:
        case: what to tune.
        folder: of the runs; those that are finished are not repeated.
        engine: where to train.
        on_done: called when a run ends.

    Returns:
        The settings with the best validation accuracy, the first of equal ones; None where no trial ended.
    """
    optuna = _optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=case.seed))
    space = {name: _distribution(optuna, one) for name, one in case.space.items()}
    rows: list[dict[str, Any]] = []
    while len(rows) < case.count:
        asked = [study.ask(space) for _ in range(min(ROUND, case.count - len(rows)))]
        trials = [case.at(one.params, case.seed) for one in asked]
        for done in run(list({trial.key: trial for trial in trials}.values()), folder, engine):
            if on_done:
                on_done(done)
        for one, trial in zip(asked, trials, strict=True):
            accuracy, seconds = _reached(folder / trial.key)
            study.tell(one, accuracy, state=None if accuracy is not None else optuna.trial.TrialState.FAIL)
            rows.append({**one.params, "validation_accuracy": accuracy, "seconds": seconds, "values": one.params})
    tried = pd.DataFrame(rows)
    if tried["validation_accuracy"].isna().all():
        return None
    best = int(tried["validation_accuracy"].to_numpy(dtype=float, na_value=-1.0).argmax())
    about = {name: case.stated.get(name) for name in ("source", "corrupt", "model", "method")}
    values = tried.pop("values").iloc[best]
    tried = tried.assign(chosen=tried.index == best, **about)
    name = f"{case.stated['method']}, tuned"
    return Tuned(tuple(case.at(values, trial.stated.get("seed"), name) for trial in case.trials), tried)


def _reached(folder: Path) -> tuple[float | None, float | None]:
    """The best validation accuracy of a run and its seconds; None where it did not end."""
    path = folder / "history.parquet"
    if not path.exists():
        return None, None
    history = pd.read_parquet(path)
    if "validation_accuracy" not in history:
        raise BadInput("[tune] needs validation rows to choose by, and a run had none: state validation above 0")
    return float(history["validation_accuracy"].max()), float(history["seconds"].iloc[-1])


def _space(space: Any, methods: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The ranges and choices by name, checked."""
    if not isinstance(space, Mapping) or not space:
        raise BadInput("[tune] lacks space: what is tuned, such as space.lr = {low = 0.001, high = 1, log = true}")
    for name, one in space.items():
        method, colon, _ = name.partition(":")
        if not colon and name not in SETTINGS:
            raise BadInput(
                f"[tune] cannot tune {shown(name)}{nearest(name, SETTINGS)}: it must be a setting or METHOD:OPTION"
            )
        if colon and method not in methods:
            raise BadInput(f"[tune] tunes {shown(name)}, and the methods tuned are {', '.join(methods)}")
        if not isinstance(one, Mapping) or not (
            set(one) == set(_CHOICES) or {"low", "high"} <= set(one) <= set(_NUMBERS)
        ):
            raise BadInput(f"[tune] {name} must be a table with low and high, perhaps log = true, or with choices")
        _check_range(name, one)
    return dict(space)


def _check_range(name: str, one: Mapping[str, Any]) -> None:
    if "choices" in one:
        if not isinstance(one["choices"], list) or not one["choices"]:
            raise BadInput(f"[tune] {name}: choices must be a list of values")
        return
    low, high = one["low"], one["high"]
    numbers = all(
        isinstance(end, (int, float)) and not isinstance(end, bool) and math.isfinite(end) for end in (low, high)
    )
    if not numbers or low >= high:
        raise BadInput(f"[tune] {name}: low={shown(low)} must be a number below high={shown(high)}")
    if not isinstance(one.get("log", False), bool) or (one.get("log") and low <= 0):
        raise BadInput(f"[tune] {name}: log must be true or false, and needs low above 0")


def _ends(space: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Values at the ends of the ranges, and every choice: what is legal there is legal in between."""
    middle = {name: one["choices"][0] if "choices" in one else one["low"] for name, one in space.items()}
    for name, one in space.items():
        for value in one["choices"] if "choices" in one else (one["low"], one["high"]):
            yield {**middle, name: value}


def _distribution(optuna: Any, one: Mapping[str, Any]) -> Any:
    kinds = optuna.distributions
    if "choices" in one:
        return kinds.CategoricalDistribution(one["choices"])
    whole_numbers = isinstance(one["low"], int) and isinstance(one["high"], int)
    kind = kinds.IntDistribution if whole_numbers else kinds.FloatDistribution
    return kind(one["low"], one["high"], log=one.get("log", False))


def _optuna() -> Any:
    try:
        return importlib.import_module("optuna")
    except ModuleNotFoundError as error:
        raise BadInput("[tune] needs the extra tune: pip install noisewise[tune]") from error
