"""CDR by noise rate and by the share of weights that it holds still: best and last test accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.compute import Task
from noisewise.figures import COLOURS, subplots
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.fit import following
from noisewise.studies.harness.statistics import difference, mean, spearman
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


def by_seed(results: Results, name: str) -> Any:
    """A column of `accuracies`: a row per noise rate and share held still, a column per seed."""
    runs, scale = accuracies(results), results.scale
    runs["rate"] = runs["corrupt"].map({corruption(rate): rate for rate in scale.rates})
    runs["tau"] = runs["method"].map({spec(tau): tau for tau in scale.taus})
    return runs.pivot_table(name, ["rate", "tau"], "seed", dropna=False)


def measured(results: Results) -> dict[str, Any]:
    """The gain and the cost of CDR, and how good the share of the paper is."""
    best, last, fitted = (by_seed(results, name) for name in ("best", "last", "noisy_fit"))
    scale, shown = results.scale, results.scale.shown
    held = [tau for tau in scale.taus if tau > 0]
    others = [last.loc[[(rate, tau) for tau in held if tau != rate]].mean() for rate in scale.noisy]
    ranks = [[spearman(np.array(scale.taus), fitted[seed].loc[rate]) for rate in scale.noisy] for seed in fitted]
    extremes = [best.loc[(rate, held[-1])] - best.loc[(rate, held[0])] for rate in scale.rates]
    own = [last.loc[(rate, rate)] for rate in scale.noisy]
    later = {
        f"later-{rate:g}".replace(".", "-"): difference(last.loc[(rate, rate)], last.loc[(rate, 0.0)])
        for rate in scale.noisy
    }
    return {
        **later,
        "gain-at-40": difference(last.loc[(shown, shown)], last.loc[(shown, 0.0)]),
        "best-alike": difference(best.loc[(shown, shown)], best.loc[(shown, 0.0)]),
        "fits-less": mean(np.mean(ranks, axis=1)),
        "insensitive": mean(sum(extremes) / len(extremes)),
        "share-is-rate": mean(sum(others) / len(others) - sum(own) / len(own)),
        "no-cost-without-noise": difference(last.loc[(0.0, 0.0)], last.loc[(0.0, shown)]),
    }


def figure(results: Results) -> Figure:
    """Draw best and last test accuracy by the share held still, a line per noise rate; test accuracy over epochs."""
    drawn, (left, middle, right) = subplots(1, 3)
    shown = results.scale.shown
    limits: list[float] = []
    for axes, name in ((left, "best"), (middle, "last")):
        found = by_seed(results, name)
        limits += [100 * found.min(axis=None), 100 * found.max(axis=None)]
        for rate, colour in zip(results.scale.rates, COLOURS, strict=False):
            line = found.loc[rate]
            draw_runs(axes, line.index, line.T.to_numpy(), "o-", scale=100, color=colour, label=f"{rate:.0%}")
            if rate in line.index:
                axes.plot(rate, 100 * line.loc[rate].mean(), "o", color=colour, markersize=10, fillstyle="none")
        axes.set(xlabel="share of weights held still", ylabel="test accuracy, %")
    left.set_title("a: best epoch")
    middle.set_title("b: last epoch")
    for axes in (left, middle):
        axes.set_ylim(min(limits) - 14, max(limits) + 2)
    rates = len(results.scale.rates)
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
