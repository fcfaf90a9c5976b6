"""Networks fit random signs of as many points as they have weights for; hyperplanes only up to their dimension."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.data import Dataset
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.models import build
from noisewise.models.build import parameter_count
from noisewise.studies.frame.estimate import Estimate
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import sample, unit
from noisewise.studies.harness.statistics import exact
from noisewise.studies.harness.statistics import mean as average
from noisewise.theory.counting import massart, separable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EPOCHS, RATE = 100, 0.03
INVERSE_STRENGTH = 1e6


def linear(source: str, points: int, draw: int) -> dict[str, Any]:
    """Fit random signs of flattened inputs by a hyperplane: logistic regression with almost no penalty.

    Inputs are turned and scaled to their left singular vectors, which leaves the class of hyperplanes as it is and
    makes the fit easy. `dimensions` is the rank: that of the space in which the points lie.
    """
    from sklearn.linear_model import LogisticRegression

    rows = sample(source, points, 1)
    signs = _signs(points, draw)
    x = unit(rows.x).reshape(points, -1).astype(np.float64)
    vectors, sizes, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    rank = int((sizes > 1e-10 * sizes[0]).sum())
    turned = vectors[:, :rank] * math.sqrt(points)
    fitted = LogisticRegression(C=INVERSE_STRENGTH, max_iter=2000, tol=1e-6).fit(turned, signs)
    return {
        "correlation": 2 * float(fitted.score(turned, signs)) - 1,
        "parameters": x.shape[1] + 1,
        "dimensions": rank,
        "separable": separable(points, rank),
        "bound": massart(points, rank),
    }


def network(source: str, points: int, draw: int, model: str) -> dict[str, Any]:
    """Fit random signs by a network; returns the mean of sign times sign of the network, in evaluation mode."""
    from noisewise.run.train import train

    rows = sample(source, points, 1)
    signs = _signs(points, draw)
    data = Dataset(rows.x, signs, ("minus", "plus"), "image" if rows.kind == "image" else "vector", name=source)
    run = train(
        data,
        method="ce",
        model=model,
        epochs=EPOCHS,
        seed=draw,
        lr=RATE,
        batch_size=min(128, max(32, points // 12)),
        validation=0.0,
        weight_decay=0.0,
        augment="none",
        precision="fp32",
    )
    right = run.predict(rows.x) == signs
    return {
        "correlation": 2 * float(right.mean()) - 1,
        "parameters": parameter_count(build(model, data.shape, 2)),
    }


def _signs(points: int, draw: int) -> np.ndarray:
    """(n,) 0 for minus and 1 for plus, either with probability one half; both occur."""
    signs = np.random.default_rng([draw, points]).integers(2, size=points)
    signs[:2] = signs[0], 1 - signs[0]
    return signs


def runs(scale: Scale) -> list[Task]:
    """All runs, networks first because they take longest."""
    source, draws = scale.source, range(scale.draws)
    trained = [
        Task.of(network, source=source, points=points, draw=draw, model=name)
        for points in reversed(scale.points)
        for name in scale.models
        for draw in draws
    ]
    return trained + [
        Task.of(linear, source=source, points=points, draw=draw) for points in scale.linear_points for draw in draws
    ]


def _by_size(runs: pd.DataFrame) -> pd.DataFrame:
    """By number of points the mean correlation and its `error` over `draws`; of hyperplanes `d` and `bound`."""
    by = runs.groupby("points")
    found = pd.DataFrame({"correlation": means(runs, "points", "correlation"), "error": by["correlation"].sem()})
    found["draws"] = by.size()
    if "bound" not in runs:
        return found
    ranks = by["dimensions"].agg(lambda values: values.min(skipna=False))
    return found.assign(d=ranks, bound=means(runs, "points", "bound"))


def measured(results: Results) -> dict[str, Estimate]:
    """Networks stay at one; hyperplanes are at one up to their dimension and one, then fall, below the bound."""
    planes, nets = _by_size(results.of("linear").table), results.of("network").table
    size, mean = planes.index.to_series(), planes["correlation"]
    room, general = nets["parameters"] > nets["points"], size <= planes["d"] + 1
    beyond = size >= results.scale.beyond * planes["d"]
    found = {
        "networks": average(means(nets[room], "draw", "correlation")),
        "cover": exact(mean[general].min(skipna=False)),
        "massart": _largest(mean - planes["bound"], planes),
    }
    return found | ({"linear-falls": _largest(mean[beyond], planes)} if beyond.any() else {})


def _largest(values: pd.Series, planes: pd.DataFrame) -> Estimate:
    """The largest of some values by number of points, with the error of the correlation there."""
    at = int(values.to_numpy().argmax())
    size = values.index[[at]]
    error, draws = (planes.loc[size, column].iloc[0] for column in ("error", "draws"))
    return Estimate(values.iloc[at], error, draws)


def figure(results: Results) -> Figure:
    """Draw the correlation with random signs by size: networks, hyperplanes, and the bound for hyperplanes."""
    lines, nets = results.of("linear").table, results.of("network").table
    drawn, axes = subplots()
    planes = _by_size(lines)
    axes.errorbar(planes.index, planes["correlation"], planes["error"], fmt="s-", color=COLOURS[0], label="hyperplanes")
    axes.plot(planes["bound"], ":", color=COLOURS[0], label="their bound")
    for (name, some), colour, marker in zip(nets.groupby("model", sort=False), COLOURS[1:], "o^", strict=False):
        net = _by_size(some)
        style = {"fmt": f"{marker}-", "color": colour, "label": name, "mfc": "none", "ms": 9, "lw": 1}
        axes.errorbar(net.index, net["correlation"], net["error"], **style)
    axes.axvline(lines["dimensions"].max(), linestyle="--", color=GREY, linewidth=1, label="n = d")
    axes.set_xscale("log")
    axes.set_xticks(planes.index, [f"{points:,}" for points in planes.index], fontsize=8.5)
    axes.minorticks_off()
    axes.set_ylim(0, 1.06)
    axes.set(xlabel="points n", ylabel="correlation with signs", title="Fitting random signs")
    axes.legend(loc="lower left", frameon=True, facecolor="white", edgecolor="none", framealpha=1)
    return drawn


STUDY = Study.load(__file__, runs, measured, figure)
