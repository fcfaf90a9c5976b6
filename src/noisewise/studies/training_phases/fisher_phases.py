"""The Fisher information of the weights through training: it rises, then falls, and blur moves it between layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.estimate import Estimate
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.deficits import depriving
from noisewise.studies.harness.statistics import difference, mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRACE = "fisher_trace"
ARMS = {"clean": COLOURS[0], "blur at first": COLOURS[1]}


def runs(scale: Scale) -> list[Task]:
    """On every source without a deficit, and with blur in the first epochs."""
    shared = {"model": scale.model, "follow": True, "start": 0, **scale.sizes}
    return [
        depriving(source=source, seed=seed, **shared, **spell)
        for source in scale.sources
        for seed in range(scale.seeds)
        for spell in ({"stop": 0}, {"stop": scale.blurred, "deficit": scale.blur})
    ]


def peak(history: pd.DataFrame) -> int:
    """The position of the epoch of the largest trace."""
    return int(history[TRACE].to_numpy().argmax())


def layers(history: pd.DataFrame) -> pd.DataFrame:
    """(epochs, layers) the trace by layer, first to last: a convolution together with its normalisation.

    Names of a network's own children are layers, such as the 3 of `3.0` and `3.1`.
    """
    parts = history.filter(regex=f"^{TRACE}/").rename(columns=lambda name: name.partition("/")[2].partition(".")[0])
    return parts.T.groupby(level=0, sort=False).sum().T


def phases(history: pd.DataFrame) -> dict[str, float]:
    """Changes of the trace in one training, by claim."""
    trace, tests, top = history[TRACE].to_numpy(), history["test_accuracy"].to_numpy(), peak(history)
    return {
        "rises": trace[top] / trace[0],
        "early-peak": (top + 1) / len(trace),
        "falls": trace[-1] / trace[top],
        "learns-on": tests[-1] - tests[top],
    }


def measured(results: Results) -> dict[str, Estimate]:
    """Without a deficit the trace rises and falls while accuracy still rises; blur moves it to later layers."""
    clean = pd.DataFrame([phases(history) for history in results.where(stop=0).table["history"]])
    late = [_late(results.where(stop=stop)) for stop in (results.scale.blurred, 0)]
    return {**{str(name): mean(clean[name]) for name in clean}, "later-layers": difference(*late)}


def _late(runs: Results) -> pd.Series:
    """The share of the later half of the layers in the trace at the end, by source and seed."""
    shares = [_shares(item["history"]) for item in runs]
    keys = pd.MultiIndex.from_frame(runs.table[["source", "seed"]])
    return pd.Series([one[(len(one) + 1) // 2 :].sum() for one in shares], keys)


def figure(results: Results) -> Figure:
    """Draw per source the trace and the accuracy, without and with blur, and the shares of the layers at the end."""
    runs = results.table
    runs = runs.assign(arm=np.where(runs["stop"] == 0, *ARMS))
    drawn, panels = subplots(runs["source"].nunique(), 3, squeeze=False)
    for (source, here), (left, middle, right) in zip(runs.groupby("source", sort=False), panels, strict=True):
        for axes, column in ((left, TRACE), (middle, "test_accuracy")):
            for arm, colour in ARMS.items():
                for k, history in enumerate(here.loc[here["arm"] == arm, "history"]):
                    label = None if k else arm
                    axes.plot(history["epoch"], history[column], color=colour, label=label, alpha=0.9)
            axes.axvspan(0.5, results.scale.blurred + 0.5, color=GREY, alpha=0.12, linewidth=0)
            axes.legend(loc="upper right" if axes is left else "lower right")
            axes.set_xlabel("epoch")
        left.set(ylabel="trace of the Fisher information", title=source, ylim=(0, None))
        middle.set(ylabel="test accuracy", title="blur is where it is grey")
        _draw_layers(right, here)
    return drawn


def _draw_layers(axes: Axes, runs: pd.DataFrame) -> None:
    """Shares of the trace by layer at the end, means over seeds."""
    for offset, (arm, colour) in zip((-0.2, 0.2), ARMS.items(), strict=True):
        shares = np.mean([_shares(history) for history in runs.loc[runs["arm"] == arm, "history"]], axis=0)
        axes.bar(np.arange(1, len(shares) + 1) + offset, 100 * shares, 0.38, color=colour, label=arm)
    axes.set(xlabel="layer", ylabel="share of the trace (%)", title="by layer, at the end")
    axes.locator_params(axis="x", integer=True)
    axes.legend(loc="upper left")


def _shares(history: pd.DataFrame) -> np.ndarray:
    """(layers,) the share of every layer in the trace after the last epoch."""
    ends = layers(history).iloc[-1].to_numpy()
    return np.array(ends / ends.sum())


STUDY = Study.load(__file__, runs, measured, figure)
