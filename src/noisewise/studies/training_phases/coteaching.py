"""Co-teaching against plain training and its forerunners: test accuracy in the end, and what the networks pick."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.compute import Result, Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.claim import Estimate, slug
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.fit import best, following, last
from noisewise.studies.harness.statistics import by_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLAIN, TAUGHT = "ce", "coteaching"
METHODS = (PLAIN, "decoupling", "forward", "mentornet", TAUGHT)
NOISES = {"symmetric:0.5": 0.5, "pair:0.45": 0.45, "symmetric:0.2": 0.2}
HEAVY = ("symmetric:0.5", "pair:0.45")
ADAM: dict[str, Any] = {
    "optimizer": "adam",
    "lr": 0.001,
    "weight_decay": 0.0,
    "schedule": "linear",
    "milestones": [0.4],
}
GRADUAL = 10


def runs(scale: Scale) -> list[Task]:
    """Every method of the scale at every noise on every source, for every seed."""
    return [
        following(
            source=source,
            corrupt=noise,
            method=spec(method, scale),
            model=scale.model,
            noise_rate=rate,
            seed=seed,
            **{**ADAM, **scale.sizes},
        )
        for seed, source, (noise, rate), method in product(
            range(scale.seeds), scale.sources, NOISES.items(), scale.methods
        )
    ]


def ramp(epochs: int) -> int:
    """T_k: number of epochs in which the share of dropped rows rises, at most a quarter of all."""
    return max(1, min(GRADUAL, epochs // 4))


def spec(method: str, scale: Scale) -> str:
    """The method as it is run: co-teaching with the paper's ramp from the first epoch on."""
    return f"{method}:gradual={ramp(scale.sizes['epochs'])}" if method == TAUGHT else method


def name(method: str) -> str:
    """The method without its options."""
    return method.partition(":")[0]


def fall(item: Result, epochs: int) -> float:
    """The best test accuracy minus the mean of the last ones."""
    return best(item) - last(item, epochs)


def purity(item: Result, epochs: int) -> float:
    """Share of right labels among the picked rows minus that among all rows, in the last epochs."""
    return last(item, epochs, "label_precision") - (1 - float(item["noise_rate"]))


def rise(item: Result) -> float:
    """Rise of that share from the first epoch to the end of the ramp."""
    precision = item["history"]["label_precision"].to_numpy(dtype=float)
    return float(precision[ramp(len(precision)) - 1] - precision[0])


def measured(results: Results) -> dict[str, Estimate]:
    """The statements of tables 4 to 6 and figures 3 to 5 of the paper, by seed."""
    return by_seed(_of_seed, results)


def _of_seed(results: Results) -> dict[str, float]:
    epochs, taught = results.scale.last, results.where(method=spec(TAUGHT, results.scale))
    runs = results.table.assign(
        method=[name(str(method)) for method in results.table["method"]],
        end=[last(item, epochs) for item in results],
        fall=[fall(item, epochs) for item in results],
    )
    ends = runs.pivot(index=["source", "corrupt"], columns="method", values="end")
    ahead = ends.rsub(ends[TAUGHT], axis=0)
    gains = {noise: ahead.xs(noise, level="corrupt").min(skipna=False) for noise in HEAVY}
    mentor = ahead.xs("pair:0.45", level="corrupt")["mentornet"]
    falls = runs[runs["corrupt"].isin(HEAVY)].groupby("method")["fall"]
    found = {
        "gain-symmetric-50": gains["symmetric:0.5"][PLAIN],
        "gain-pair-45": gains["pair:0.45"][PLAIN],
        "plain-falls": np.min(falls.get_group(PLAIN).to_numpy()),
        "taught-stays": np.max(falls.get_group(TAUGHT).to_numpy()),
        **{f"before-mentornet-{slug(str(source))}": value for source, value in mentor.items()},
        "picks": np.min([purity(item, epochs) for item in taught]),
        "picks-rise": np.min([rise(item) for item in taught]),
    }
    own = taught.where(source="cifar10", corrupt="symmetric:0.2", model="cnn9")
    if results.scale.name == "paper" and len(own):
        found["published"] = last(own.one(), epochs)
    return found


def figure(results: Results) -> Figure:
    """Draw test accuracies over epochs by source and noise; below, the share of right labels among the picked rows."""
    sources = results.scale.sources
    drawn, panels = subplots(len(sources) + 1, len(NOISES))
    for across, noise in enumerate(NOISES):
        for down, source in enumerate(sources):
            _draw_accuracies(panels[down, across], results.where(source=source, corrupt=noise), f"{source}, {noise}")
        _draw_picks(panels[-1, across], results.where(corrupt=noise, method=spec(TAUGHT, results.scale)), noise)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside upper center", ncols=len(METHODS))
    return drawn


def _draw_accuracies(axes: Axes, found: Results, title: str) -> None:
    for spec in found.choices("method"):
        method, histories = name(str(spec)), [item["history"] for item in found.where(method=spec)]
        runs, colour = [one["test_accuracy"] for one in histories], COLOURS[METHODS.index(method)]
        draw_runs(axes, histories[0]["epoch"], runs, scale=100, color=colour, label=method)
    axes.set(xlabel="epoch", ylabel="test accuracy (%)", title=title)
    axes.locator_params(axis="x", integer=True)


def _draw_picks(axes: Axes, found: Results, noise: str) -> None:
    for source, colour in zip(found.choices("source"), (COLOURS[5], COLOURS[6]), strict=False):
        histories = [item["history"] for item in found.where(source=source)]
        runs = [one["label_precision"] for one in histories]
        draw_runs(axes, histories[0]["epoch"], runs, "o-", ms=3, scale=100, color=colour, label=str(source))
    items = found.items
    right = 100 * (1 - float(np.mean([item["noise_rate"] for item in items])))
    axes.axhline(right, linestyle="--", color=GREY, label="among all rows")
    axes.axvline(ramp(items[0].task.arguments["epochs"]), linestyle=":", color=GREY, label="dropped share is full")
    axes.set(xlabel="epoch", ylabel="right labels (%)", title=f"Rows that co-teaching picks, {noise}")
    axes.set_ylim(None, 101)
    axes.locator_params(axis="x", integer=True)
    if noise == next(iter(NOISES)):
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.08))


STUDY = Study.load(__file__, runs, measured, figure)
