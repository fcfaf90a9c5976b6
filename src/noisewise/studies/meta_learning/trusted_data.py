"""Methods that use a few rows with right labels, by how many there are; and ten of them against a class of 0.5 %."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from noisewise.compute import Task
from noisewise.data import Dataset, load, split
from noisewise.errors import BadInput
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.methods.transition.glc import GoldLossCorrection
from noisewise.noise import corrupt as corrupted
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.fit import follow, following
from noisewise.studies.harness.statistics import spearman
from noisewise.training import Training

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METHODS = {
    "glc": "GLC",
    "l2rw": "L2RW",
    "meta-weight-net:lr=0.01": "Meta-Weight-Net",
    "fwl": "FWL",
    "mentornet:curriculum=data-driven": "MentorNet",
}
REFERENCES = {"joined": "only joined", "alone": "alone"}
SETTINGS: dict[str, dict[str, Any]] = {
    "smoke": {"source": "digits", "model": "mlp:64", "rows": 300, "tested": 300, "epochs": 5, "batch_size": 32},
    "cpu": {"source": "fashion-mnist", "model": "mlp:256", "rows": 2000, "tested": 2000, "epochs": 20},
    "paper": {
        "source": "cifar10",
        "model": "resnet32",
        "rows": None,
        "tested": None,
        "epochs": 120,
        "batch_size": 100,
        "lr": 0.1,
        "schedule": "step",
        "milestones": [2 / 3, 5 / 6],
        "augment": "auto",
    },
}
TRUSTED = {"smoke": (20, 100), "cpu": (10, 50, 200, 1000), "paper": (100, 1000, 5000)}
NOISES = {"smoke": ("pair:0.4",), "cpu": ("pair:0.4", "symmetric:0.6"), "paper": ("pair:0.4", "symmetric:0.6")}
SEEDS = {"smoke": 1, "cpu": 2, "paper": 3}
FLIP, TENTH = "pair:0.4", 0.1
LONGER = 4
RARE: dict[str, dict[str, Any]] = {
    "smoke": {
        "source": "digits",
        "model": "mlp:64",
        "rows": 120,
        "tested": 60,
        "epochs": 8,
        "batch_size": 20,
        "lr": 0.05,
    },
    "cpu": {"source": "mnist", "model": "mlp:256", "rows": 5000, "tested": 1000, "epochs": 10, "lr": 0.02},
    "paper": {"source": "mnist", "model": "lenet", "rows": 5000, "tested": 500, "epochs": 160, "lr": 0.001},
}
SHARES = {"smoke": (0.95,), "cpu": (0.9, 0.98, 0.995), "paper": (0.9, 0.95, 0.98, 0.99, 0.995)}
RARE_SEEDS = {"smoke": 1, "cpu": 2, "paper": 10}
RARE_METHODS = {"ce": "plain", "l2rw:cap=none": "L2RW"}
GOLD, CLASSES = 10, (4, 9)
_PLAIN: dict[str, Any] = {"batch_size": 100, "momentum": 0.0, "schedule": "constant", "weight_decay": 0.0}


def reference(kind: str, corrupt: str, trusted: int, seed: int, scratch: Path, **settings: Any) -> dict[str, Any]:
    """Training with trusted rows and no method for them.

    Args:
        kind: "joined", where they are rows like the others, or "alone", where there are no others, for `LONGER` times
            the epochs.
        corrupt, trusted, seed: as in `drawn`. scratch: for checkpoints.
        settings: source, rows, tested, model and epochs; further fields of `Config`.

    Returns:
        What `follow` gives.
    """
    shape = {name: settings.pop(name) for name in ("source", "rows", "tested")}
    data = draw(**shape, corrupt=corrupt, trusted=trusted, seed=seed, redraw=True)
    if kind == "joined":
        return follow(data, method=joined, seed=seed, scratch=scratch, **settings)
    return follow(
        alone(data), method="ce", seed=seed, scratch=scratch, **{**settings, "epochs": LONGER * settings["epochs"]}
    )


def joined(training: Training) -> None:
    """The recipe that draws trusted rows with the others: gold loss correction with no confusion."""
    ratio = len(training.split("trusted")) / len(training.rows)
    training.fit(training.learner(), GoldLossCorrection(torch.eye(training.classes), ratio))


def alone(data: Dataset) -> Dataset:
    """The trusted rows as a data set, with the test split of the whole."""
    assert data.trusted is not None
    return replace(data.trusted, test=data.test)


def rare(method: str, share: float, seed: int, scratch: Path, **settings: Any) -> dict[str, Any]:
    """Two classes, one of which is rare, and ten trusted rows.

    Args:
        method: a spec. share: of the frequent class. seed: of rows and weights. scratch: for checkpoints.
        settings: source, rows and tested, see `two`; model, epochs and further fields of `Config`.

    Returns:
        What `follow` gives; the test rows are as many of either class.
    """
    data = two(settings.pop("source"), settings.pop("rows"), settings.pop("tested"), share, seed)
    return follow(data, method=method, seed=seed, scratch=scratch, **{**_PLAIN, **settings})


def two(source: str, rows: int, tested: int, share: float, seed: int) -> Dataset:
    """Rows of the classes number 4 and 9, of which the second has this share; ten trusted rows, five of either.

    Args:
        source: of at least ten classes, with a test split. rows: to train on, the trusted ones not counted.
        tested: test rows, half of either class. share: of the second class. seed: of the draw.

    Raises:
        BadInput: a source without a test split or with too few rows of a class.
    """
    data = load(source)
    if data.test is None or len(data.classes) <= max(CLASSES):
        raise BadInput(f"source={source!r} must have ten classes and a test split for this study")
    many = round(share * rows)
    wanted, rng = (rows - many + GOLD // 2, many + GOLD // 2), np.random.default_rng(seed)
    test = _both(data.test, (tested // 2, tested // 2), np.random.default_rng(0))
    main = corrupted(_both(data, wanted, rng, test), "symmetric:0", seed=seed)
    return split(main, trusted=GOLD, seed=seed)


def _both(data: Dataset, wanted: tuple[int, int], rng: np.random.Generator, test: Dataset | None = None) -> Dataset:
    chosen = []
    for label, count in zip(CLASSES, wanted, strict=True):
        rows = rng.permutation(np.flatnonzero(data.given == label))
        if len(rows) < count:
            raise BadInput(f"{data.name} has {len(rows)} rows of class {label}, but this study needs {count}")
        chosen.append(rows[:count])
    labels = np.repeat([0, 1], wanted)
    names = tuple(data.classes[label] for label in CLASSES)
    return Dataset(np.asarray(data.inputs[np.concatenate(chosen)]), labels, names, data.kind, name=data.name, test=test)


def runs(scale: str, source: str | None, model: str | None) -> list[Task]:
    """The rare class first, whose trainings take longest; then the methods and the two references."""
    settings = {**SETTINGS[scale]}
    settings |= {name: value for name, value in (("source", source), ("model", model)) if value is not None}
    cells: list[dict[str, Any]] = [
        {"corrupt": noise, "trusted": count, "seed": seed}
        for noise in NOISES[scale]
        for seed in range(SEEDS[scale])
        for count in TRUSTED[scale]
    ]
    few = [
        Task.of(rare, method=method, share=share, seed=seed, **RARE[scale])
        for method in RARE_METHODS
        for share in SHARES[scale]
        for seed in range(RARE_SEEDS[scale])
    ]
    taught = [following(redraw=True, method=method, **cell, **settings) for method in METHODS for cell in cells]
    plain = [Task.of(reference, kind=kind, **cell, **settings) for kind in REFERENCES for cell in cells]
    return [*few, *taught, *plain]


def curve(results: Results, name: str, noise: str) -> np.ndarray:
    """(trusted,) mean test accuracy of a method or reference over the seeds, by the number of trusted rows."""
    runs_ = (
        results.of("reference").where(kind=name) if name in REFERENCES else results.of("followed").where(method=name)
    )
    chosen = runs_.where(corrupt=noise)
    return np.array([chosen.where(trusted=count).mean("test_accuracy") for count in TRUSTED[results.scale]])


def _mean(results: Results, name: str) -> np.ndarray:
    """(trusted,) the mean of the curves over the noises."""
    return np.asarray(np.mean([curve(results, name, noise) for noise in NOISES[results.scale]], axis=0))


def transition_errors(results: Results) -> np.ndarray:
    """(trusted,) mean error per row of what GLC takes for the transition of flipped pairs."""
    found = results.of("followed").where(method="glc", corrupt=FLIP)
    return np.array([found.where(trusted=count).mean("transition_error") for count in TRUSTED[results.scale]])


def _least(results: Results, over: str, at: int) -> float:
    """The least, over the methods, of the accuracy above a reference at a place among the numbers of trusted rows."""
    return float(min(_mean(results, method)[at] - _mean(results, over)[at] for method in METHODS))


def claims(results: Results) -> list[Claim]:
    """What trusted rows are worth to each method, and what ten of them are worth against a rare class."""
    counts = np.array(TRUSTED[results.scale])
    errors, glc, plain = transition_errors(results), curve(results, "glc", FLIP), curve(results, "joined", FLIP)
    rising = np.mean([_mean(results, method) for method in METHODS], axis=0)
    scarce = results.of("rare").where(share=max(SHARES[results.scale]))
    return [
        Claim(
            "glc-flips",
            f"With {counts[-1]} trusted rows, and 40 % of the labels of every class flipped to one other, GLC is at "
            "least 3 points more accurate than training on all rows alike.",
            float(glc[-1] - plain[-1]),
            ">=",
            0.03,
        ),
        Claim(
            "transition",
            f"What it takes for the confusion of the classes is then off by at most {TENTH:g} per class (L1).",
            float(errors[-1]),
            "<=",
            TENTH,
        ),
        Claim(
            "transition-improves",
            "That error falls with the number of trusted rows (Spearman).",
            spearman(counts, errors),
            "<=",
            -0.9,
        ),
        Claim(
            "more-is-better",
            "The mean accuracy of the five methods rises with the number of trusted rows (Spearman).",
            spearman(counts, rising),
            ">=",
            0.9,
        ),
        Claim(
            "beat-joining",
            f"With {counts[-2]} trusted rows every method is better than training on all rows alike (least over "
            "methods of the gain, mean over noises).",
            _least(results, "joined", -2),
            ">",
            0.0,
        ),
        Claim(
            "beat-alone",
            f"With {counts[-2]} trusted rows every method is better than training on the trusted rows alone (least).",
            _least(results, "alone", -2),
            ">",
            0.0,
        ),
        Claim(
            "rare-class",
            f"With one class at {max(SHARES[results.scale]):.1%} and ten trusted rows, L2RW classifies at least 85 % "
            "of balanced test rows rightly.",
            scarce.where(method="l2rw:cap=none").mean("test_accuracy"),
            ">=",
            0.85,
        ),
        Claim(
            "rare-class-plain",
            "Plain training classifies at most 65 % of them rightly.",
            scarce.where(method="ce").mean("test_accuracy"),
            "<=",
            0.65,
        ),
    ]


def figure(results: Results) -> Figure:
    """Accuracy by the number of trusted rows for every noise, GLC's confusions, and the rare class."""
    noises = NOISES[results.scale]
    drawn_, panels = subplots(2, 2) if len(noises) == 2 else subplots(1, 3)
    *curves, matrix, scarce = panels.ravel()
    for axes, noise in zip(curves, noises, strict=True):
        _draw_curves(axes, results, noise)
    counts = TRUSTED[results.scale]
    matrix.semilogx(counts, transition_errors(results), "o-", color=COLOURS[0])
    matrix.axhline(TENTH, color=GREY, linestyle="--", linewidth=1)
    matrix.set_xticks(counts, [str(count) for count in counts])
    matrix.set_xticks([], minor=True)
    matrix.set(
        xlabel="trusted rows", ylabel="L1 error per class", title="GLC: confusion of the classes", ylim=(0, None)
    )
    _draw_rare(scarce, results)
    return drawn_


