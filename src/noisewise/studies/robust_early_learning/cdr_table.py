"""The design of CDR's table: data sets by kinds and rates of noise by methods, best and last epoch."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.compute import Task
from noisewise.figures import subplots
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.fit import following
from noisewise.studies.robust_early_learning.robust_early import (
    AUTHORS,
    NETS,
    PAPER,
    PLAIN,
    best_of,
    corruption,
    last_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CORE = "cdr"
METHODS = (PLAIN, "s-model", "forward", "t-revision", "coteaching", "coteaching-plus", "jocor", CORE)
SHORT_RUNS = {"t-revision": "t-revision:first=0.4"}
ABOVE = ("dividemix", "self-ensembling")
EASY = "mnist"
SOURCES = {
    "smoke": ("digits",),
    "cpu": (EASY, "fashion-mnist"),
    "paper": (EASY, "fashion-mnist", "cifar10", "cifar100"),
}
KINDS = {
    "smoke": ("symmetric",),
    "cpu": ("symmetric", "asymmetric", "pair", "instance"),
    "paper": ("symmetric", "asymmetric", "pair", "instance"),
}
RATES = {"smoke": (0.2, 0.4), "cpu": (0.2, 0.4), "paper": (0.2, 0.4)}
SEEDS = {"smoke": 1, "cpu": 1, "paper": 2}
SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"rows": 200, "tested": 300, "epochs": 10, "batch_size": 25, "lr": 0.05},
    "cpu": {"rows": 1000, "tested": 1000, "epochs": 18, "batch_size": 64, "lr": 0.06, "weight_decay": 1e-3},
    "paper": {"rows": None, "tested": None, **AUTHORS},
}
CIFAR: dict[str, Any] = {"batch_size": 64, "augment": "auto"}
LATER: dict[str, Any] = {"milestones": [0.4, 0.8]}
RESNET = "resnet18"
SHORT = {"symmetric": "sym.", "asymmetric": "asym.", "pair": "pair", "instance": "inst."}


def methods(scale: str) -> tuple[str, ...]:
    """The methods compared, as specs; at paper scale with those that are said to be above CDR.

    In the few steps below paper scale, a tenth of the epochs is no training to estimate a matrix of confusions by.
    """
    if scale == "paper":
        return METHODS + ABOVE
    return tuple(SHORT_RUNS.get(name, name) for name in METHODS)


def noise(kind: str, rate: float, scale: str) -> str:
    """The corruption of a column; at paper scale noise by instance sees bytes, as in the authors' code."""
    spec = str(corruption(rate, kind))
    return f"{spec},scale=255" if kind == "instance" and scale == "paper" else spec


def settings(scale: str, source: str) -> dict[str, Any]:
    """The network and the settings for a source; at paper scale residual networks for all but MNIST."""
    sized = {"model": NETS[scale], **SIZES[scale]}
    if scale != "paper" or source == EASY:
        return sized
    return {**sized, "model": RESNET, **LATER, **(CIFAR if source.startswith("cifar") else {})}


def cells(scale: str) -> list[tuple[str, str, float]]:
    """(source, corruption, rate) of every column."""
    return [
        (source, noise(kind, rate, scale), rate)
        for source, kind, rate in product(SOURCES[scale], KINDS[scale], RATES[scale])
    ]


def runs(scale: str, source: None, model: None) -> list[Task]:
    """Every method at every noise on every source; methods are told the noise rate."""
    return [
        following(source=data, corrupt=spec, method=method, noise_rate=rate, seed=seed, **settings(scale, data))
        for seed in range(SEEDS[scale])
        for data, spec, rate in cells(scale)
        for method in methods(scale)
    ]


def table(results: Results, epoch: str) -> np.ndarray:
    """(methods, cells) of the test accuracy, mean over seeds, at the `best` or the `last` epoch."""
    ask = best_of if epoch == "best" else last_of
    return np.array(
        [
            [ask(results.where(source=data, corrupt=spec, method=method)) for data, spec, _ in cells(results.scale)]
            for method in methods(results.scale)
        ]
    )


def claims(results: Results) -> list[Claim]:
    """CDR against plain training by cell, and against the others in the mean over cells."""
    names, scale = methods(results.scale), results.scale
    best, last = table(results, "best"), table(results, "last")
    own, plain = names.index(CORE), names.index(PLAIN)
    others = [k for k, name in enumerate(names) if name not in (*ABOVE, CORE)]
    strong = np.array([rate == max(RATES[scale]) for *_, rate in cells(scale)])
    stated = [
        Claim(
            "above-plain-last",
            "At the last epoch CDR is at least 1 point above plain training, in the mean over all noises.",
            float((last[own] - last[plain]).mean()),
            ">=",
            0.01,
        ),
        Claim(
            "above-plain-often",
            "There it is above plain training under at least three quarters of the noises (share).",
            float((last[own] > last[plain]).mean()),
            ">=",
            0.75,
        ),
        Claim(
            "more-noise-more-gain",
            "It gains more at the higher rate of noise than over all (difference of the means).",
            float((last[own] - last[plain])[strong].mean() - (last[own] - last[plain]).mean()),
            ">",
            0.0,
        ),
        Claim(
            "above-all-last",
            "At the last epoch CDR is above every other method here, in the mean over all noises.",
            float(last[own].mean() - last[others].mean(axis=1).max()),
            ">",
            0.0,
        ),
        Claim(
            "above-all-best",
            "At the best epoch too.",
            float(best[own].mean() - best[others].mean(axis=1).max()),
            ">",
            0.0,
        ),
    ]
    easy = [k for k, (source, *_) in enumerate(cells(scale)) if source == EASY]
    if easy:
        stated.append(
            Claim(
                "mnist-alike",
                "On MNIST its best epoch is within 1 point of plain training's, in the mean over noises.",
                float(abs((best[own] - best[plain])[easy].mean())),
                "<=",
                0.01,
            )
        )
    above = [k for k, name in enumerate(names) if name in ABOVE]
    if above:
        stated.append(
            Claim(
                "below-ensembles",
                "DivideMix and SELF are above it at the best epoch, in the mean over all noises (least lead).",
                float(best[above].mean(axis=1).min() - best[own].mean()),
                ">",
                0.0,
            )
        )
    return stated


