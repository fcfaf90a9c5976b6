"""Clean rows are fitted first, noise later: by networks, in their gradients, and by descent in a kernel."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Result, Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.estimate import Estimate
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import sample, unit
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.noisy_fits import PROBED, noisy_fit
from noisewise.studies.harness.statistics import mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATES = (0.0, 0.2, 0.4, 0.6)
STEPS = (*np.unique(np.geomspace(1, 1e6, 61).round()).tolist(), math.inf)
HALF, ONSET = 0.5, 0.2


def flipped(y: np.ndarray, classes: int, rate: float, seed: int) -> np.ndarray:
    """(n,) labels y, each replaced with probability `rate` by one of the other classes, all equally likely."""
    rng = np.random.default_rng([seed, 1])
    return np.where(rng.random(len(y)) < rate, (y + rng.integers(1, classes, len(y))) % classes, y)


def kernel_descent(source: str, rows: int, held: int, tested: int, seed: int) -> dict[str, Any]:
    """Descent in the tangent kernel of a wide network on one-hot labels of which a share is wrong.

    Inputs are of length one; the network has one hidden layer. The mean over classes is subtracted from the labels.

    Args:
        source: Of the data.
        rows: How many to train on.
        held: How many to hold out, with labels that are as noisy.
        tested: How many test rows, with true labels.
        seed: Random seed of rows and noise.

    Returns:
        `test`, `held` and `fit`: (rates, steps) the error on the test rows, on the held-out rows against their noisy
        labels, and on the training rows against the given labels. The last step is the interpolant.

    Raises:
        BadInput: the source cannot be read, is of texts or is too small.
    """
    from noisewise.theory.early_stopping import descent_path
    from noisewise.theory.tangent import infinite_kernels
    from noisewise.theory.wide import unit_rows

    drawn = sample(source, rows + held, tested, seed)
    x, test_x = unit_rows(unit(drawn.x)), unit_rows(unit(drawn.test_x))
    kernel = infinite_kernels(x[:rows]).tangent
    crosses = [infinite_kernels(points, x[:rows]).tangent for points in (test_x, x[rows:])]
    errors = []
    for rate in RATES:
        given = flipped(drawn.y, drawn.classes, rate, seed)
        targets = np.eye(drawn.classes)[given[:rows]] - 1 / drawn.classes
        wanted = (drawn.test_y, given[rows:], given[:rows])
        path = descent_path(kernel, targets, [*crosses, kernel], STEPS)
        errors.append(
            [[float((v.argmax(axis=1) != y).mean()) for v, y in zip(found, wanted, strict=True)] for found in path]
        )
    table = np.array(errors)
    return {name: table[:, :, k] for k, name in enumerate(("test", "held", "fit"))}


def runs(scale: Scale) -> list[Task]:
    """Networks on noisy labels, of the source and of digits, trained past memorising; descent in a kernel."""
    seeds = range(scale.seeds)
    others = [] if "source" in scale.chosen else scale.others
    tasks = [noisy_fit(scale, PROBED, seed, **other) for other in ({}, *others) for seed in seeds]
    if "model" not in scale.chosen:
        tasks += [Task.of(kernel_descent, source=scale.source, seed=seed, **scale.kernel) for seed in seeds]
    return tasks


def best_epoch(history: pd.DataFrame) -> int:
    """The position of the epoch with the best test accuracy."""
    return int(history["test_accuracy"].argmax())


def first(history: pd.DataFrame, column: str, level: float) -> float:
    """The first epoch at which a column is at a level or above; NaN if it never is."""
    there = history["epoch"][history[column] >= level]
    return float(there.iloc[0]) if len(there) else math.nan


def peak(history: pd.DataFrame, column: str) -> float:
    """The epoch at which a column that is not measured in every epoch is largest."""
    return float(history["epoch"].iloc[int(np.nanargmax(history[column].to_numpy(dtype=float)))])


def stopped(kernel: Result) -> np.ndarray:
    """(rates,) test error at the step that is best on held-out rows with noisy labels; the interpolant is a step."""
    best = kernel["held"].argmin(axis=1)
    found: np.ndarray = np.take_along_axis(kernel["test"], best[:, None], axis=1)[:, 0]
    return found


def phases(history: pd.DataFrame) -> dict[str, float]:
    """The fits, gradients and Fisher trace of one training, by claim."""
    best = history.iloc[best_epoch(history)]
    ratios = history["gradient_ratio"].dropna()
    return {
        "clean-first": best["clean_given"] - best["noisy_given"],
        "corrected": best["noisy_true"],
        "half-fits": first(history, "clean_given", HALF) / first(history, "noisy_given", HALF),
        "diffusion": ratios.iloc[-1] / ratios.iloc[0],
        "fisher-first": peak(history, "fisher_trace") - first(history, "noisy_given", ONSET),
    }


def measured(results: Results) -> dict[str, Estimate]:
    """The phases, as means over trainings; and what a kernel shows of the first of them."""
    nets = pd.DataFrame([phases(item["history"]) for item in results.of("followed")])
    found = {str(name): mean(nets[name]) for name in nets}
    kernels = results.of("kernel_descent")
    if len(kernels):
        saved = np.array([item["test"][:, -1] - stopped(item) for item in kernels])
        found |= {f"kernel-{rate:g}".replace(".", "-"): mean(saved[:, RATES.index(rate)]) for rate in RATES if rate}
    return found


def figure(results: Results) -> Figure:
    """Draw fits by epoch; gradients and information by epoch; test error along descent in a kernel."""
    nets = results.of("followed").table.groupby("source", sort=False)["history"].agg(list)
    kernels = results.of("kernel_descent")
    wide = len(nets) + 1 + bool(len(kernels))
    drawn, panels = subplots(*((2, 2) if wide == 4 else (1, wide)))
    *fits, gradients = panels.flat[: len(nets) + 1]
    for axes, letter, (source, histories) in zip(fits, "ab", nets.items(), strict=False):
        _fits(axes, histories, f"{letter}: {source}, 40% wrong labels")
    _gradients(gradients, nets.iloc[0], f"{'abc'[len(nets)]}: {nets.index[0]}, gradients")
    if len(kernels):
        _descent(panels.flat[wide - 1], kernels, f"{'abcd'[len(nets) + 1]}: kernel of a wide network")
    return drawn


def _columns(histories: Iterable[pd.DataFrame], column: str) -> np.ndarray:
    """(trainings, epochs) a column; NaN where it was not measured."""
    return np.array([history[column].to_numpy(dtype=float) for history in histories])


def _fits(axes: Axes, histories: list[pd.DataFrame], title: str) -> None:
    lines = (
        ("clean_given", "right, as given", COLOURS[0], "-"),
        ("noisy_given", "wrong, as given", COLOURS[1], "-"),
        ("noisy_true", "wrong, as true", COLOURS[2], "-"),
        ("test_accuracy", "test accuracy", COLOURS[6], "--"),
    )
    for column, label, colour, style in lines:
        draw_runs(axes, histories[0]["epoch"], _columns(histories, column), style, color=colour, label=label)
    axes.set(xlabel="epoch", ylabel="share predicted", ylim=(0, 1.42), xscale="log", title=title)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.legend(loc="upper left", ncols=2, columnspacing=1.0, handlelength=1.4)


def _gradients(axes: Axes, histories: list[pd.DataFrame], title: str) -> None:
    epochs = histories[0]["epoch"].to_numpy()
    lines = (
        ("gradient_signal", "mean gradient", COLOURS[0]),
        ("gradient_noise", "deviation", COLOURS[1]),
        ("fisher_trace", "Fisher trace", COLOURS[2]),
    )
    for column, label, colour in lines:
        values = _columns(histories, column)
        there = np.isfinite(values).all(axis=0)
        draw_runs(axes, epochs[there], values[:, there], color=colour, label=label)
    onset = float(np.mean([first(history, "noisy_given", ONSET) for history in histories]))
    axes.axvline(onset, ymax=0.78, color=GREY, linestyle=":", label=f"{ONSET:.0%} of wrong fitted")
    axes.set(xlabel="epoch", ylabel="length, or trace", yscale="log", title=title)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.45)
    axes.legend(loc="upper left", ncols=2, columnspacing=1.0, handlelength=1.4)


def _descent(axes: Axes, kernels: Results, title: str) -> None:
    errors = np.array([item["test"] for item in kernels])
    for k, (rate, colour) in enumerate(zip(RATES, COLOURS, strict=False)):
        draw_runs(axes, STEPS[:-1], errors[:, k, :-1], color=colour, label=f"{rate:g} wrong")
        axes.axhline(errors[:, k, -1].mean(), color=colour, linestyle=":", linewidth=1)
    axes.set(xscale="log", xlabel="steps (dotted: without end)", ylabel="test error", title=title)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.3 * (high - low))
    axes.legend(loc="upper left", ncols=2, columnspacing=1.0, handlelength=1.4)


STUDY = Study.load(__file__, runs, measured, figure)