def _draw_curves(axes: Axes, results: Results, noise: str) -> None:
    counts = TRUSTED[results.scale]
    for (name, label), colour in zip(METHODS.items(), COLOURS, strict=False):
        axes.semilogx(counts, 100 * curve(results, name, noise), "o-", color=colour, label=label)
    for (name, label), style in zip(REFERENCES.items(), ("--", ":"), strict=True):
        axes.semilogx(counts, 100 * curve(results, name, noise), style, color=GREY, label=label)
    kind, _, rate = noise.partition(":")
    names = {"pair": "flips to one class", "symmetric": "symmetric noise"}
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_xticks([], minor=True)
    axes.set(xlabel="trusted rows", ylabel="test accuracy (%)", title=f"{float(rate):.0%} {names.get(kind, kind)}")
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.45 * (high - low), high)
    axes.legend(loc="lower center", fontsize=8, ncols=2)


def _draw_rare(axes: Axes, results: Results) -> None:
    shares = SHARES[results.scale]
    for (name, label), colour in zip(RARE_METHODS.items(), (GREY, COLOURS[1]), strict=True):
        found = results.of("rare").where(method=name)
        means = [100 * found.where(share=share).mean("test_accuracy") for share in shares]
        axes.plot(range(len(shares)), means, "o-", color=colour, label=label)
    axes.set_xticks(range(len(shares)), [f"{100 * share:g}%" for share in shares])
    axes.set(xlabel="share of the frequent class", ylabel="balanced accuracy (%)", title="4 against 9", ylim=(45, 102))
    axes.legend(loc="lower left")