def figure(results: Results) -> Figure:
    """A table for every source and for best and last epoch, coloured by the lead over plain training."""
    scale = results.scale
    sources = SOURCES[scale]
    drawn, panels = subplots(len(sources), 2, squeeze=False)
    width = max(1.6 + 0.62 * len(KINDS[scale]) * len(RATES[scale]), 4.2)
    drawn.set_size_inches(2 * width, 3.4 * len(sources))
    shown: Any = None
    for row, source in enumerate(sources):
        columns = [k for k, (data, *_) in enumerate(cells(scale)) if data == source]
        for axes, epoch in zip(panels[row], ("best", "last"), strict=True):
            shown = _painted(axes, 100 * table(results, epoch)[:, columns], scale)
            axes.set_title(f"{source}: test accuracy, %, {epoch} epoch")
    drawn.colorbar(shown, ax=list(panels.flat), shrink=0.7, label="points above plain training", extend="both")
    return drawn


def _painted(axes: Axes, values: np.ndarray, scale: str) -> Any:
    names = methods(scale)
    lead = values - values[names.index(PLAIN)]
    shown = axes.imshow(lead, cmap="PuOr", vmin=-15, vmax=15, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        bold = "bold" if value == values[:, column].max() else "normal"
        dark = abs(lead[row, column]) > 11
        style: dict[str, Any] = {"weight": bold, "color": "white" if dark else "#1d1e20", "size": 8.5}
        axes.text(column, row, f"{value:.1f}", ha="center", va="center", **style)
    labels = [f"{SHORT[kind]}\n{rate:.0%}" for kind, rate in product(KINDS[scale], RATES[scale])]
    axes.set_xticks(range(len(labels)), labels, fontsize=8.5)
    axes.set_yticks(range(len(names)), [name.partition(":")[0] for name in names])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return shown


STUDY = Study(
    Card(
        name="cdr-table",
        title="CDR against other methods under four kinds of noise",
        shows="Methods are compared under symmetric, asymmetric, pair and instance-dependent noise of 20 and 40 %, all "
        "on the same schedule, and all told the noise rate. Numbers are test accuracies at the best and at the last "
        "epoch; the best of a column is bold.",
        paper=PAPER,
        year=2021,
        figure="The design of the table of results on synthetic noise",
        explanation="What plain training loses from the best epoch to the last is what methods can win back, and CDR "
        "wins by memorising later. Methods that leave rows out, or model the noise, can win more where their "
        "assumption is met and enough rows are there to meet it; few rows and epochs are hard on those that select by "
        "loss. Four claims do not hold at cpu: at the last epoch CDR is above plain training by 0.5 points rather than "
        "1, in 9 of 16 cells, and at the last and the best epoch 1.7 and 1.6 points below the best other method, "
        "t-revision; s-model is above it, too. Probably this is because on Fashion-MNIST plain training hardly "
        "memorises in 18 epochs: it loses 0.7 points after its best epoch there, and CDR wins none of them back, while "
        "on MNIST it wins 1.6 of 6.",
        departures="The paper's table is not at hand: none of its numbers is shown, and the list of methods is ours. "
        "At cpu 1,000 rows of each data set, 18 epochs on a learning rate that falls as a cosine from 0.06, and one "
        "seed; t-revision estimates its matrix after 0.4 of the epochs rather than 0.1, chosen after a run in which "
        "the tenth, 32 steps, let it diverge; rows, epochs and schedule were chosen after pilot runs on Fashion-MNIST, "
        "so that plain training memorises. Here it hardly does on Fashion-MNIST. Differences of 2 points in a single "
        "cell mean little. Best epochs are chosen on the test rows. DivideMix and SELF, which a note on the paper "
        "names as above CDR, run at paper scale alone; there ResNet-18 takes the place of ResNet-50, and all data "
        "sets are trained for 100 epochs",
        scales={
            "smoke": "digits, 200 rows, a perceptron: 2 noises, 8 methods",
            "cpu": "MNIST and Fashion-MNIST, 1,000 rows each, LeNet: 8 noises, 8 methods, one seed",
            "paper": "MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100 whole, LeNet and ResNet-18: 8 noises, 10 methods, "
            "two seeds",
        },
        budget={"smoke": 55, "cpu": 710},
    ),
    runs,
    claims,
    figure,
)
