"""Meta-Weight-Net: a weight for every loss, learned on a few trusted rows, under noise and under imbalance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import COLOURS, subplots
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.weighting import balanced, draw_curves, slope, weighing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CASES = {"uniform": "uniform:0.4", "flip": "pair:0.4", "long tail": "longtail:100"}
ROLES = {"plain": "cross entropy", "learned": "Meta-Weight-Net", "reweighted": "L2RW"}


def own(scale: Scale) -> Scale:
    """The scale of this study for a scale of any study that shares its trainings, with the same source and model."""
    return STUDY.scale(scale.name, **scale.chosen)


def run_of(scale: Scale, case: str, method: str, seed: int) -> Task:
    """One training under a case, the same task for every study that asks for it."""
    scale = own(scale)
    sizes = scale.tailed if case == "long tail" else scale.noisy
    return weighing(source=scale.source, model=scale.model, method=method, corrupt=CASES[case], seed=seed, **sizes)


def runs(scale: Scale) -> list[Task]:
    """Every case with cross entropy, Meta-Weight-Net and L2RW, all on one schedule."""
    return [
        run_of(scale, case, getattr(scale, role), seed)
        for role in ("learned", "reweighted", "plain")
        for case in CASES
        for seed in range(scale.seeds)
    ]


def described(results: Results) -> pd.DataFrame:
    """The table of runs with `case`, `role` and the last epoch's accuracy `balanced` over the classes."""
    runs = results.table
    cases = {corrupt: case for case, corrupt in CASES.items()}
    roles = {getattr(results.scale, role): role for role in ROLES}
    return runs.assign(
        case=runs["corrupt"].map(cases),
        role=runs["method"].map(roles),
        balanced=[balanced(item) for item in results],
    )


def learned(results: Results, case: str) -> Results:
    """The runs of Meta-Weight-Net under a case."""
    return results.of("weighted").where(corrupt=CASES[case], method=own(results.scale).learned)


def by_run(runs: pd.DataFrame, role: str, column: str) -> np.ndarray:
    """(seeds, epochs) a column of the history under uniform noise.

    The column `moved` is the change of a row's weight from the epoch before, over the mean weight.
    """
    found = runs[(runs["case"] == "uniform") & (runs["role"] == role)]["history"]
    return np.array([history[column] for history in found], dtype=float)


def over_epochs(runs: pd.DataFrame, role: str, column: str) -> np.ndarray:
    """(epochs,) a column of the history under uniform noise; the mean over seeds."""
    return np.asarray(by_run(runs, role, column).mean(axis=0))


def recovered(runs: pd.DataFrame) -> float:
    """What the best epoch of cross entropy gains over its last one, over what Meta-Weight-Net gains.

    Both are under uniform noise.
    """
    found = means(runs[runs["case"] == "uniform"], "role", ["test_accuracy", "test_best"])
    last, best = found.loc["plain"]
    gain = found["test_accuracy"]["learned"] - last
    return float((best - last) / gain) if gain > 0 else math.nan


def measured(results: Results) -> dict[str, float]:
    """Accuracy on one schedule, the learned functions, and how much the weights move."""
    runs = described(results)
    score = means(runs, ["case", "role"], "balanced")
    slopes = {case: [slope(item) for item in learned(results, case)] for case in CASES}
    moved = {role: over_epochs(runs, role, "moved") for role in ("reweighted", "learned")}
    shifting, calm = (values[len(values) // 2 :].mean() for values in moved.values())
    return {
        **{f"{case}-gain".replace(" ", "-"): score[case, "learned"] - score[case, "plain"] for case in CASES},
        "early-stopping": recovered(runs),
        "uniform-falls": np.max(slopes["uniform"]),
        "flip-falls": np.max(slopes["flip"]),
        "long-tail-rises": np.min(slopes["long tail"]),
        "tells": over_epochs(runs, "learned", "tells")[-1],
        "calm": shifting / calm if calm > 0 else math.nan,
    }


def figure(results: Results) -> Figure:
    """Accuracy over epochs, at the end by case, the learned functions, and how much weights move."""
    drawn, ((left, bars), (functions, calm)) = subplots(2, 2)
    runs = described(results)
    for (role, name), colour in zip(ROLES.items(), COLOURS, strict=False):
        for axes, column in ((left, "test_accuracy"), (calm, "moved"))[: 1 if role == "plain" else 2]:
            found = by_run(runs, role, column)
            draw_runs(axes, np.arange(1, found.shape[1] + 1), found, color=colour, label=name)
    left.set(xlabel="epoch", ylabel="test accuracy", title=f"Uniform noise ({CASES['uniform']})")
    left.legend(loc="lower center", fontsize=8)
    _draw_scores(bars, runs)
    draw_curves(functions, {case: (learned(results, case), COLOURS[3 + k]) for k, case in enumerate(CASES)})
    calm.set(xlabel="epoch", ylabel="change over the mean weight", title="Weights between epochs, uniform noise")
    calm.set_ylim(0, None)
    calm.legend(loc="center right")
    return drawn


def _draw_scores(axes: Axes, runs: pd.DataFrame) -> None:
    found, width = means(runs, ["case", "role"], ["balanced", "test_best"]), 0.8 / len(ROLES)
    for k, ((role, name), colour) in enumerate(zip(ROLES.items(), COLOURS, strict=False)):
        places, scores = np.arange(len(CASES)) + (k - 1) * width, found.xs(role, level="role").loc[[*CASES]]
        axes.bar(places, scores["balanced"], 0.9 * width, color=colour, label=name)
        axes.plot(places, scores["test_best"], "_", color="black", markersize=11)
    axes.set_ylim(0, 1)
    axes.set_xticks(range(len(CASES)), list(CASES))
    axes.set(ylabel="balanced test accuracy", title="After the last epoch (dash: best epoch)")


STUDY = Study.load(__file__, runs, measured, figure)
