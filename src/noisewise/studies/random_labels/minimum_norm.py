"""Interpolation without regularisation: the minimum-norm solution generalises; its norm does not predict how well."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.allowance import Pace, now
from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.files import whole
from noisewise.studies.frame.claim import Estimate
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import sample, unit
from noisewise.studies.harness.drawing import draw_groups, draw_runs
from noisewise.studies.harness.statistics import accuracies, by_seed, mean
from noisewise.theory.filters import MAPS, random_convolution
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
MNIST_TESTS = 10_000
BANK, CELLS = 64, 2  # filters at a time, and cells a side
ROWS = 4096  # of a Gram matrix at a time
KEEP_SECONDS = 600.0  # between two checkpoints


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


def kernel(source: str, points: int, labels: str, seed: int, scratch: Path | None = None) -> dict[str, Any]:
    """A Gaussian kernel on pixels in [0, 1] through all labels, without a regulariser.

    Args:
        source: Of the rows.
        points: Number of rows to fit.
        labels: "true" or "random".
        seed: Random seed of the rows and of random labels.
        scratch: For a checkpoint of the iterations; None keeps none.
    """
    rows = sample(source, points, seed=seed)
    x, test = (MAPS["pixels"](unit(part)) for part in (rows.x, rows.test_x))
    targets = rows.targets(None if labels == "true" else seed)
    kept_in = None if scratch is None else scratch / "iterations.npz"
    found = interpolate(x, targets, GAMMA, ConjugateGradients(steps=STEPS, checkpoint=kept_in))
    return {
        "train_error": float((found(x).argmax(axis=1) != targets.argmax(axis=1)).mean()),
        "test_error": float((found(test).argmax(axis=1) != rows.test_y).mean()),
        "norm": found.norm,
        "residual": found.residual,
        "steps": found.steps,
    }


def convolved(
    source: str, points: int, filters: int, tested: int, seed: int, scratch: Path | None = None
) -> dict[str, Any]:
    """Interpolate linearly on many random convolutions, of which only the Gram matrix is kept, and on pixels.

    The features are `random_convolution` in 2 x 2 cells, `BANK` filters at a time.

    Args:
        source: Of images.
        points: Number of rows to fit.
        filters: Number of random filters, a multiple of `BANK`.
        tested: Number of test rows, at most.
        seed: Random seed of rows and filters.
        scratch: For a checkpoint of the Gram matrix; None keeps none.

    Returns:
        `errors`: of the test rows, on convolutions and on pixels, the latter by a Gaussian kernel of the matched width;
        `train_error`, `steps` and `residual` on convolutions; `tested`: the number of test rows.
    """
    rows = sample(source, points, tested, seed=seed)
    x, test, targets = unit(rows.x), unit(rows.test_x), rows.targets().astype(np.float32)
    gram, across = _convolved_grams(x, test, filters, seed, None if scratch is None else scratch / "grams.npz")
    alpha, steps = ConjugateGradients(steps=STEPS).solve(gram, targets)
    fitted, found = gram @ alpha, across @ alpha
    del gram, across
    flat, test_flat = (MAPS["pixels"](part) for part in (x, test))
    distance = 2 * float(flat.var(axis=0, dtype=np.float64).sum())
    on_pixels = interpolate(flat, targets, MATCHED / distance, ConjugateGradients(steps=STEPS))(test_flat)
    return {
        "errors": np.array([(values.argmax(axis=1) != rows.test_y).mean() for values in (found, on_pixels)]),
        "train_error": float((fitted.argmax(axis=1) != rows.y).mean()),
        "steps": steps,
        "residual": float(np.abs(fitted - targets).max()),
        "tested": len(rows.test_y),
    }


def _convolved_grams(
    x: np.ndarray, test: np.ndarray, filters: int, seed: int, kept_in: Path | None
) -> tuple[np.ndarray, np.ndarray]:
    """(n, n) and (m, n) inner products of the features of n images with each other and with m test images, float32."""
    gram, across = np.zeros((len(x), len(x)), np.float32), np.zeros((len(test), len(x)), np.float32)
    first, pace = 0, Pace()
    if kept_in is not None and kept_in.exists():
        with np.load(kept_in) as state:
            first, gram, across = int(state["bank"]), state["gram"], state["across"]

    def store(bank: int) -> None:
        if kept_in is not None:
            with whole(kept_in) as path, path.open("wb") as file:
                np.savez(file, bank=bank, gram=gram, across=across)

    stored = now()
    for bank in range(first, filters // BANK):
        pace.begin(functools.partial(store, bank))
        if now() - stored > KEEP_SECONDS:
            store(bank)
            stored = now()
        parts = [random_convolution(part, BANK, seed * filters + bank, cells=CELLS) for part in (x, test)]
        for matrix, some in ((gram, parts[0]), (across, parts[1])):
            for start in range(0, len(some), ROWS):
                matrix[start : start + ROWS] += some[start : start + ROWS] @ parts[0].T
    return gram, across


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
    seeds, small = range(scale.seeds), [scale.both_labels_up_to >= points for points in scale.points]
    fits = [
        Task.of(kernel, source=scale.source, points=points, labels=labels, seed=seed)
        for points, few in reversed([*zip(scale.points, small, strict=True)])
        for labels in (LABELS if few else LABELS[:1])
        for seed in (seeds if few else seeds[:1])
    ]
    colours = [Task.of(convolved, seed=seed, **scale.convolved) for seed in seeds[: scale.convolved_seeds]]
    maps = [
        Task.of(mapped, source=scale.source, points=scale.map_points, features=name, seed=seed)
        for name in MAPS
        for seed in seeds
    ]
    others = [Task.of(digits, labels=labels, seed=seed) for labels in LABELS for seed in seeds]
    descents = [Task.of(descent, source=scale.source, points=200, seed=seed) for seed in seeds]
    return [*fits, *colours, *maps, *others, *descents]


def _by_size(results: Results, value: str) -> pd.DataFrame:
    """A value of the kernels, a mean over seeds: a row per number of points, a column per kind of labels."""
    return means(results.of("kernel").table, ["points", "labels"], value).unstack("labels").sort_index()


def measured(results: Results) -> dict[str, Estimate]:
    """Interpolants generalise, random labels need larger norms, descent finds them, and norms do not order errors."""
    found = by_seed(_of_seed, results)
    fits, colours = results.of("kernel").table, results.of("convolved").table
    on_filters, on_pixels = np.stack(colours["errors"].tolist()).T
    found["convolution"] = mean(on_filters / on_pixels)
    if len(colours) == 1:
        found["convolution"] = Estimate(*_ratio(on_filters[0], on_pixels[0], colours["tested"][0]))
    if results.scale.source == "mnist":
        errors = fits.loc[(fits["points"] == results.scale.largest) & (fits["labels"] == "true"), "test_error"]
        found["mnist"] = mean(errors) if len(errors) > 1 else accuracies(errors, MNIST_TESTS)
    if results.scale.name == "paper":
        tested = int(colours["tested"].min())
        found |= {
            "convolution-cifar10": accuracies(on_filters, tested),
            "pixels-cifar10": accuracies(on_pixels, tested),
        }
    return found


def _ratio(p: float, q: float, n: int) -> tuple[float, float, int]:
    """The ratio of two error rates on n rows each, its standard error (as if the rows were others), and n."""
    spread = [float(accuracies(rate, n).error or np.nan) / rate for rate in (p, q)]
    return p / q, p / q * math.hypot(*spread), n


def _of_seed(results: Results) -> dict[str, float]:
    fits, small = results.of("kernel").table, results.of("digits").table.set_index("labels")
    errors, norms = _by_size(results, "test_error")["true"], _by_size(results, "norm")
    both = norms[norms.index <= results.scale.both_labels_up_to]
    maps, descended = results.of("mapped").table.set_index("features"), results.of("descent").one()
    error, norm = (
        {name: values[WIDTHS.index(MATCHED)] for name, values in maps[of].items()} for of in ("errors", "norms")
    )
    return {
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
    fits = results.of("kernel").table
    for labels, style in zip(LABELS, ("o-", "s-"), strict=True):
        some = fits[fits["labels"] == labels]
        if labels == "true":
            draw_groups(error, some, "points", "test_error", style, scale=100, label="on test rows")
        draw_groups(norm, some, "points", "norm", style, label=f"{labels} labels")
    error.axhline(0, linestyle=":", color=GREY, label="on the rows fitted")
    error.set(xscale="log", xlabel="points n", ylabel="error (%)", title="Every label is fitted, yet the error falls")
    if results.scale.source == "mnist":
        error.axhline(100 * PAPER_ERROR, linestyle="--", color=GREY, label="paper, n = 60,000, on test rows")
    error.set_ylim(bottom=-0.2)
    error.legend()
    norm.set(xscale="log", yscale="log", xlabel="points n", ylabel="norm", title="Random labels take more norm")
    norm.legend()
    _draw_maps(cloud, results.of("mapped"))
    distances = [np.maximum(item["distances"], 1e-16) for item in results.of("descent")]
    draw_runs(steps, EPOCHS, distances, "o-", label="start at zero")
    away = float(np.mean([item["elsewhere"] for item in results.of("descent")]))
    steps.axhline(away, linestyle="--", color=GREY, label=f"end from a random start, {EPOCHS[-1]} epochs")
    steps.set(xscale="log", yscale="log", xlabel="epochs of SGD", ylabel="distance from least norm, relative")
    steps.set_title("SGD from zero finds the least norm")
    steps.legend(loc="lower left")
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
    """Error against norm by feature map, a line over widths for the first seed and points for all."""
    at, shapes = WIDTHS.index(MATCHED), "os^"
    for item in maps:
        name = str(item.task.arguments["features"])
        k = list(MAPS).index(name)
        look: dict[str, Any] = {"color": COLOURS[k], "marker": shapes[k], "ms": 4}
        first = item.task.arguments["seed"] == 0
        look |= {"linewidth": 1, "label": name.replace("-", " ")} if first else {"linestyle": "none", "alpha": 0.4}
        axes.semilogx(item["norms"], 100 * item["errors"], **look)
        ring: dict[str, Any] = {"s": 90, "facecolors": "none", "edgecolors": COLOURS[k]}
        if first:
            axes.scatter(item["norms"][at], 100 * item["errors"][at], **ring)
    axes.scatter([], [], s=90, facecolors="none", edgecolors=GREY, label="same relative width")
    axes.set(xlabel="norm, by the kernel's width", ylabel="test error (%)", title="The norm does not order the errors")
    axes.set_ylim(0, axes.get_ylim()[1] * 1.4)
    axes.legend(loc="upper right", ncols=2, fontsize=8)


STUDY = Study.load(__file__, runs, measured, figure)
