"""Gains by weight decay and random crops, and whether random labels can be fitted in spite of weight decay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noisewise.compute import Result, Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.interpolation import fitting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DECAY = 5e-4
RANDOM = "uniform:1"
NONE, DECAYED, CROPPED, BOTH = (False, False), (False, True), (True, False), (True, True)
SETTINGS = {NONE: "neither", DECAYED: "weight decay", CROPPED: "random crop", BOTH: "both"}
MARKERS = {NONE: "o", DECAYED: "s", CROPPED: "^", BOTH: "D"}
INCEPTION, BARE = "inception-small", "inception-small:norm=false"
ALEXNET, DEEP, SHALLOW = "alexnet-small", "mlp:512x512x512", "mlp:512"
NAMES = {
    INCEPTION: "Inception",
    BARE: "Inception, no norm",
    ALEXNET: "AlexNet",
    DEEP: "MLP 3x512",
    SHALLOW: "MLP 1x512",
}

PUBLISHED: dict[str, dict[tuple[bool, bool], tuple[float, float]]] = {
    INCEPTION: {BOTH: (100, 89.05), CROPPED: (100, 89.31), DECAYED: (100, 86.03), NONE: (100, 85.75)},
    BARE: {DECAYED: (100, 83.00), NONE: (100, 82.00)},
    ALEXNET: {BOTH: (99.90, 81.22), CROPPED: (99.82, 79.66), DECAYED: (100, 77.36), NONE: (100, 76.07)},
    DEEP: {DECAYED: (100, 53.35), NONE: (100, 52.39)},
    SHALLOW: {DECAYED: (99.80, 50.39), NONE: (100, 50.51)},
}
"""Table 1: training and test accuracy in per cent on CIFAR-10, by network and (random crop, weight decay)."""

PUBLISHED_RANDOM: dict[str, tuple[float, float]] = {
    INCEPTION: (100, 9.78),
    BARE: (100, 10.12),
    ALEXNET: (99.82, 9.86),
    DEEP: (100, 10.48),
    SHALLOW: (99.34, 10.61),
}
"""Table 1: training and test accuracy in per cent with random labels, without weight decay and crops."""

PUBLISHED_DECAYED: dict[str, float] = {INCEPTION: 100, DEEP: 100, SHALLOW: 99.21}
"""Table 4: training accuracy in per cent with random labels and weight decay; AlexNet does not converge there."""


def _settings(model: str) -> tuple[tuple[bool, bool], ...]:
    """Pairs (random crop, weight decay) that the paper has for a network; all pairs for any other network."""
    return tuple(PUBLISHED.get(model, SETTINGS))


def runs(scale: Scale) -> list[Task]:
    """Every network with and without regularisers on true labels; random labels with and without weight decay."""
    tasks = []
    for net, sizes in scale.nets.items():
        wanted = [(None, setting) for setting in _settings(net)] + [(RANDOM, NONE), (RANDOM, DECAYED)]
        for corrupt, (crop, decayed) in wanted:
            regularised = ({"crop": True} if crop else {}) | ({"weight_decay": DECAY} if decayed else {})
            tasks.append(fitting(source=scale.source, model=net, corrupt=corrupt, seed=0, **sizes, **regularised))
    return tasks


def _one(results: Results, model: str, setting: tuple[bool, bool], corrupt: str | None = None) -> Result:
    crop, decayed = setting
    regularised = {"crop": crop or None, "weight_decay": DECAY if decayed else None}
    return results.one(model=model, corrupt=corrupt, **regularised)


def _tests(results: Results, model: str) -> dict[tuple[bool, bool], float]:
    """Test accuracies on true labels by (random crop, weight decay)."""
    return {setting: float(_one(results, model, setting)["test_accuracy"]) for setting in _settings(model)}


def measured(results: Results) -> dict[str, float]:
    """The statements of table 1 of the paper, at the size of the scale."""
    tests = {net: _tests(results, net) for net in results.scale.nets}
    plain = [_one(results, net, NONE)["train_accuracy"] for net in tests]
    random = [_one(results, net, NONE, RANDOM) for net in tests]
    decayed = [_one(results, net, DECAYED, RANDOM)["train_accuracy"] for net in tests if net.startswith("mlp")]
    return {
        "fitted-without": min(plain),
        "little-lost": min(of[NONE] - max(of[setting] for setting in of if setting != NONE) for of in tests.values()),
        "crop-worth-more": min(of[CROPPED] - of[DECAYED] for of in tests.values() if CROPPED in of),
        "random-without": min(item["train_accuracy"] for item in random),
        "random-with-decay": min(decayed),
        "random-is-guessing": max(abs(item["test_accuracy"] - 1 / item["classes"]) for item in random),
    }


def figure(results: Results) -> Figure:
    """Draw test accuracies by network, published and here, and training accuracies on random labels."""
    drawn, (left, middle, right) = subplots(1, 3)
    theirs = {net: {s: test / 100 for s, (_, test) in rows.items()} for net, rows in PUBLISHED.items()}
    _dots(left, {NAMES[net]: tests for net, tests in theirs.items()})
    left.set(xlabel="test accuracy", ylabel="network", title="Published: CIFAR-10, true labels")
    models = results.scale.nets
    _dots(middle, {NAMES.get(net, net): _tests(results, net) for net in models})
    middle.set(xlabel="test accuracy", ylabel="network", title=f"Here: {results.scale.source}, true labels")
    fits = {
        NAMES.get(net, net): {s: float(_one(results, net, s, RANDOM)["train_accuracy"]) for s in (NONE, DECAYED)}
        for net in models
    }
    _dots(right, fits)
    right.set(xlabel="training accuracy", ylabel="network", title="Here: random labels", xlim=(-0.02, 1.05))
    right.axvline(1 / results.items[0]["classes"], linestyle="--", color=GREY)
    right.annotate(
        "guessing",
        (1 / results.items[0]["classes"], 1.0),
        xytext=(4, -10),
        color=GREY,
        fontsize=9,
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
    )
    handles, labels = left.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return drawn


def _dots(axes: Axes, found: dict[str, dict[tuple[bool, bool], float]]) -> None:
    """One line per network, one mark per setting, slightly apart."""
    for (setting, name), colour, offset in zip(SETTINGS.items(), COLOURS, (-0.27, -0.09, 0.09, 0.27), strict=False):
        places = [i for i, values in enumerate(found.values()) if setting in values]
        values = [values[setting] for values in found.values() if setting in values]
        axes.plot(values, np.array(places) + offset, MARKERS[setting], color=colour, label=name, markersize=6)
    axes.set_yticks(range(len(found)), list(found))
    axes.set_ylim(len(found) - 0.5, -0.5)


STUDY = Study.load(__file__, runs, measured, figure)
