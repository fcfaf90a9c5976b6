"""Noise leads to flat minima: gradient descent, small steps and annealed noise, compared at equal training loss."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from noisewise.compute import Task
from noisewise.data import Dataset
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.methods.catalogue import METHODS
from noisewise.probes import Subject
from noisewise.probes.curvature import Curvature
from noisewise.spec import parse
from noisewise.studies.frame.claim import Estimate
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.interpolation import Evaluation
from noisewise.studies.harness.statistics import mean
from noisewise.training import Config, Learner, Training
from noisewise.training.config import configured
from noisewise.training.method import Method

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ARMS: dict[str, dict[str, Any]] = {
    "GD": {"method": "ce", "rate": 0.05},
    "GD, gradient noise": {"method": "gradient-noise:eta=0.03", "rate": 0.05},
    "GD, perturbed": {"method": "perturbed-gd:rho=0.5", "rate": 0.05},
    "SGD, small step": {"method": "ce", "rate": 0.02, "batch": 20},
    "SGD, annealed": {"method": "ce", "rate": 0.15, "batch": 20, "annealed": True},
}
MEASURES = {
    "hessian_top": ("a: top eigenvalue of the Hessian", "eigenvalue"),
    "sharpness": ("b: rise of the loss, perturbed", "nats, filters moved by 0.25 of their norm"),
    "test_accuracy": ("c: test accuracy minus that of GD", "points"),
}
MILESTONES, GAMMA = (0.3, 0.6, 0.9), 0.5
EVALUATE_EVERY = 50  # steps


@dataclass(frozen=True)
class Descent:
    """One training until its loss is low enough.

    Attributes:
        source: Of the data.
        model: A catalogue name with its options.
        rows: How many rows to train on; None takes all.
        tested: How many rows to test on; None takes all.
        corrupt: A corruption spec, or None.
        method: A spec of one method.
        batch: Rows per step; None takes all.
        rate: The first learning rate, without momentum and weight decay.
        annealed: Whether the rate is halved after 30, 60 and 90 % of the horizon.
        horizon: Steps over which the rate, or the method's noise, is annealed; after them it stays as it is then.
        limit: Largest number of steps.
        levels: Of the training loss, falling; the network is measured when it reaches one.
        seed: Random seed, of corruption, weights, order and noise.
    """

    source: str
    model: str
    rows: int | None
    tested: int | None
    corrupt: str | None
    method: str
    batch: int | None
    rate: float
    annealed: bool
    horizon: int
    limit: int
    levels: list[float]
    seed: int

    def data(self) -> Dataset:
        """The rows."""
        return draw(self.source, self.rows, self.tested, self.corrupt, self.seed)

    def config(self, rows: int) -> Config:
        """The settings of a training on so many rows."""
        size = rows if self.batch is None else self.batch
        steps = {"schedule": "step", "milestones": MILESTONES, "gamma": GAMMA}
        schedule = steps if self.annealed else {"schedule": "constant"}
        plain = {"momentum": 0.0, "weight_decay": 0.0, "validation": 0.0, "augment": "none", "precision": "fp32"}
        settings = {"batch_size": size, "lr": self.rate, **schedule, **plain}
        return configured(-(-self.horizon // steps_per_epoch(rows, size)), self.seed, settings)


def steps_per_epoch(rows: int, size: int) -> int:
    """Number of batches of at most `size` rows."""
    return -(-rows // size)


def descended(scratch: Path, **fields: Any) -> dict[str, Any]:
    """Train until the loss of all training rows is low enough, and measure how sharp the minimum is on the way.

    Args:
        scratch: For checkpoints.
        **fields: Those of `Descent`.

    Returns:
        `measured`: one row per level that was reached, with `level`, `step`, `train_loss`, `hessian_top`,
        `hessian_trace` and `sharpness` (see the probe `curvature`); `reached`: whether all were; the same numbers of
        the last one; and at the end `test_accuracy`, `train_accuracy` and `steps`.

    Raises:
        BadInput: an argument is not legal.
        Diverged: the loss became infinite or NaN.
    """
    descent = Descent(**fields)
    data = descent.data()
    config = descent.config(len(data))
    training = Training(data, descent.model, config, folder=scratch, resume=True)
    learner = training.learner()
    per_epoch = steps_per_epoch(len(data), config.batch_size)
    table = _train_and_measure(training, learner, descent, per_epoch)
    table["step"] = table.pop("epoch") * per_epoch
    last = {name: float(value) for name, value in table.iloc[-1].items()}
    evaluation = Evaluation(training, learner.nets)
    ends = training.memoize("ends", lambda: {**evaluation.train(), **evaluation.test()})
    return {
        "measured": table,
        "reached": len(table) == len(descent.levels) and last["level"] == descent.levels[-1],
        **{name: last[name] for name in ("hessian_top", "hessian_trace", "sharpness")},
        "steps": int(last["step"]),
        **ends,
    }


def named(method: str) -> Method:
    """A method by its spec.

    Raises:
        BadInput: an unknown one, or an unknown option.
    """
    term = parse(method, METHODS)[0]
    entry = METHODS[term.name]
    return entry(**term.bind(entry))


def _train_and_measure(training: Training, learner: Learner, descent: Descent, per_epoch: int) -> pd.DataFrame:
    """Train, evaluate the loss about every `EVALUATE_EVERY` steps, and measure at each level.

    A last measurement is made at the end if a level is not reached.
    """
    method, epochs, every = named(descent.method), descent.limit // per_epoch, max(1, EVALUATE_EVERY // per_epoch)
    found: list[dict[str, float]] = []
    left, evaluation = list(descent.levels), Evaluation(training, learner.nets)
    for done in range(every, epochs + 1, every):
        training.fit(learner, method, every, record=False)
        loss = training.memoize(f"loss {done}", lambda: evaluation.train()["train_loss"])
        reached = [level for level in left if loss <= level]
        if not reached and done + every <= epochs:
            continue
        left = [level for level in left if level not in reached]
        numbers = training.memoize(f"measured {done}", lambda: curvature(training, learner))
        found.append({"level": min(reached, default=float("nan")), "epoch": done, "train_loss": loss, **numbers})
        if not left:
            break
    return pd.DataFrame(found)


def curvature(training: Training, learner: Learner) -> dict[str, float]:
    """Measure the probe `curvature` on at most 1,000 of the training rows."""
    probe = Curvature(examples=1000)
    rng = torch.Generator().manual_seed(training.config.seed_of("curvature"))
    order = torch.randperm(len(training.rows), generator=rng)[: probe.examples]
    chosen, raw = next(training.rows.stream(order, len(order)))
    net = learner.nets[0].eval()
    x = training.rows.prepare(raw, None)
    return probe.measure(Subject(x, training.rows.given[chosen], training.classes, rng, net))


def runs(scale: Scale) -> list[Task]:
    """Every arm, with true and with noisy labels, for every seed."""
    shared = {"source": scale.source, "model": scale.model, "batch": None, "annealed": False, **scale.sizes}
    return [
        Task.of(
            descended,
            title=f"{name}, {share:.0%} noise, seed {seed}",
            **{**shared, **arm, "horizon": horizon, "corrupt": f"symmetric:{share:g}" if share else None, "seed": seed},
        )
        for share, horizon in zip(scale.shares, scale.horizons, strict=True)
        for name, arm in ARMS.items()
        for seed in range(scale.seeds)
    ]


def arms(results: Results) -> pd.DataFrame:
    """The table of runs with `arm`, the name of the optimiser, and `noisy`, whether labels were wrong."""
    runs, known = results.table, {(arm["method"], arm["rate"]): name for name, arm in ARMS.items()}
    names = [known[key] for key in zip(runs["method"], runs["rate"], strict=True)]
    return runs.assign(arm=names, noisy=runs["corrupt"].notna())


def measured(results: Results) -> dict[str, float | Estimate | None]:
    """The order of sharpness at equal training loss, by eigenvalue and by perturbation, and the gain in accuracy."""
    runs = arms(results)
    losses = runs.groupby("seed")["train_loss"]
    spread = losses.max() / losses.min() if runs["reached"].all() else [np.nan]
    found: dict[str, float | Estimate | None] = {"equal-loss": mean(spread)}
    for noisy, some in runs.groupby("noisy"):
        average, ending = means(some, "arm", [*MEASURES]), "-noisy" if noisy else ""
        top, rise, accuracy = (average[name] for name in MEASURES)
        found |= {
            f"gd-sharp{ending}": top["GD"] / top["SGD, small step"],
            f"small-sharp{ending}": top["SGD, small step"] / top["SGD, annealed"],
            f"perturbed-flat{ending}": top["GD"] / top["GD, perturbed"],
            f"perturbed-rise{ending}": rise["GD"] / rise["SGD, annealed"],
            f"accuracy{ending}": accuracy["SGD, annealed"] - accuracy["GD"],
        }
    return found


def figure(results: Results) -> Figure:
    """Draw sharpness at equal loss by both measures, and test accuracy against that of GD, by arm."""
    drawn, panels = subplots(1, 3, sharey=True)
    runs = arms(results)
    for axes, (name, (title, label)) in zip(panels, MEASURES.items(), strict=True):
        _dots(axes, runs, name)
        axes.set(title=title, xlabel=label, ylabel="optimiser")
    panels[1].set_xscale("log")
    panels[0].set_yticks(range(len(ARMS)), list(ARMS))
    panels[0].invert_yaxis()
    panels[0].plot([], [], "|", color=GREY, markersize=13, markeredgewidth=2.5, label="mean over seeds")
    handles, named = panels[0].get_legend_handles_labels()
    drawn.legend(handles, named, loc="outside lower center", ncols=3)
    return drawn


def _dots(axes: Axes, runs: pd.DataFrame, name: str) -> None:
    """Draw a dot per seed and a bar at their mean, per arm and share of wrong labels."""
    for k, (corrupt, some) in enumerate(runs.groupby("corrupt", dropna=False, sort=False)):
        share = 0.0 if pd.isna(corrupt) else float(str(corrupt).partition(":")[2])
        values = {arm: of_arm[name].to_numpy() for arm, of_arm in some.groupby("arm")}
        for row, arm in enumerate(ARMS):
            shown = 100 * (values[arm] - values["GD"]) if name == "test_accuracy" else values[arm]
            place, label = row + (-0.15, 0.15)[k], f"{share:.0%} of the labels wrong" if not row else None
            axes.plot(shown, [place] * len(shown), "o", color=COLOURS[k], alpha=0.6, markeredgewidth=0, label=label)
            axes.plot(shown.mean(), place, "|", color=COLOURS[k], markersize=13, markeredgewidth=2.5)


STUDY = Study.load(__file__, runs, measured, figure)
