"""CDR by noise rate and by the share of weights that it holds still: best and last test accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import COLOURS, subplots
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.fit import following
from noisewise.studies.harness.statistics import spearman
from noisewise.studies.robust_early_learning.robust_early import accuracies, corruption, spec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def runs(scale: Scale) -> list[Task]:
    """Every noise rate with every share that is held still."""
    shared = {"source": scale.source, "model": scale.model, **scale.training}
    return [
        following(corrupt=corruption(rate), method=spec(tau), seed=seed, **shared)
        for seed in range(scale.seeds)
        for rate in scale.rates
        for tau in scale.taus
    ]


def grids(results: Results) -> dict[str, Any]:
    """By `best`, `last` and `noisy_fit`, the mean over seeds: a row per noise rate, a column per share held still."""
    runs, scale = accuracies(results), results.scale
    runs["rate"] = runs["corrupt"].map({corruption(rate): rate for rate in scale.rates})
    runs["tau"] = runs["method"].map({spec(tau): tau for tau in scale.taus})
    return {name: runs.pivot_table(name, "rate", "tau", dropna=False) for name in ("best", "last", "noisy_fit")}


def measured(results: Results) -> dict[str, Any]:
    """The gain and the cost of CDR, and how good the share of the paper is."""
    best, last, fitted = grids(results).values()
    shown, noisy = results.scale.shown, [rate for rate in last.index if rate > 0]
    own = pd.Series({rate: last.loc[rate, rate] for rate in noisy})
    ranks = [spearman(fitted.columns.to_numpy(), fitted.loc[rate].to_numpy()) for rate in noisy]
    shares = best.loc[:, best.columns > 0]
    return {
        "later-accuracy": (own - last.loc[noisy, 0.0]).min(skipna=False),
        "gain-at-40": own[shown] - last.loc[shown, 0.0],
        "best-alike": abs(best.loc[shown, shown] - best.loc[shown, 0.0]),
        "fits-less": float(np.mean(ranks)),
        "insensitive": (shares.max(axis=1) - shares.min(axis=1)).max(skipna=False),
        "share-is-rate": (last.loc[noisy].max(axis=1) - own).max(),
        "no-cost-without-noise": last.loc[0.0, 0.0] - last.loc[0.0, shown],
    }


def figure(results: Results) -> Figure:
    """Draw best and last test accuracy by the share held still, a line per noise rate; test accuracy over epochs."""
    drawn, (left, middle, right) = subplots(1, 3)
    found, shown = grids(results), results.scale.shown
    shares = found["last"].columns
    for axes, name in ((left, "best"), (middle, "last")):
        for (rate, line), colour in zip(found[name].iterrows(), COLOURS, strict=False):
            axes.plot(100 * line, "o-", color=colour, label=f"{rate:.0%}")
            if rate in shares:
                axes.plot(rate, 100 * line[rate], "o", color=colour, markersize=10, fillstyle="none")
        axes.set(xlabel="share of weights held still", ylabel="test accuracy, %")
    left.set_title("a: best epoch")
    middle.set_title("b: last epoch")
    both = pd.concat([found["best"], found["last"]])
    for axes in (left, middle):
        axes.set_ylim(100 * both.min(axis=None) - 14, 100 * both.max(axis=None) + 2)
    rates = len(found["last"])
    middle.legend(title="labels wrong", ncols=rates, loc="lower center", columnspacing=0.9, handlelength=1.1)
    for tau, colour in zip((0.0, shown, 0.8), COLOURS, strict=False):
        label = "plain" if tau == 0 else f"{tau:.0%} held still"
        _curve(right, results.where(corrupt=corruption(shown), method=spec(tau)), label, colour)
    right.set(xlabel="epoch", ylabel="test accuracy, %", title=f"c: {shown:.0%} of the labels wrong", ylim=(0, 100))
    right.legend(loc="lower right")
    return drawn


def _curve(axes: Axes, runs: Results, label: str, colour: str) -> None:
    histories = [item["history"]["test_accuracy"] for item in runs]
    draw_runs(axes, np.arange(1, len(histories[0]) + 1), histories, scale=100, color=colour, label=label)


STUDY = Study.load(__file__, runs, measured, figure)
