"""LeNet on MNIST at noise rates from 0 to 90 %: the test accuracy peaks early, the wrong labels are learned late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.fit import following
from noisewise.studies.harness.statistics import accuracies as rates
from noisewise.studies.harness.statistics import gap, mean
from noisewise.studies.robust_early_learning.robust_early import accuracies, corruption

if TYPE_CHECKING:
    from matplotlib.figure import Figure


TESTED = 10_000  # test rows of MNIST


def runs(scale: Scale) -> list[Task]:
    """Plain training at every noise rate, one seed; then the two highest on few rows for longer, over seeds."""
    shared = {"source": scale.source, "model": scale.model, "method": "ce", **scale.sgd}
    return [
        *(following(corrupt=corruption(rate), seed=0, **shared, **scale.training) for rate in scale.rates),
        *(
            following(corrupt=corruption(rate), seed=seed, **shared, **scale.longer)
            for seed in range(scale.seeds)
            for rate in (scale.heavy, scale.heaviest)
        ),
    ]


def by_rate(results: Results) -> pd.DataFrame:
    """The accuracies of `accuracies`, a row per noise rate."""
    rates = results.scale.rates
    return accuracies(Results(results.scale, results.items[: len(rates)])).set_index(pd.Index(rates, name="rate"))


def late(results: Results) -> dict[float, np.ndarray]:
    """(seeds, epochs) the training accuracies on few rows, by noise rate."""
    scale = results.scale
    rest = results.items[len(scale.rates) :]
    found = [item["history"]["train_accuracy"].to_numpy(dtype=float) for item in rest]
    return {scale.heavy: np.array(found[::2]), scale.heaviest: np.array(found[1::2])}


def leads(results: Results) -> np.ndarray:
    """(seeds,) the mean lead at the highest noise rate, from the epoch on in which the other rate fits half its labels.

    NaN where it never does.
    """
    heavy, heaviest = late(results).values()
    return np.array(
        [
            (other - one)[one >= 0.5].mean() if (one >= 0.5).any() else np.nan
            for one, other in zip(heavy, heaviest, strict=True)
        ]
    )


def measured(results: Results) -> dict[str, Any]:
    """The statements of the note about its curves."""
    found, scale = by_rate(results), results.scale
    tested = scale.training["tested"]
    rows = TESTED if tested is None else tested
    heavy, clean = found.loc[scale.heavy], found.loc[0.0]
    noisy = found[(found.index >= 0.4) & (found.index <= scale.heavy)]
    then = heavy["history"]["train_accuracy"].iloc[heavy["best_epoch"] - 1]
    return {
        "best": rates(heavy["best"], rows),
        "train-then": rates(then, int(heavy["result.rows"])),
        "early": mean(noisy["best_epoch"] / len(heavy["history"])),
        "falls": gap(noisy["best"], noisy["last"], rows),
        "clean": gap(clean["best"], clean["last"], rows),
        "late": mean(leads(results)),
    }


def figure(results: Results) -> Figure:
    """Draw test and training accuracies over epochs by noise rate; best and last by rate; few rows."""
    from matplotlib import colormaps

    drawn, (tests, trains, ends, longer) = subplots(1, 4)
    drawn.set_size_inches(15, 3.9)
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
    ends.legend(loc="lower left", fontsize=8)
    for (rate, found), colour in zip(late(results).items(), COLOURS, strict=False):
        draw_runs(
            longer, np.arange(1, found.shape[1] + 1), found, scale=100, color=colour, label=f"noise rate {rate:g}"
        )
    title = f"Training rows, {results.scale.longer['rows'] or 'all'} of them"
    longer.set(xlabel="epoch", ylabel="accuracy (%)", title=title, ylim=(0, 101))
    longer.legend(loc="lower right")
    handles, labels = tests.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside right center", title="noise rate")
    return drawn


STUDY = Study.load(__file__, runs, measured, figure)
