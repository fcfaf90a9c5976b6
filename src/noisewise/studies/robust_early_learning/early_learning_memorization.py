"""LeNet on MNIST at noise rates from 0 to 90 %: the test accuracy peaks early, the wrong labels are learned late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import GREY, subplots
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.fit import following
from noisewise.studies.robust_early_learning.robust_early import accuracies, corruption

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def runs(scale: Scale) -> list[Task]:
    """Plain training at every noise rate, one seed."""
    shared = {"source": scale.source, "model": scale.model, "method": "ce", "seed": 0, **scale.training, **scale.sgd}
    return [following(corrupt=corruption(rate), **shared) for rate in scale.rates]


def by_rate(results: Results) -> pd.DataFrame:
    """The accuracies of `accuracies`, a row per noise rate."""
    return accuracies(results).set_index(pd.Index(results.scale.rates, name="rate"))


def measured(results: Results) -> dict[str, float]:
    """The statements of the note about its curves."""
    runs, scale = by_rate(results), results.scale
    heavy, heaviest = runs.loc[scale.heavy], runs.loc[scale.heaviest]
    gain, noisy = runs["best"] - runs["last"], (runs.index >= 0.4) & (runs.index <= scale.heavy)
    return {
        "best": heavy["best"],
        "train-then": heavy["history"]["train_accuracy"].iloc[heavy["best_epoch"] - 1],
        "early": runs["best_epoch"][noisy].max() / len(heavy["history"]),
        "falls": gain[noisy].min(),
        "clean": gain.loc[0.0],
        "late": heaviest["train_accuracy"] - heavy["train_accuracy"],
    }


def figure(results: Results) -> Figure:
    """Draw test and training accuracies over epochs by noise rate; best and last test accuracy by rate."""
    from matplotlib import colormaps

    drawn, (tests, trains, ends) = subplots(1, 3)
    runs = by_rate(results)
    for (rate, history), colour in zip(
        runs["history"].items(), colormaps["cividis"](np.linspace(0, 0.92, len(runs))), strict=True
    ):
        for axes, name in ((tests, "test_accuracy"), (trains, "train_accuracy")):
            axes.plot(history["epoch"], 100 * history[name], color=colour, linewidth=1.4, label=f"{rate:g}")
    tests.set(xlabel="epoch", ylabel="accuracy (%)", title="Test rows, by noise rate", ylim=(0, 101))
    trains.set(xlabel="epoch", ylabel="accuracy (%)", title="Training rows, given labels", ylim=(0, 101))
    ends.plot(100 * runs["best"], "o-", label="best epoch")
    ends.plot(100 * runs["last"], "o-", label="last epoch")
    ends.plot(100 * runs["train_accuracy"], "^:", color=GREY, label="training rows, last epoch")
    ends.set(xlabel="noise rate", ylabel="accuracy (%)", title="The best epoch and the last", ylim=(0, 101))
    ends.legend(loc="lower left")
    handles, labels = tests.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside right center", title="noise rate")
    return drawn


STUDY = Study.load(__file__, runs, measured, figure)
