"""The Fisher information of the weights through training: it rises, then falls; and where blur puts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Result, Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.deficits import depriving

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRACE = "fisher_trace"
SOURCES = {"smoke": ("digits",), "cpu": ("fashion-mnist", "mnist"), "paper": ("cifar10",)}
MODELS = {"smoke": "sweep:width=4,depth=1", "cpu": "sweep:width=8,depth=2", "paper": "all-cnn"}
BLURS = {"smoke": "blur:2", "cpu": "blur:4", "paper": "blur:8"}
SPELLS = {"smoke": 2, "cpu": 16, "paper": 100}
SEEDS = {"smoke": 1, "cpu": 2, "paper": 1}
SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"rows": 200, "tested": 200, "epochs": 4, "batch_size": 50, "momentum": 0.9, "decay": 0.7},
    "cpu": {"rows": 1000, "tested": 1000, "epochs": 40, "batch_size": 32, "momentum": 0.9, "decay": 0.9, "shrink": 2},
    "paper": {"rows": None, "tested": None, "epochs": 260},
}


def runs(scale: str, source: str | None, model: str | None) -> list[Task]:
    """On every source without a deficit, and with blur in the first epochs."""
    shared = {"model": model or MODELS[scale], "follow": True, "start": 0, **SIZES[scale]}
    return [
        depriving(source=data, seed=seed, **shared, **_spell(scale, blurred))
        for data in ((source,) if source else SOURCES[scale])
        for seed in range(SEEDS[scale])
        for blurred in (False, True)
    ]


def _spell(scale: str, blurred: bool) -> dict[str, Any]:
    return {"stop": SPELLS[scale], "deficit": BLURS[scale]} if blurred else {"stop": 0}


def _plain(results: Results) -> Results:
    """The runs without a deficit."""
    return results.where(stop=0)


def _blurred(results: Results) -> Results:
    """The runs with blur."""
    return results.where(stop=SPELLS[results.scale])


def peak(history: pd.DataFrame) -> int:
    """The position of the epoch of the largest trace."""
    return int(history[TRACE].to_numpy().argmax())


def layers(history: pd.DataFrame) -> dict[str, np.ndarray]:
    """(epochs,) the trace by layer, first to last: a convolution together with its normalisation.

    Names of a network's own children are layers, such as the 3 of `3.0` and `3.1`.
    """
    found: dict[str, np.ndarray] = {}
    for column in history:
        name, _, part = str(column).partition("/")
        if name == TRACE and part:
            whole = part.partition(".")[0]
            found[whole] = found.get(whole, 0) + history[column].to_numpy()
    return found


def claims(results: Results) -> list[Claim]:
    """Without a deficit the trace rises, falls, and accuracy rises on."""
    histories = [item["history"] for item in _plain(results)]
    at = [peak(history) for history in histories]
    traces = [history[TRACE].to_numpy() for history in histories]
    tests = [history["test_accuracy"].to_numpy() for history in histories]
    pairs = list(zip(traces, at, strict=True))
    return [
        Claim(
            "rises",
            "The trace rises at first (least ratio of the largest to that after the first epoch).",
            float(min(trace[k] / trace[0] for trace, k in pairs)),
            ">=",
            1.1,
        ),
        Claim(
            "early-peak",
            "It is largest in the first half of training (latest share of the epochs).",
            float(max((k + 1) / len(trace) for trace, k in pairs)),
            "<=",
            0.5,
        ),
        Claim(
            "falls",
            "It ends at no more than half of its largest value (largest share).",
            float(max(trace[-1] / trace[k] for trace, k in pairs)),
            "<=",
            0.5,
        ),
        Claim(
            "learns-on",
            "Test accuracy rises while the trace falls (least gain from the peak to the end).",
            float(min(test[-1] - test[k] for test, k in zip(tests, at, strict=True))),
            ">",
            0.0,
        ),
    ]


def figure(results: Results) -> Figure:
    """Per source the trace and the accuracy, without and with blur; and the shares of the layers at the end."""
    sources = results.choices("source")
    drawn, panels = subplots(len(sources), 3, squeeze=False)
    for source, (left, middle, right) in zip(sources, panels, strict=True):
        here = results.where(source=source)
        plain, blurred = _plain(here), _blurred(here)
        for some, label, colour in ((plain, "clean", COLOURS[0]), (blurred, "blur at first", COLOURS[1])):
            for k, item in enumerate(some):
                _curve(left, item, TRACE, label if not k else None, colour)
                _curve(middle, item, "test_accuracy", label if not k else None, colour)
        for axes in (left, middle):
            axes.axvspan(0.5, SPELLS[results.scale] + 0.5, color=GREY, alpha=0.12, linewidth=0)
            axes.legend(loc="upper right" if axes is left else "lower right")
            axes.set_xlabel("epoch")
        left.set(ylabel="trace of the Fisher information", title=source, ylim=(0, None))
        middle.set(ylabel="test accuracy", title="blur is where it is grey")
        _draw_layers(right, plain, blurred)
    return drawn


def _curve(axes: Axes, item: Result, column: str, label: str | None, colour: str) -> None:
    history = item["history"]
    axes.plot(history["epoch"], history[column], color=colour, label=label, alpha=0.9)


def _draw_layers(axes: Axes, plain: Results, blurred: Results) -> None:
    """Shares of the trace by layer at the end, means over seeds."""
    for offset, some, label, colour in (
        (-0.2, plain, "clean", COLOURS[0]),
        (0.2, blurred, "blur at first", COLOURS[1]),
    ):
        shares = np.mean([_shares(item["history"]) for item in some], axis=0)
        axes.bar(np.arange(1, len(shares) + 1) + offset, 100 * shares, 0.38, color=colour, label=label)
    axes.set(xlabel="layer", ylabel="share of the trace (%)", title="by layer, at the end")
    axes.locator_params(axis="x", integer=True)
    axes.legend(loc="upper left")


def _shares(history: pd.DataFrame) -> np.ndarray:
    """(layers,) the share of every layer in the trace after the last epoch."""
    ends = np.array([trace[-1] for trace in layers(history).values()])
    return np.array(ends / ends.sum())


STUDY = Study(
    Card(
        name="fisher-phases",
        title="What weights know rises fast, then falls while the network still learns",
        shows="The trace of the Fisher information is followed through training, in all and by layer. Without blur it "
        "rises in the first epochs and falls afterwards, while accuracy still rises; blur at the start moves it to "
        "later layers.",
        paper="Achille, Rovere and Soatto, Critical Learning Periods in Deep Networks, ICLR",
        year=2019,
        figure="Figures 4 and 5",
        explanation="The trace says how much predictions change with the weights. It is the mean of squared gradients "
        "of log p(y|x), with labels that the network itself would give; it grows while features are found that "
        "predictions hang on, and falls as predictions become sure and the network settles in a flat place. On "
        "Fashion-MNIST it falls less and later, in one of two trainings to 55 % of its peak rather than to half or "
        "less, probably because a thousand of its rows are not fitted as surely as those of MNIST. After blur a larger "
        "share lies in the later layers, as in the paper, and the trace ends two to five times as high as without: on "
        "MNIST it falls once images are clean, on Fashion-MNIST it goes on rising. The paper reads the first phase as "
        "the one in which a network is plastic: what it did not see then, it finds less easily later.",
        departures="At cpu 1,000 rows averaged to 14x14 rather than CIFAR-10, networks of the paper's sweep over depth "
        "with 8 channels rather than All-CNN with 96, batches of 32, momentum 0.9, no augmentation, 40 epochs in which "
        "the rate falls by 0.9 each rather than 260 by 0.97, and blur to 4x4 for 16 epochs. These sizes were chosen "
        "after a look at the first ten epochs of one clean run. The paper estimates layers by the noise that weights "
        "bear, here they are exact sums of squared gradients, over 300 training rows, those of the epoch: "
        "blurred ones while there is blur. Where a layer has a normalisation, its scale and shift count to it. What "
        "blur does to the layers is drawn, and nothing is claimed of it",
        scales={
            "smoke": "200 digits, the smallest network of the sweep, 4 epochs",
            "cpu": "Fashion-MNIST and MNIST, 1,000 rows of 14x14, 8 channels and depth 2, 40 epochs, two seeds",
            "paper": "CIFAR-10 whole, All-CNN, 260 epochs, blur in none or 100",
        },
        budget={"smoke": 15, "cpu": 300},
        takes=("source", "model"),
    ),
    runs,
    claims,
    figure,
)
