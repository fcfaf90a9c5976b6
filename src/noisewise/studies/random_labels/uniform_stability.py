"""Change of the loss when one example is replaced, for networks and for a learner that is proved to be stable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import log_softmax

from noisewise.compute import Task
from noisewise.data import Dataset
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.estimate import Estimate
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import sample, unit
from noisewise.studies.harness.statistics import exact, ratio, share
from noisewise.theory.stability import SOFTMAX_LIPSCHITZ, replacement_bound, softmax_regression

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TESTED = 2000
EPOCHS, RATE = 80, 0.03
STRENGTH = 0.01
LABELS = ("true", "random")


def twins(source: str, points: int, labels: str, model: str, replaced: int, seed: int) -> dict[str, Any]:
    """Train a network and its twins with the same seed, each on a set in which one other example was replaced.

    The loss is one minus the probability of the label, between 0 and 1. `fitted` is the share of rows where it is
    below one half. `control` is the largest change between twins with the same data.

    Args:
        source: of the data.
        points: n, the number of training rows.
        labels: "true", or "random" for every row, test rows included.
        model: a catalogue name with its options.
        replaced: number of twins.
        seed: random seed.
    """
    from noisewise.run.train import train

    x, y, test_x, test_y, classes, kind = _drawn(source, points, labels, replaced, seed)
    names = tuple(str(k) for k in range(classes))

    def losses(rows: np.ndarray) -> np.ndarray:
        run = train(
            Dataset(x[rows], y[rows], names, "image" if kind == "image" else "vector", name=source),
            method="ce",
            model=model,
            epochs=EPOCHS,
            seed=seed,
            lr=RATE,
            batch_size=min(128, max(32, points // 12)),
            validation=0.0,
            weight_decay=0.0,
            augment="none",
            precision="fp32",
        )
        values = np.concatenate([run.predict_proba(x), run.predict_proba(test_x)])
        return 1 - values[np.arange(len(values)), np.concatenate([y, test_y])]

    base = losses(np.arange(points))
    changes = [np.abs(losses(_replaced(points, i)) - base) for i in range(replaced)]
    return {
        "fitted": float((base[:points] < 0.5).mean()),
        "control": float(np.abs(losses(np.arange(points)) - base).max()),
        **_summary(changes, points),
    }


def regularised(source: str, points: int, labels: str, replaced: int, seed: int) -> dict[str, Any]:
    """Do the same with softmax regression under an L2 penalty, on flattened inputs scaled into the unit ball.

    The loss is the cross-entropy, for which `bound` is proved.
    """
    x, y, test_x, test_y, classes, _ = _drawn(source, points, labels, replaced, seed)
    flat = np.concatenate([unit(part).reshape(len(part), -1).astype(np.float64) for part in (x, test_x)])
    inputs, all_labels = flat / np.linalg.norm(flat, axis=1).max(), np.concatenate([y, test_y])

    def losses(rows: np.ndarray) -> np.ndarray:
        values = inputs @ softmax_regression(inputs[rows], y[rows], classes, STRENGTH)
        return np.asarray(-log_softmax(values, axis=1)[np.arange(len(values)), all_labels])

    base = losses(np.arange(points))
    changes = [np.abs(losses(_replaced(points, i)) - base) for i in range(replaced)]
    bound = replacement_bound(SOFTMAX_LIPSCHITZ, 1.0, STRENGTH, points)
    return {"bound": bound, **_summary(changes, points)}


def _drawn(source: str, points: int, labels: str, replaced: int, seed: int) -> tuple[Any, ...]:
    """Inputs and labels of `points` rows and of those that replace some, the same of test rows, K and the kind."""
    rows = sample(source, points + replaced, TESTED, seed)
    y, test_y = rows.y, rows.test_y
    if labels == "random":
        rng = np.random.default_rng(seed)
        y, test_y = (rng.integers(rows.classes, size=len(part)) for part in (y, test_y))
    return rows.x, y, rows.test_x, test_y, rows.classes, rows.kind


def _replaced(points: int, i: int) -> np.ndarray:
    """(n,) rows of the set in which row i is replaced by row n + i."""
    rows = np.arange(points)
    rows[i] = points + i
    return rows


def _summary(changes: list[np.ndarray], points: int) -> dict[str, Any]:
    """Summarise the changes by twin (every row, then every tested row): the largest, and those at the replaced rows."""
    replaced = len(changes)
    tested = [change[points + replaced :] for change in changes]
    own = [change[[i, points + i]] for i, change in enumerate(changes)]
    return {
        "largest": float(max(change.max() for change in changes)),
        "tested": float(max(change.max() for change in tested)),
        "tested_mean": float(np.mean(tested)),
        "own": np.array(own),
        "own_mean": float(np.mean(own)),
    }


def runs(scale: Scale) -> list[Task]:
    """All runs, networks first because they take longest."""
    shared: dict[str, Any] = {"source": scale.source, "replaced": scale.replaced, "seed": 0}
    cells = [(points, labels) for points in reversed(scale.points) for labels in LABELS]
    nets = [Task.of(twins, points=n, labels=labels, model=scale.model, **shared) for n, labels in cells]
    return nets + [Task.of(regularised, points=n, labels=labels, **shared) for n, labels in cells]


def _by_size(results: Results, function: str, value: str) -> pd.DataFrame:
    """A value of the runs of a function: a row per number of points, a column per kind of labels."""
    return results.of(function).table.pivot(index="points", columns="labels", values=value)


def measured(results: Results) -> dict[str, Estimate]:
    """Networks are not uniformly stable, and less stable with random labels; the reference stays within its bound."""
    nets, reference, scale = results.of("twins").table, results.of("regularised").table, results.scale
    own, largest = _by_size(results, "twins", "own"), _by_size(results, "regularised", "largest")
    # The mean change at the example that went and the one that came, by twin.
    twin = own.map(lambda changes: np.mean(changes, axis=1))
    growth = scale.most / scale.fewest
    return {
        "control": exact(nets["control"].max(skipna=False)),
        "fitted": share(float((nets["fitted"] * nets["points"]).sum()), int(nets["points"].sum())),
        "unstable": exact(nets["largest"][nets["labels"] == "random"].min(skipna=False)),
        "no-decay": ratio(twin["random"][scale.most], twin["random"][scale.fewest]),
        "labels": ratio(np.concatenate(twin["random"].tolist()), np.concatenate(twin["true"].tolist())),
        "bound": exact((reference["largest"] / reference["bound"]).max(skipna=False)),
        "decay": exact((largest.loc[scale.most] / largest.loc[scale.fewest]).max(skipna=False) * growth),
    }


def figure(results: Results) -> Figure:
    """Draw the change at the replaced example and elsewhere for networks; the reference and its bound."""
    drawn, (left, right) = subplots(1, 2)
    own, tested = (_by_size(results, "twins", value) for value in ("own_mean", "tested_mean"))
    largest, bounds = (_by_size(results, "regularised", value) for value in ("largest", "bound"))
    for labels, colour in zip(LABELS, COLOURS, strict=False):
        left.semilogx(own[labels], "o-", color=colour, label=f"{labels} labels, the example replaced")
        left.semilogx(tested[labels], ":", color=colour, label=f"{labels} labels, mean over test rows")
        right.loglog(largest[labels], "o-", color=colour, label=f"{labels} labels, largest change")
    right.loglog(bounds["true"], "--", color=GREY, label="bound proved for any labels")
    left.set(ylim=(0, 1.7), yticks=(0, 0.25, 0.5, 0.75, 1), ylabel="change of the loss (at most 1)")
    left.set_title("Network, one example replaced")
    right.set(ylabel="change of the cross-entropy", title="Softmax regression with a penalty")
    for axes in (left, right):
        axes.set_xticks(own.index, [f"{n:,}" for n in own.index])
        axes.minorticks_off()
        axes.set_xlabel("points n")
    left.legend(loc="upper right", fontsize=8)
    right.set_ylim(bottom=largest.to_numpy().min() / 6)
    right.legend(loc="lower left")
    return drawn


STUDY = Study.load(__file__, runs, measured, figure)
