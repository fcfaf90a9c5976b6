"""The gain from early stopping at every rate of label noise, and which rules without clean labels get it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.noisy_fits import noisy_fit
from noisewise.studies.harness.statistics import spearman

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = ("symmetric", "instance")
RULES = ("validation", "label-wave", "agreement")


def runs(scale: Scale) -> list[Task]:
    """One network at every rate of two kinds of noise, trained past the point where wrong labels are fitted."""
    return [
        noisy_fit(scale, f"{kind}:{rate:g}", seed)
        for kind in KINDS
        for rate in getattr(scale, kind)
        for seed in range(scale.seeds)
    ]


def gains(results: Results) -> pd.DataFrame:
    """The table of runs with `kind` and `rate` of the noise, and what is gained over the last epoch.

    The column `gain` is the gain of the best epoch, and the column of a rule's name that of the epoch it chooses.
    """
    runs = results.table
    noise = runs["corrupt"].str.split(":", expand=True)
    last = runs["test_accuracy_last"]
    chosen = {rule: runs["selection"].map(lambda found, rule=rule: found[rule]["test_accuracy"]) for rule in RULES}
    return runs.assign(
        kind=noise[0],
        rate=noise[1].astype(float),
        gain=runs["test_accuracy_best"] - last,
        **{rule: accuracy - last for rule, accuracy in chosen.items()},
    )


def measured(results: Results) -> dict[str, float]:
    """How the gain depends on the noise, and the share of it that each rule gets over all noisy trainings."""
    runs, scale = gains(results), results.scale
    gain = means(runs[runs["kind"] == "symmetric"], "rate", "gain")
    rising = gain[gain.index <= scale.highest]
    best = means(runs[runs["rate"] == scale.middle], "kind", "test_accuracy_best")
    total = runs.loc[runs["rate"] > 0, ["gain", *RULES]].sum(skipna=False)
    return {
        "clean-gain": gain[0.0],
        "noisy-gain": gain[scale.middle],
        "rises": spearman(rising.index.to_numpy(), rising.to_numpy()),
        "instance": best["symmetric"] - best["instance"],
        **{f"stopped-by-{rule}": total[rule] / total["gain"] if total["gain"] > 0 else math.nan for rule in RULES},
    }


def figure(results: Results) -> Figure:
    """Draw test accuracy over epochs by rate, the gain by rate and kind, and each rule's share of it."""
    drawn, (left, middle, right) = subplots(1, 3)
    runs = gains(results)
    symmetric = runs[runs["kind"] == "symmetric"]
    _epochs(left, symmetric)
    for (kind, some), colour in zip(runs.groupby("kind", sort=False), COLOURS, strict=False):
        mean = some.groupby("rate")[["true_noise_rate", "gain"]].mean()
        middle.plot(mean["true_noise_rate"], 100 * mean["gain"], "-", color=colour, label=f"{kind}, mean")
        middle.plot(
            some["true_noise_rate"],
            100 * some["gain"],
            "o",
            color=colour,
            markerfacecolor="white",
            label=f"{kind}, seeds",
        )
    middle.axhline(0, color=GREY, linewidth=1)
    middle.set(xlabel="share of wrong labels", ylabel="points", title="b: gain of the best epoch over the last")
    middle.legend(loc="upper left")
    mean = symmetric.groupby("rate")[["true_noise_rate", "gain", *RULES]].mean().set_index("true_noise_rate")
    right.plot(100 * mean["gain"], "--", color=GREY, label="best epoch")
    for rule, colour in zip(RULES, COLOURS[2:], strict=False):
        right.plot(100 * mean[rule], "o-", color=colour, label=rule)
        right.plot(symmetric["true_noise_rate"], 100 * symmetric[rule], "o", color=colour, ms=3, fillstyle="none")
    right.plot([], [], "o", color=GREY, ms=3, fillstyle="none", label="seeds")
    right.set(xlabel="share of wrong labels", ylabel="points", title="c: gain of rules without clean labels")
    low, high = right.get_ylim()
    right.set_ylim(low, high + 0.3 * (high - low))
    right.legend(loc="upper left", ncols=2, columnspacing=1.0)
    return drawn


def _epochs(axes: Axes, runs: pd.DataFrame) -> None:
    """Test accuracy over epochs of one training per rate, and its distance from the best epoch so far."""
    first = runs.groupby("rate").first()
    shown = first[::2] if len(first) > 3 else first
    for (rate, table), colour in zip(shown["history"].items(), COLOURS, strict=False):
        epochs, tests = table["epoch"], table["test_accuracy"]
        axes.plot(epochs, tests, color=colour, label=f"{rate:g}")
        axes.fill_between(epochs, tests, tests.cummax(), color=colour, alpha=0.25, linewidth=0)
    axes.set(
        xlabel="epoch", ylabel="test accuracy", ylim=(0, 1.12), title="a: by rate of noise; shade: lost since the best"
    )
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.legend(loc="upper left", ncols=len(shown), columnspacing=0.8, handlelength=1.0)


STUDY = Study.load(__file__, runs, measured, figure)
