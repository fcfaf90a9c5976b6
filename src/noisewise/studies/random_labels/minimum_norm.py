"""Interpolation without regularisation: the minimum-norm solution generalises; its norm does not predict how well."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import sample, unit
from noisewise.theory.filters import MAPS
from noisewise.theory.minimum_norm import ConjugateGradients, descend, interpolate, least_norm

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABELS = ("true", "random")
MAP_TESTED = 5000
WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
MATCHED = 2.0
GAMMA = 0.02
STEPS = 500
DIGITS_POINTS, DIGITS_GAMMA = 1297, 0.1
EPOCHS = (1, 3, 10, 30, 100, 300)
COSINES = 2000
PAPER_ERROR = 0.012


def digits(labels: str, seed: int) -> dict[str, Any]:
    """A Gaussian kernel on scikit-learn's digits, pixels in [0, 1]: 1,297 to fit and 500 to test."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    train, test = order[:DIGITS_POINTS], order[DIGITS_POINTS:]
    fitted = y[train] if labels == "true" else np.random.default_rng(seed).permutation(y[train])
    found = interpolate(x[train] / 16, np.eye(10)[fitted], DIGITS_GAMMA)
    return {
        "train_error": float((found(x[train] / 16).argmax(axis=1) != fitted).mean()),
        "test_error": float((found(x[test] / 16).argmax(axis=1) != y[test]).mean()),
        "norm": found.norm,
        "residual": found.residual,
    }


def kernel(source: str, points: int, labels: str, seed: int) -> dict[str, Any]:
    """A Gaussian kernel on pixels in [0, 1] through all labels, without a regulariser."""
    rows = sample(source, points, seed=seed)
    x, test = (MAPS["pixels"](unit(part)) for part in (rows.x, rows.test_x))
    targets = rows.targets(None if labels == "true" else seed)
    found = interpolate(x, targets, GAMMA, ConjugateGradients(steps=STEPS))
    return {
        "train_error": float((found(x).argmax(axis=1) != targets.argmax(axis=1)).mean()),
        "test_error": float((found(test).argmax(axis=1) != rows.test_y).mean()),
        "norm": found.norm,
        "residual": found.residual,
        "steps": found.steps,
    }


def mapped(source: str, points: int, features: str, seed: int) -> dict[str, Any]:
    """Error and norm of a Gaussian kernel on features, by its width.

    The width is stated without units: gamma times the mean squared distance between two points is one of `WIDTHS`.
    """
    rows = sample(source, points, MAP_TESTED, seed=seed)
    x, test = (MAPS[features](unit(part)) for part in (rows.x, rows.test_x))
    distance = 2 * float(x.var(axis=0, dtype=np.float64).sum())
    found = [interpolate(x, rows.targets(), width / distance) for width in WIDTHS]
    return {
        "dimensions": x.shape[1],
        "gamma": [width / distance for width in WIDTHS],
        "errors": np.array([(one(test).argmax(axis=1) != rows.test_y).mean() for one in found]),
        "norms": np.array([one.norm for one in found]),
    }


def descent(source: str, points: int, seed: int) -> dict[str, Any]:
    """Run SGD on random cosine features, and measure its distance from the pseudo-inverse's solution.

    The features are those of Rahimi and Recht (2007) for a Gaussian kernel, more of them than points.
    """
    rows, rng = sample(source, points, seed=seed), np.random.default_rng(seed)
    pixels = MAPS["pixels"](unit(rows.x)).astype(np.float64)
    spread = 2 * pixels.var(axis=0).sum()
    waves = rng.normal(size=(pixels.shape[1], COSINES)) * np.sqrt(2 * 4 / spread)
    x = np.cos(pixels @ waves + rng.uniform(0, 2 * np.pi, COSINES)) * np.sqrt(2 / COSINES)
    y = rows.targets()
    least = least_norm(x, y)
    start = rng.normal(size=least.shape) * np.linalg.norm(least) / np.sqrt(least.size)
    elsewhere = descend(x, y, epochs=EPOCHS[-1], batch=8, seed=seed, start=start)
    weights = [descend(x, y, epochs=epochs, batch=8, seed=seed) for epochs in EPOCHS]
    return {
        "distances": np.array([np.linalg.norm(w - least) / np.linalg.norm(least) for w in weights]),
        "elsewhere": float(np.linalg.norm(elsewhere - least) / np.linalg.norm(least)),
        "elsewhere_residual": float(np.abs(x @ elsewhere - y).max()),
        "condition": float(np.linalg.cond(x)),
    }


