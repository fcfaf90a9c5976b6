"""Methods that use a few rows with right labels, by how many there are; and ten of them against a class of 0.5 %."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from noisewise.compute import Task
from noisewise.data import Dataset, load, split
from noisewise.errors import BadInput
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.methods.transition.glc import GoldLossCorrection
from noisewise.noise import corrupt as corrupted
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.drawing import draw_groups
from noisewise.studies.harness.fit import follow, following
from noisewise.studies.harness.statistics import spearman
from noisewise.training import Training

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METHODS = {
    "glc": "GLC",
    "l2rw": "L2RW",
    "meta-weight-net": "Meta-Weight-Net",
    "fwl": "FWL",
    "mentornet:curriculum=data-driven": "MentorNet",
}
REFERENCES = {"joined": "only joined", "alone": "alone"}
FLIP, TENTH = "pair:0.4", 0.1
LONGER = 4
RARE_METHODS = {"ce": "plain", "l2rw:cap=none": "L2RW"}
GOLD, CLASSES = 10, (4, 9)
_PLAIN: dict[str, Any] = {"batch_size": 100, "momentum": 0.0, "schedule": "constant", "weight_decay": 0.0}


def reference(kind: str, corrupt: str, trusted: int, seed: int, scratch: Path, **settings: Any) -> dict[str, Any]:
    """Training with trusted rows and no method for them.

    Args:
        kind: "joined", where they are rows like the others, or "alone", where there are no others, for `LONGER` times
            the epochs.
        corrupt: As in `draw`.
        trusted: As in `draw`.
        seed: As in `draw`.
        scratch: For checkpoints.
        **settings: source, rows, tested, model and epochs; further fields of `Config`.

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
        method: A spec.
        share: Of the frequent class.
        seed: Random seed of rows and weights.
        scratch: For checkpoints.
        **settings: source, rows and tested, see `two`; model, epochs and further fields of `Config`.

    Returns:
        What `follow` gives; the test rows are as many of either class.
    """
    data = two(settings.pop("source"), settings.pop("rows"), settings.pop("tested"), share, seed)
    return follow(data, method=method, seed=seed, scratch=scratch, **{**_PLAIN, **settings})


def two(source: str, rows: int, tested: int, share: float, seed: int) -> Dataset:
    """Rows of the classes number 4 and 9, of which the second has this share; ten trusted rows, five of either.

    Args:
        source: Of at least ten classes, with a test split.
        rows: Number of rows to train on, the trusted ones not counted.
        tested: Number of test rows, half of either class.
        share: Of the second class.
        seed: Random seed of the draw.

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


def runs(scale: Scale) -> list[Task]:
    """The rare class first, whose trainings take longest; then the methods and the two references."""
    cells: list[dict[str, Any]] = [
        {
            "source": scale.source,
            "model": scale.model,
            **scale.settings,
            "corrupt": noise,
            "trusted": count,
            "seed": seed,
        }
        for noise in scale.noises
        for seed in range(scale.seeds)
        for count in scale.trusted
    ]
    return [
        *(
            Task.of(rare, method=method, share=share, seed=seed, **scale.rare)
            for method in RARE_METHODS
            for share in scale.shares
            for seed in range(scale.rare_seeds)
        ),
        *(following(redraw=True, method=method, **cell) for method in METHODS for cell in cells),
        *(Task.of(reference, kind=kind, **cell) for kind in REFERENCES for cell in cells),
    ]


def named_runs(results: Results) -> pd.DataFrame:
    """The runs of methods and references, with their `name`."""
    taught, plain = results.of("followed").table, results.of("reference").table
    return pd.concat([taught.assign(name=taught["method"]), plain.assign(name=plain["kind"])])


def by_count(results: Results) -> pd.DataFrame:
    """Mean test accuracy over seeds, by method or reference and noise; a column for every number of trusted rows."""
    found: pd.Series[float] = means(named_runs(results), ["name", "corrupt", "trusted"], "test_accuracy")
    return found.unstack("trusted")


