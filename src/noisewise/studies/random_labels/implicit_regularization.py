"""Gains by early stopping and batch normalisation, without and with label noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.interpolation import fitting, redrawn
from noisewise.studies.harness.statistics import by_seed, spearman

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NORM, BARE = "inception-small", "inception-small:norm=false"
SHADE = 0.25


def runs(scale: Scale) -> list[Task]:
    """One network at several shares of redrawn labels; Inception with and without normalisation on true ones."""
    whole: dict[str, Any] = {"source": scale.source, "stop": False, "follow": True}
    specs = [f"uniform:{share:g}" if share else None for share in scale.shares]
    tasks = [
        fitting(**whole, model=scale.model, corrupt=spec, seed=seed, **scale.sizes)
        for spec in specs
        for seed in range(scale.seeds)
    ]
    if "model" not in scale.chosen:
        tasks += [
            fitting(**whole, model=net, corrupt=None, seed=seed, **scale.norm_sizes)
            for net in (NORM, BARE)
            for seed in range(scale.seeds)
        ]
    return list({task.key: task for task in tasks}.values())


def swept(results: Results) -> pd.DataFrame:
    """The trainings of the network at several shares, with the `share` of redrawn labels and `gain`, in points of one.

    The gain is the best epoch's test accuracy minus the last one's.
    """
    sizes = results.scale.sizes
    runs = results.where(model=results.scale.model, rows=sizes["rows"], epochs=sizes["epochs"]).table
    return runs.assign(share=redrawn(runs["corrupt"]), gain=runs["history"].map(gain))


def gain(history: pd.DataFrame) -> float:
    """The best epoch's test accuracy minus the last one's."""
    tests = history["test_accuracy"]
    return float(tests.max() - tests.iloc[-1])


def _unrest(history: pd.DataFrame) -> float:
    """The mean change of the test accuracy from one epoch to the next, in the second half of training."""
    tests = history["test_accuracy"].to_numpy()
    return float(np.abs(np.diff(tests[len(tests) // 2 :])).mean())


def _norms(results: Results) -> list[Results]:
    """The trainings with and without normalisation; none where a person chose the network."""
    sizes = results.scale.norm_sizes
    found = [results.where(model=net, corrupt=None, rows=sizes["rows"]) for net in (NORM, BARE)]
    return [of_net for of_net in found if results.where(model=BARE).items]


def measured(results: Results) -> dict[str, Any]:
    """The statements of figure 2b of the paper, and that early stopping helps against label noise.

    Measured on the runs of every seed; the mean over seeds.
    """
    return by_seed(_of_seed, results)


def _of_seed(results: Results) -> dict[str, float]:
    gains = means(swept(results), "share", "gain")
    found = {
        "clean-gain": gains[0.0],
        "noisy-gain": gains[0.5] - gains[0.0],
        "rises": spearman(gains.index.to_numpy(), gains.to_numpy()),
    }
    if norms := _norms(results):
        normed, bare = (of_net.items[0] for of_net in norms)
        found |= {
            "norm-gain": normed["test_accuracy"] - bare["test_accuracy"],
            "norm-clean-gain": gain(normed["history"]),
            "norm-steadies": _unrest(normed["history"]) / max(_unrest(bare["history"]), 1e-9),
        }
    return found


def figure(results: Results) -> Figure:
    """Draw test accuracy over epochs, with and without normalisation and by share of redrawn labels, and the gain."""
    norms, runs = _norms(results), swept(results)
    drawn, panels = subplots(1, 3 if norms else 2)
    *first, left, right = panels
    for axes in first:
        for name, of_net, colour in zip(("with", "without"), norms, COLOURS, strict=False):
            fitted = of_net.mean("train_accuracy")
            _curve(axes, of_net.items[0]["history"], f"{name} batch norm (train {fitted:.0%})", colour)
        axes.set(title="a: Inception, true labels")
        axes.set_ylim(bottom=0)
        axes.fill_between([], [], [], color=GREY, alpha=SHADE, linewidth=0, label="below the best so far")
        axes.legend(loc="lower right")
    histories = runs[runs["seed"] == 0].set_index("share")["history"]
    shown = histories[::2] if len(histories) > 3 else histories
    for (share, history), colour in zip(shown.items(), COLOURS, strict=False):
        _curve(left, history, f"{share:g}", colour)
    left.set(title=f"{'b' if norms else 'a'}: {results.scale.model}, by share of labels redrawn")
    left.set_ylim(bottom=0)
    left.legend(loc="lower center", ncols=len(histories), columnspacing=0.8, handlelength=1.0)
    right.plot(runs["noise_rate"], 100 * runs["gain"], "o", color=COLOURS[0], markerfacecolor="white", label="a run")
    mean = means(runs, "share", ["noise_rate", "gain"])
    right.plot(mean["noise_rate"], 100 * mean["gain"], "-", color=COLOURS[0], label="mean")
    right.axhline(0, color=GREY, linewidth=1)
    right.legend(loc="upper left")
    title = f"{'c' if norms else 'b'}: gain of the best epoch over the last"
    right.set(xlabel="share of wrong labels", ylabel="points of test accuracy", title=title)
    return drawn


def _curve(axes: Axes, history: pd.DataFrame, label: str, colour: str) -> None:
    """Draw test accuracies over epochs, and shade the distance from the best so far."""
    epochs, tests = history["epoch"], history["test_accuracy"]
    axes.plot(epochs, tests, color=colour, label=label)
    axes.fill_between(epochs, tests, tests.cummax(), color=colour, alpha=SHADE, linewidth=0)
    axes.set(xlabel="epoch", ylabel="test accuracy")
    axes.locator_params(axis="x", integer=True)


STUDY = Study.load(__file__, runs, measured, figure)