STUDY = Study(
    Card(
        name="trusted-data",
        title="A few rows with right labels go a long way, but not with every method that uses them",
        shows="Five methods that learn from trusted rows are trained with growing numbers of them, against training on "
        "all rows alike and on the trusted rows alone. Ten trusted rows then make up for a class that is one row in "
        "two hundred.",
        paper="Hendrycks, Mazeika, Wilson and Gimpel, Using Trusted Data to Train Deep Networks on Labels Corrupted by "
        "Severe Noise, NeurIPS; Ren, Zeng, Yang and Urtasun, Learning to Reweight Examples for Robust Deep Learning, "
        "ICML",
        year=2018,
        figure="accuracy by the share of trusted rows; 4 against 9 of MNIST by the share of the frequent class",
        explanation="The methods ask trusted rows different things. GLC asks how often each class is taken for each "
        "other, which is little to learn; FWL asks for a label of every row; L2RW and Meta-Weight-Net ask which rows "
        "help in the next step, and MentorNet what the loss of a wrong label looks like. A loss tells little when a "
        "class is flipped to one other, since the network learns the wrong class as a pattern of its own. What GLC "
        "measures is the confusion of labels and that of the network together, so that its matrix need not come close "
        "to the true one to be of use. Where a class is rare, a batch hardly ever holds a row of it, and plain steps "
        "have no reason to learn it; the alignment with trusted rows gives the few there are most of the weight. Not "
        "all claims hold: with 200 trusted rows Meta-Weight-Net ends 6 points below training on all rows alike and "
        "MentorNet level with it, and both far below training on the trusted rows alone, probably since they give "
        "wrong rows weight for most of a training that ends after 320 steps; and GLC's matrix is off by 0.48 per class "
        "even with 1,000 trusted rows, no nearer than with 200.",
        departures="At cpu Fashion-MNIST, 2,000 rows beside the trusted ones, a perceptron of 256 units and 20 epochs, "
        "rather than CIFAR-10 and a residual network; after a pilot run on 3,000 the rows were made 2,000 to save "
        "time. GLC's first network trains half of the epochs. The rate of Meta-Weight-Net's own network is 0.01 rather "
        "than 0.001, for a hundred times fewer steps than the paper's. 4 against 9 with a perceptron for 500 steps at "
        "a rate of 0.02 rather than LeNet for 8,000 at 0.001, chosen for a like product after a pilot run at 1,000 "
        "steps and 0.01. The references have the same trusted rows: joined to the others, or alone for four times the "
        "epochs. Papers compare shares of trusted rows; here their number changes beside a fixed number of others.",
        scales={
            "smoke": "digits: 300 rows, 20 and 100 trusted ones, flips; classes 4 and 9 of digits at 95 %",
            "cpu": "Fashion-MNIST: 2,000 rows and 10 to 1,000 trusted ones, a perceptron, flips and symmetric noise, "
            "two seeds; 5,000 rows of MNIST 4 and 9, up to 99.5 %",
            "paper": "CIFAR-10 whole, 100 to 5,000 trusted rows, ResNet-32, 120 epochs; MNIST 4 and 9 with LeNet",
        },
        budget={"smoke": 28, "cpu": 420},
        takes=("source", "model"),
    ),
    runs,
    claims,
    figure,
)
