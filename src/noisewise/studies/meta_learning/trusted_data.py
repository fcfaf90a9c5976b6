"""Methods that use a few rows with right labels, by how many there are; and ten of them against a class of 0.5 %."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from noisewise.compute import Task
from noisewise.data import Dataset, load, split
from noisewise.errors import BadInput
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.methods.transition.forward import ForwardCorrection
from noisewise.methods.transition.glc import GoldLossCorrection
from noisewise.noise import corrupt as corrupted
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.drawing import draw_groups
from noisewise.studies.harness.fit import follow, following
from noisewise.studies.harness.statistics import Estimate, difference, mean
from noisewise.training import Training
from noisewise.training.method import Method
from noisewise.training.observer import Observer, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GLC, FORWARD = "glc:first=1", "forward:first=1"
METHODS = {
    GLC: "GLC",
    "l2rw": "L2RW",
    "meta-weight-net": "Meta-Weight-Net",
    "fwl": "FWL",
    "mentornet:curriculum=data-driven": "MentorNet",
}
REFERENCES = {"joined": "only joined", "alone": "alone"}
TOLD = ("glc", "l2rw", "fwl")  # of which the papers say that they beat the trusted rows alone
FLIP = "pair:0.4"
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


def forward_corrected(corrupt: str, trusted: int, seed: int, scratch: Path, **settings: Any) -> dict[str, Any]:
    """Forward correction, which estimates the confusion of the classes without trusted rows.

    Args:
        corrupt: As in `draw`.
        trusted: As in `draw`; these rows are not used.
        seed: As in `draw`.
        scratch: For checkpoints.
        **settings: source, rows, tested, model and epochs; further fields of `Config`.

    Returns:
        What `follow` gives, with the `transition_error` of its matrix, as it is measured for GLC.
    """
    shape = {name: settings.pop(name) for name in ("source", "rows", "tested")}
    data = draw(**shape, corrupt=corrupt, trusted=trusted, seed=seed, redraw=True)
    untrusted = replace(data, trusted=None)
    watching = Matrix(untrusted)
    return follow(untrusted, method=FORWARD, seed=seed, scratch=scratch, observers=[watching], **settings)


@dataclass(frozen=True, eq=False)
class Matrix(Observer):
    """Measures `transition_error` of forward correction: the mean over true classes of the L1 distance of the rows.

    Attributes:
        data: What is trained on, with its truth.
    """

    data: Dataset

    def after_epoch(self, training: Training, method: Method) -> Row:
        """The error, where the method has a matrix."""
        if not isinstance(method, ForwardCorrection) or self.data.transition is None:
            return {}
        return {"transition_error": distance(method.transition.double().cpu().numpy(), self.data.transition)}


def distance(found: np.ndarray, true: np.ndarray) -> float:
    """The mean over classes of the L1 distance between rows of two (K, K) transition matrices."""
    return float(np.abs(found - true).sum(axis=1).mean())


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
        *(Task.of(forward_corrected, **cell) for cell in cells if cell["corrupt"] == FLIP),
    ]


def named_runs(results: Results) -> pd.DataFrame:
    """The runs of methods and references, with their `name`."""
    taught, plain = results.of("followed").table, results.of("reference").table
    return pd.concat([taught.assign(name=taught["method"]), plain.assign(name=plain["kind"])])


def transition_errors(results: Results) -> pd.DataFrame:
    """Mean error per row of the transition matrix for flipped pairs: by `name` of the method, `trusted` and `seed`."""
    gold = results.of("followed").where(method=GLC, corrupt=FLIP).table
    blind = results.of("forward_corrected").table
    return pd.concat([gold.assign(name=METHODS[GLC]), blind.assign(name="Forward")])


def by_seed(runs: pd.DataFrame, name: str, trusted: int, column: str = "test_accuracy") -> pd.Series[float]:
    """A column of the runs of that name, with that many trusted rows; by seed, the mean over noises."""
    chosen = runs[(runs["name"] == name) & (runs["trusted"] == trusted)]
    found: pd.Series[float] = means(chosen, "seed", column)
    return found


def measured(results: Results) -> dict[str, Estimate]:
    """The gain from trusted rows for each method, and from ten of them when a class is rare."""
    scale, runs, errors = results.scale, named_runs(results), transition_errors(results)
    few, some, many = min(scale.trusted), scale.some, scale.many
    flips, gold = runs[runs["corrupt"] == FLIP], METHODS[GLC]

    def five(trusted: int) -> pd.Series[float]:
        return means(runs[runs["name"].isin(METHODS) & (runs["trusted"] == trusted)], "seed", "test_accuracy")

    def error(name: str, trusted: int) -> pd.Series[float]:
        return by_seed(errors, name, trusted, "transition_error")

    def gains(name: str) -> dict[str, Estimate]:
        return {spec: difference(by_seed(runs, spec, some), by_seed(runs, name, some)) for spec in METHODS}

    above, alone = gains("joined"), gains("alone")
    scarce = results.of("rare").where(share=scale.frequent).table
    ends = {method: mean(scarce["test_accuracy"][scarce["method"] == method]) for method in RARE_METHODS}
    return {
        "glc-flips": difference(by_seed(flips, GLC, many), by_seed(flips, "joined", many)),
        "transition": difference(error(gold, many), error("Forward", many)),
        "transition-improves": difference(error(gold, many), error(gold, few)),
        "more-is-better": difference(five(many), five(few)),
        **{f"{short(spec)}-beats-joining": found for spec, found in above.items()},
        **{f"{short(spec)}-beats-alone": alone[spec] for spec in METHODS if short(spec) in TOLD},
        "rare-class": ends["l2rw:cap=none"],
        "rare-class-plain": ends["ce"],
    }


def short(spec: str) -> str:
    """The name of a method without its options."""
    return spec.partition(":")[0]


def figure(results: Results) -> Figure:
    """Draw accuracy by the number of trusted rows for every noise, GLC's confusions, and the rare class."""
    noises, runs, errors = results.scale.noises, named_runs(results), transition_errors(results)
    drawn, panels = subplots(2, 2) if len(noises) == 2 else subplots(1, 3)
    *curves, matrix, scarce = panels.ravel()
    for axes, noise in zip(curves, noises, strict=True):
        _draw_curves(axes, runs[runs["corrupt"] == noise], noise)
    for name, colour in ((METHODS[GLC], COLOURS[0]), ("Forward", COLOURS[5])):
        label = name if name != "Forward" else "Forward (uses none)"
        draw_groups(matrix, errors[errors["name"] == name], "trusted", "transition_error", color=colour, label=label)
    none = 2 * float(FLIP.partition(":")[2])
    matrix.axhline(none, color=GREY, linestyle="--", linewidth=1, label="no confusion assumed")
    matrix.set(xscale="log", ylabel="L1 error per class", title="Confusion of the classes, 40% flips", ylim=(0, None))
    matrix.legend(loc="lower left", fontsize=8)
    for axes in (*curves, matrix):
        counts = results.scale.trusted
        axes.set_xticks(counts, [str(count) for count in counts])
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