def runs(scale: Scale) -> list[Task]:
    """All fits, the largest first because it takes longest."""
    fits = [
        Task.of(kernel, source=scale.source, points=points, labels=labels, seed=0)
        for points in reversed(scale.points)
        for labels in LABELS
        if labels == "true" or points <= scale.both_labels_up_to
    ]
    maps = [Task.of(mapped, source=scale.source, points=scale.map_points, features=name, seed=0) for name in MAPS]
    others = [Task.of(digits, labels=labels, seed=0) for labels in LABELS]
    return [*fits, *maps, *others, Task.of(descent, source=scale.source, points=200, seed=0)]


def _by_size(results: Results, value: str) -> pd.DataFrame:
    """A value of the kernels: a row per number of points, a column per kind of labels, NaN where there is no run."""
    return results.of("kernel").table.pivot(index="points", columns="labels", values=value)


def measured(results: Results) -> dict[str, float]:
    """Interpolants generalise, random labels need larger norms, descent finds them, and norms do not order errors."""
    fits, small = results.of("kernel").table, results.of("digits").table.set_index("labels")
    errors, norms = _by_size(results, "test_error")["true"], _by_size(results, "norm")
    both = norms[norms.index <= results.scale.both_labels_up_to]
    maps, descended = results.of("mapped").table.set_index("features"), results.of("descent").one()
    error, norm = (
        {name: values[WIDTHS.index(MATCHED)] for name, values in maps[of].items()} for of in ("errors", "norms")
    )
    found = {
        "digits-fit": small["train_error"].max(skipna=False),
        "digits-error": small["test_error"]["true"],
        "digits-norm": small["norm"]["random"] / small["norm"]["true"],
        "fit": fits["train_error"].max(skipna=False),
        "more-points": np.diff(errors).max(),
        "random-norm": (both["random"] / both["true"]).min(skipna=False),
        "descent": descended["distances"][-1],
        "start": descended["elsewhere"],
        "gabor-error": error["gabor"] / error["pixels"],
        "gabor-norm": norm["gabor"] / norm["pixels"],
        "norms-mislead": misled(*(np.concatenate(maps[of].tolist()).tolist() for of in ("norms", "errors"))),
    }
    return found | ({"mnist": errors[results.scale.largest]} if results.scale.source == "mnist" else {})


def misled(norms: Sequence[float], errors: Sequence[float]) -> float:
    """The share of pairs with different errors in which the smaller norm has the larger error; NaN without pairs."""
    pairs = [
        (norms[i] - norms[j]) * (errors[i] - errors[j])
        for i, j in combinations(range(len(norms)), 2)
        if errors[i] != errors[j]
    ]
    return float(np.mean([product < 0 for product in pairs])) if pairs else float("nan")


def figure(results: Results) -> Figure:
    """Draw error and norm by size, error against norm by feature map, and the descent."""
    drawn, ((error, norm), (cloud, steps)) = subplots(2, 2)
    error.semilogx(100 * _by_size(results, "test_error")["true"], "o-")
    error.set(xlabel="points n", ylabel="test error (%)", title="Every label is fitted, yet the error falls")
    if results.scale.source == "mnist":
        error.axhline(100 * PAPER_ERROR, linestyle="--", color=GREY, label="paper, n = 60,000")
        error.legend()
    error.set_ylim(bottom=0)
    for labels in LABELS:
        norm.loglog(_by_size(results, "norm")[labels].dropna(), "o-", label=f"{labels} labels")
    norm.set(xlabel="points n", ylabel="norm", title="Random labels take more norm")
    norm.legend()
    _draw_maps(cloud, results.of("mapped"))
    distances = results.of("descent").one()["distances"]
    steps.loglog(EPOCHS, np.maximum(distances, 1e-16), "o-")
    steps.set(xlabel="epochs of SGD from zero", ylabel="distance, relative", title="SGD finds the least norm")
    for axis in (error.xaxis, norm.xaxis, norm.yaxis, cloud.xaxis, steps.xaxis):
        _in_words(axis)
    return drawn


def _in_words(axis: Any) -> None:
    """Ticks of a logarithmic axis at 1, 2 and 5, as plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_locator(NullLocator())


def _draw_maps(axes: Any, maps: Results) -> None:
    at = WIDTHS.index(MATCHED)
    for item, colour in zip(maps, COLOURS, strict=False):
        name = item.task.arguments["features"].replace("-", " ")
        axes.semilogx(item["norms"], 100 * item["errors"], "-", color=colour, linewidth=1)
        axes.plot(item["norms"], 100 * item["errors"], "o", ms=4, color=colour, label=name)
        axes.scatter(item["norms"][at], 100 * item["errors"][at], s=90, facecolors="none", edgecolors=colour)
    axes.set(xlabel="norm", ylabel="test error (%)", title="The norm does not order the errors")
    axes.set_ylim(0, axes.get_ylim()[1] * 1.4)
    axes.legend(loc="upper right", ncols=2)


STUDY = Study.load(__file__, runs, measured, figure)