def transition_errors(results: Results) -> pd.Series[float]:
    """Mean error per row of GLC's transition matrix for flipped pairs, by the number of trusted rows."""
    glc = results.of("followed").where(method="glc", corrupt=FLIP).table
    found: pd.Series[float] = means(glc, "trusted", "transition_error")
    return found


def rare_accuracies(results: Results) -> pd.DataFrame:
    """Mean accuracy on balanced test rows where a class is rare, by method; a column for every share of the other."""
    found: pd.Series[float] = means(results.of("rare").table, ["method", "share"], "test_accuracy")
    return found.unstack("share")


def measured(results: Results) -> dict[str, float]:
    """The gain from trusted rows for each method, and from ten of them when a class is rare."""
    scale, found = results.scale, by_count(results)
    errors, scarce = transition_errors(results), rare_accuracies(results)
    over_noises = means(found, "name", [*found.columns])
    methods, some = over_noises.loc[[*METHODS]], over_noises[scale.some]
    return {
        "glc-flips": found.loc[("glc", FLIP), scale.many] - found.loc[("joined", FLIP), scale.many],
        "transition": errors[scale.many],
        "transition-improves": spearman(errors.index.to_numpy(), errors),
        "more-is-better": spearman(methods.columns.to_numpy(), methods.mean(skipna=False)),
        "beat-joining": methods[scale.some].min(skipna=False) - some["joined"],
        "beat-alone": methods[scale.some].min(skipna=False) - some["alone"],
        "rare-class": scarce.loc["l2rw:cap=none", scale.frequent],
        "rare-class-plain": scarce.loc["ce", scale.frequent],
    }


def figure(results: Results) -> Figure:
    """Draw accuracy by the number of trusted rows for every noise, GLC's confusions, and the rare class."""
    noises, runs, errors = results.scale.noises, named_runs(results), transition_errors(results)
    drawn, panels = subplots(2, 2) if len(noises) == 2 else subplots(1, 3)
    *curves, matrix, scarce = panels.ravel()
    for axes, noise in zip(curves, noises, strict=True):
        _draw_curves(axes, runs[runs["corrupt"] == noise], noise)
    matrix.semilogx(errors, "o-", color=COLOURS[0])
    matrix.axhline(TENTH, color=GREY, linestyle="--", linewidth=1)
    matrix.set(ylabel="L1 error per class", title="GLC: confusion of the classes", ylim=(0, None))
    for axes in (*curves, matrix):
        axes.set_xticks(errors.index, [str(count) for count in errors.index])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("trusted rows")
    _draw_rare(scarce, results.of("rare").table)
    return drawn


def _draw_curves(axes: Axes, runs: pd.DataFrame, noise: str) -> None:
    styles = dict(zip(METHODS, zip(["o-"] * len(METHODS), COLOURS, strict=False), strict=True))
    styles |= {"joined": ("--", GREY), "alone": (":", GREY)}
    for name, label in {**METHODS, **REFERENCES}.items():
        style, colour = styles[name]
        here = runs[runs["name"] == name]
        draw_groups(axes, here, "trusted", "test_accuracy", style, scale=100, color=colour, label=label)
    axes.set_xscale("log")
    kind, _, rate = noise.partition(":")
    names = {"pair": "flips to one class", "symmetric": "symmetric noise"}
    axes.set(ylabel="test accuracy (%)", title=f"{float(rate):.0%} {names.get(kind, kind)}")
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.45 * (high - low), high)
    axes.legend(loc="lower center", fontsize=8, ncols=2)


def _draw_rare(axes: Axes, runs: pd.DataFrame) -> None:
    shares = list(runs["share"].unique())
    placed = runs.assign(place=runs["share"].map(shares.index))
    for (name, label), colour in zip(RARE_METHODS.items(), (GREY, COLOURS[1]), strict=True):
        here = placed[placed["method"] == name]
        draw_groups(axes, here, "place", "test_accuracy", scale=100, color=colour, label=label)
    axes.set_xticks(range(len(shares)), [f"{100 * float(share):g}%" for share in shares])
    axes.set(xlabel="share of the frequent class", ylabel="balanced accuracy (%)", title="4 against 9", ylim=(45, 102))
    axes.legend(loc="lower left")


STUDY = Study.load(__file__, runs, measured, figure)
