"""Gains by weight decay and random crops, and whether random labels can be fitted in spite of weight decay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.compute import Result, Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.claim import Estimate, slug
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.interpolation import fitting
from noisewise.studies.harness.statistics import accuracies, gap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RANDOM = "uniform:1"
NONE, DECAYED, CROPPED, BOTH, DROPPED, VARIED = (
    "none",
    "weight decay",
    "random crop",
    "both",
    "dropout",
    "crop, flip, turn, recolour",
)
SETTINGS: dict[str, dict[str, Any]] = {
    NONE: {},
    DECAYED: {"weight_decay": 5e-4},
    CROPPED: {"crop": True},
    BOTH: {"crop": True, "weight_decay": 5e-4},
    DROPPED: {"dropout": 0.5},
    VARIED: {"crop": True, "vary": True},
}
"""Arguments of a training by the name of a setting; `VARIED` crops, flips, turns and recolours."""

MARKERS = dict(zip(SETTINGS, "os^DvP", strict=True))
INCEPTION, BARE = "inception-small", "inception-small:norm=false"
ALEXNET, DEEP, SHALLOW = "alexnet-small", "mlp:512x512x512", "mlp:512"
NAMES = {
    INCEPTION: "Inception",
    BARE: "Inception, no norm",
    ALEXNET: "AlexNet",
    DEEP: "MLP 3x512",
    SHALLOW: "MLP 1x512",
}

PUBLISHED: dict[str, dict[str, tuple[float, float]]] = {
    INCEPTION: {BOTH: (100, 89.05), CROPPED: (100, 89.31), DECAYED: (100, 86.03), NONE: (100, 85.75)},
    BARE: {DECAYED: (100, 83.00), NONE: (100, 82.00)},
    ALEXNET: {BOTH: (99.90, 81.22), CROPPED: (99.82, 79.66), DECAYED: (100, 77.36), NONE: (100, 76.07)},
    DEEP: {DECAYED: (100, 53.35), NONE: (100, 52.39)},
    SHALLOW: {DECAYED: (99.80, 50.39), NONE: (100, 50.51)},
}
"""Table 1: training and test accuracy in per cent on CIFAR-10, by network and setting."""

PUBLISHED_RANDOM: dict[str, tuple[float, float]] = {
    INCEPTION: (100, 9.78),
    BARE: (100, 10.12),
    ALEXNET: (99.82, 9.86),
    DEEP: (100, 10.48),
    SHALLOW: (99.34, 10.61),
}
"""Table 1: training and test accuracy in per cent with random labels, without weight decay and crops."""

PUBLISHED_REGULARISED: dict[str, dict[str, float]] = {
    INCEPTION: {DECAYED: 100, CROPPED: 99.93, VARIED: 99.28},
    DEEP: {DECAYED: 100},
    SHALLOW: {DECAYED: 99.21},
}
"""Table 4: training accuracy in per cent with random labels and a regulariser; AlexNet with weight decay does not
converge there. Crops and variations have a learning rate that falls by 0.999 per epoch."""


def runs(scale: Scale) -> list[Task]:
    """Every network on true and on random labels, with the regularisers that its table in the TOML file names."""
    return [
        fitting(source=scale.source, model=net, corrupt=corrupt, seed=0, **_arguments(scale, net, corrupt, setting))
        for net in scale.models
        for corrupt, names in ((None, scale.nets[net]["true"]), (RANDOM, scale.nets[net]["random"]))
        for setting in names
    ]


def _arguments(scale: Scale, net: str, corrupt: str | None, setting: str) -> dict[str, Any]:
    """Sizes of a training and its setting; as in the paper, the rate hardly falls where random labels are varied."""
    sizes = {name: value for name, value in scale.nets[net].items() if name not in ("true", "random")}
    slow = {"decay": 0.999} if corrupt and SETTINGS[setting].get("crop") else {}
    return {**sizes, **SETTINGS[setting], **slow}


def _one(results: Results, model: str, setting: str, corrupt: str | None = None) -> Result:
    every = dict.fromkeys(("crop", "vary", "dropout", "weight_decay")) | SETTINGS[setting]
    return results.one(model=model, corrupt=corrupt, **every)


def _all(results: Results, model: str, value: str, corrupt: str | None = None) -> dict[str, float]:
    """A value of the runs of a network by setting."""
    settings = results.scale.nets[model]["random" if corrupt else "true"]
    return {setting: float(_one(results, model, setting, corrupt)[value]) for setting in settings}


def measured(results: Results) -> dict[str, Any]:
    """The statements of tables 1 and 4 of the paper, at the size of the scale.

    Errors are those of shares of rows: one training per setting says nothing about other initial weights.
    """
    found: dict[str, Any] = {}
    for net in results.scale.models:
        plain, random = _one(results, net, NONE), _one(results, net, NONE, RANDOM)
        tests, fitted = _all(results, net, "test_accuracy"), _all(results, net, "train_accuracy", RANDOM)
        n, rows, guessing = plain["test_rows"], plain["rows"], 1 / plain["classes"]
        best = np.max([tests[name] for name in (DECAYED, CROPPED, BOTH) if name in tests])
        after = accuracies(random["test_accuracy"], n)
        mine = {
            "fitted-without": accuracies(plain["train_accuracy"], rows),
            "little-lost": gap(tests[NONE], best, n),
            "random-without": accuracies(fitted[NONE], rows),
            "random-is-guessing": Estimate(float(after) - guessing, after.error, n),
        }
        if CROPPED in tests:
            mine["crop-worth-more"] = gap(tests[CROPPED], tests[DECAYED], n)
        if DROPPED in tests:
            mine["dropout-worth-little"] = gap(tests[DROPPED], tests[NONE], n)
        for setting, claim in ((DECAYED, "decay"), (CROPPED, "crop"), (VARIED, "variation")):
            if setting in fitted:
                mine[f"random-with-{claim}"] = accuracies(fitted[setting], rows)
        found |= {slug(f"{claim}-{net}"): value for claim, value in mine.items()}
    return found


def figure(results: Results) -> Figure:
    """Draw test accuracies by network, published and here, and training accuracies on random labels."""
    drawn, (left, middle, right) = subplots(1, 3)
    theirs = {net: {s: test / 100 for s, (_, test) in rows.items()} for net, rows in PUBLISHED.items()}
    _dots(left, {NAMES[net]: tests for net, tests in theirs.items()})
    left.set(xlabel="test accuracy", ylabel="network", title="a: published, CIFAR-10, true labels")
    models = results.scale.models
    _dots(middle, {NAMES.get(net, net): _all(results, net, "test_accuracy") for net in models})
    middle.set(xlabel="test accuracy", ylabel="network", title=f"b: here, {results.scale.source}, true labels")
    _dots(right, {NAMES.get(net, net): _all(results, net, "train_accuracy", RANDOM) for net in models})
    right.set(xlabel="training accuracy", ylabel="network", title="c: here, random labels", xlim=(-0.02, 1.05))
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
    handles, labels = middle.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return drawn


def _dots(axes: Axes, found: dict[str, dict[str, float]]) -> None:
    """One line per network, one mark per setting, slightly apart."""
    used = [setting for setting in SETTINGS if any(setting in values for values in found.values())]
    for offset, setting in zip(np.linspace(-0.3, 0.3, len(used)), used, strict=True):
        places = [i for i, values in enumerate(found.values()) if setting in values]
        values = [values[setting] for values in found.values() if setting in values]
        colour = COLOURS[list(SETTINGS).index(setting)]
        axes.plot(values, np.array(places) + offset, MARKERS[setting], color=colour, label=setting, markersize=6)
    axes.set_yticks(range(len(found)), list(found))
    axes.set_ylim(len(found) - 0.5, -0.5)


STUDY = Study.load(__file__, runs, measured, figure)
