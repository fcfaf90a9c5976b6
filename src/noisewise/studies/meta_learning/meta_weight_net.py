"""Meta-Weight-Net: a weight for every loss, learned on a few trusted rows, and what moves the weight function."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import COLOURS, subplots
from noisewise.studies.frame.estimate import Estimate
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.statistics import difference, mean
from noisewise.studies.harness.weighting import (
    FEW,
    MUCH,
    balanced,
    course,
    draw_curves,
    lowest,
    slope,
    weighing,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CASES = {"uniform": "uniform:0.4", "flip": "pair:0.4", "long tail": "longtail:100"}
NOISES = ("uniform", "flip")
ROLES = {"plain": "cross entropy", "learned": "Meta-Weight-Net", "reweighted": "L2RW"}
SHORT = {
    "learned": "default",
    "divided": "no decay",
    "high": "bias + 3",
    "low": "bias - 3",
    "penalty": "penalty of 1e-4",
    "free": "no decay",
    "low-free": "no decay, bias - 3",
    "penalty-fast": "penalty of 1e-4",
    "free-fast": "no decay",
}
GROUPED = {
    "divided": ("learned", "divided", "high", "low"),
    "undivided": ("penalty", "free", "low-free"),
    "undivided, 10 x rate": ("penalty-fast", "free-fast"),
}


def own(scale: Scale) -> Scale:
    """The scale of this study for a scale of any study that shares its trainings, with the same source and model."""
    return STUDY.scale(scale.name, **scale.chosen)


def run_of(scale: Scale, case: str, method: str, seed: int) -> Task:
    """One training under a case, the same task for every study that asks for it."""
    scale = own(scale)
    sizes = scale.tailed if case == "long tail" else scale.noisy
    return weighing(source=scale.source, model=scale.model, method=method, corrupt=CASES[case], seed=seed, **sizes)


def settings(scale: Scale) -> dict[str, str]:
    """The methods by name whose weight functions are followed under noise: the default and others."""
    return {"learned": scale.learned, **scale.settings}


def runs(scale: Scale) -> list[Task]:
    """Every case with cross entropy, Meta-Weight-Net and L2RW; then settings of the weight function under noise."""
    return [
        *(
            run_of(scale, case, getattr(scale, role), seed)
            for role in ("learned", "reweighted", "plain")
            for case in CASES
            for seed in range(scale.uniform_seeds if case == "uniform" else scale.seeds)
        ),
        *(
            run_of(scale, case, method, seed)
            for method in scale.settings.values()
            for case in NOISES
            for seed in range(scale.seeds)
        ),
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


def learned(results: Results, case: str, method: str | None = None) -> Results:
    """The runs of Meta-Weight-Net under a case, in the order of the seeds; by default those of the default settings."""
    return results.of("weighted").where(corrupt=CASES[case], method=method or own(results.scale).learned)


def of_role(runs: pd.DataFrame, case: str, role: str) -> pd.DataFrame:
    """The runs of a method under a case, by seed."""
    return runs[(runs["case"] == case) & (runs["role"] == role)].set_index("seed").sort_index()


def by_run(runs: pd.DataFrame, role: str, column: str) -> np.ndarray:
    """(seeds, epochs) a column of the history under uniform noise.

    The column `moved` is the change of a row's weight from the epoch before, over the mean weight.
    """
    return np.array([history[column] for history in of_role(runs, "uniform", role)["history"]], dtype=float)


def by_seed(results: Results) -> pd.Series[float]:
    """(seeds,) the last accuracy over the classes, by seed."""
    return pd.Series({item.task.arguments["seed"]: balanced(item) for item in results})


def change(before: pd.Series[float], after: pd.Series[float]) -> Estimate:
    """The mean change of a value on the seeds that both have."""
    return difference(*after.align(before, join="inner"))


def measured(results: Results) -> dict[str, Estimate]:
    """Accuracy on one schedule, the learned functions, how much the weights move, and what moves the function."""
    runs = described(results)
    ends = {(case, role): of_role(runs, case, role)["balanced"] for case in CASES for role in ROLES}
    plain, gained = (of_role(runs, "uniform", role) for role in ("plain", "learned"))
    middle = (plain["test_accuracy"] + gained["test_accuracy"]) / 2
    half = len(by_run(runs, "learned", "moved")[0]) // 2
    moved = {role: by_run(runs, role, "moved")[:, half:].mean(axis=1) for role in ("reweighted", "learned")}
    return {
        **{f"{case}-gain".replace(" ", "-"): difference(ends[case, "learned"], ends[case, "plain"]) for case in CASES},
        "early-stopping": difference(plain["test_best"], middle),
        "uniform-falls": mean([slope(item) for item in learned(results, "uniform")]),
        "flip-falls": mean([slope(item) for item in learned(results, "flip")]),
        "long-tail-rises": mean([slope(item) for item in learned(results, "long tail")]),
        "tells": mean(by_run(runs, "learned", "tells")[:, -1]),
        "calm": mean(moved["reweighted"] / np.maximum(moved["learned"], 1e-12)),
        **(moving(results) if results.scale.settings else {}),
    }


def moving(results: Results) -> dict[str, Estimate]:
    """What moves the weight function under noise: division by the mean, decay, rate and initial bias."""
    named = settings(results.scale)
    found = {(case, name): learned(results, case, named[name]) for case in NOISES for name in named}
    ends = {key: by_seed(items) for key, items in found.items()}
    plain = {case: by_seed(learned(results, case, results.scale.plain)) for case in NOISES}
    return {
        **{f"saturates-{name}": mean([lowest(item) for item in found["flip", name]]) for name in ("free", "free-fast")},
        "saturated-is-plain": change(plain["flip"], ends["flip", "free"]),
        "undivided-falls": mean([slope(item) for item in found["uniform", "penalty"]]),
        "undivided-gains": change(plain["uniform"], ends["uniform", "free"]),
        "penalty-brings-back": mean(
            [course(item, MUCH).max() - course(item, MUCH)[-1] for item in found["flip", "penalty-fast"]]
        ),
        "divided-moves": mean([course(item, MUCH)[-1] for item in found["flip", "divided"]]),
        "divided-gains": change(plain["flip"], ends["flip", "divided"]),
        "decay-adds": change(ends["flip", "divided"], ends["flip", "learned"]),
        **{f"bias-{name}": change(ends["flip", "learned"], ends["flip", name]) for name in ("high", "low")},
    }


def figure(results: Results) -> Figure:
    """Draw accuracies, the learned functions, weights of right and wrong rows, and what moves the function."""
    followed = len(results.scale.settings) > 0
    drawn, panels = subplots(3 if followed else 2, 3)
    (left, bars, functions), (calm, apart, ends) = panels[:2]
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
    calm.set_ylim(0, 1.6 * calm.get_ylim()[1])
    calm.legend(loc="upper right")
    _draw_rows(apart, learned(results, "uniform"))
    if not followed:
        ends.set_axis_off()
        return drawn
    _draw_ends(ends, results)
    for axes, (group, names) in zip(panels[2], GROUPED.items(), strict=True):
        _draw_courses(axes, results, names, f"V under flips, {group}")
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


def _draw_rows(axes: Axes, results: Results) -> None:
    """Draw what share of the right and of the wrong rows has at most a weight in the last epoch."""
    share = np.linspace(0, 1, 201)
    for wrong, name, colour in ((False, "right labels", COLOURS[0]), (True, "wrong labels", COLOURS[1])):
        found = [np.quantile(item["weights"][item["wrong"] == wrong], share) for item in results]
        axes.plot(np.mean(found, axis=0), share, color=colour, label=name)
    axes.set(xlabel="weight over the mean of the batch", ylabel="share of rows with at most it")
    axes.set_title("Meta-Weight-Net, uniform noise, last epoch")
    axes.legend(loc="lower right")


def _draw_ends(axes: Axes, results: Results) -> None:
    """Draw the last accuracy by setting of the weight function under both kinds of noise, and cross entropy."""
    named = {name: group for group, names in GROUPED.items() for name in names}
    places, methods = np.arange(len(named) + 1)[::-1], [results.scale.plain, *map(settings(results.scale).get, named)]
    for case, colour, shift in zip(NOISES, COLOURS, (0.2, -0.2), strict=False):
        found = [by_seed(learned(results, case, method))[: results.scale.seeds].mean() for method in methods]
        axes.barh(places + shift, found, 0.38, color=colour, label=case)
        axes.axvline(float(found[0]), color=colour, linestyle="--", linewidth=0.9)
    names = ["cross entropy (dashed)", *(f"{group}: {SHORT[name]}" for name, group in named.items())]
    for place, name in zip(places, names, strict=True):
        axes.text(0.88, place, name, va="center", fontsize=7.5)
    axes.set_yticks([])
    axes.set(xlim=(0, 1.85), xticks=np.linspace(0, 0.8, 5), ylim=(-0.7, len(places) + 0.9))
    axes.set(xlabel="balanced test accuracy", ylabel="setting of V", title="Settings of V, last epoch")
    axes.legend(loc="upper left", ncols=2, fontsize=7.5)


def _draw_courses(axes: Axes, results: Results, names: Iterable[str], title: str) -> None:
    """Draw the learned weight by epoch at a large loss, solid, and at a small one, dotted."""
    for name, colour in zip(names, (COLOURS[1], COLOURS[2], COLOURS[3], COLOURS[0]), strict=False):
        found = learned(results, "flip", settings(results.scale)[name])
        epochs = range(1, len(found.items[0]["curves"]) + 1)
        draw_runs(axes, epochs, [course(item, MUCH) for item in found], color=colour, label=SHORT[name])
        axes.plot(epochs, np.mean([course(item, FEW) for item in found], axis=0), ":", color=colour, linewidth=1.2)
    axes.set(xlabel="epoch", ylabel="weight V", ylim=(-0.03, 1.03))
    axes.set_title(f"{title}\n(solid: at loss {MUCH:g}, dotted: {FEW:g})", fontsize=9.5)
    axes.legend(loc="best", fontsize=7.5)


STUDY = Study.load(__file__, runs, measured, figure)
