"""Networks fit random signs of as many points as they have weights for; hyperplanes only up to their dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
from noisewise.studies.harness.drawing import draw_groups
from noisewise.studies.harness.statistics import exact
from noisewise.studies.harness.statistics import mean as average
from noisewise.theory.counting import massart, separable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EPOCHS, RATE = 100, 0.03
INVERSE_STRENGTH = 1e6
NO_SLACK = 1e9
TINY = 1e-30
TICKS = 6


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


def separated(source: str, points: int, draw: int) -> dict[str, Any]:
    """Separate random signs by the hyperplane of largest margin, a support vector machine without slack.

    Points are centred and scaled to root mean square length 1. `margin` is the smallest distance of a point from the
    hyperplane. Twice the margin is the distance between the hulls of the two kinds of points, which is at most that
    between their means, so `bound` is half of that.
    """
    from sklearn.svm import SVC

    rows = sample(source, points, 1)
    positive = _signs(points, draw) == 1
    x = unit(rows.x).reshape(points, -1).astype(np.float64)
    x -= x.mean(axis=0)
    x /= math.sqrt((x**2).sum(axis=1).mean())
    fitted = SVC(C=NO_SLACK, kernel="precomputed", tol=1e-4).fit(x @ x.T, positive)
    weights = fitted.dual_coef_[0] @ x[fitted.support_]
    outputs = x @ weights + fitted.intercept_[0]
    apart = x[positive].mean(axis=0) - x[~positive].mean(axis=0)
    return {
        "margin": float(np.where(positive, outputs, -outputs).min() / np.linalg.norm(weights)),
        "bound": float(np.linalg.norm(apart) / 2),
        "rank": int(np.linalg.matrix_rank(x)),
    }


def network(source: str, points: int, draw: int, model: str) -> dict[str, Any]:
    """Fit random signs by a network, in evaluation mode.

    Returns:
        `correlation`: the mean of sign times sign of the network. `margin`: what sign times output is at 99 % of the
        points or more, an output being half the difference of the two logits. `norm`: the product of the Frobenius
        norms of the layers' weights and of the root mean square length of the inputs, which are scaled to mean square
        1 each. `parameters`: their number.
    """
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
    chances = np.clip(run.predict_proba(rows.x)[:, 1].astype(np.float64), TINY, 1 - TINY)
    reached = (2 * signs - 1) * np.log(chances / (1 - chances)) / 2
    layers = [float(weights.detach().norm()) for weights in run.predictor.parameters() if weights.ndim > 1]
    return {
        "correlation": 2 * float((run.predict(rows.x) == signs).mean()) - 1,
        "margin": float(np.quantile(reached, 0.01)),
        "norm": math.prod(layers) * math.sqrt(math.prod(data.shape)),
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
        Task.of(network, version=2, source=source, points=points, draw=draw, model=name)
        for points in reversed(scale.points)
        for name in scale.models
        for draw in draws
    ]
    planes = [(linear, scale.linear_points), (separated, scale.margin_points)]
    return trained + [
        Task.of(function, source=source, points=points, draw=draw)
        for function, sizes in planes
        for points in sizes
        for draw in draws
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
    margins = results.of("separated").table
    size, mean = planes.index.to_series(), planes["correlation"]
    room, general = nets["parameters"] > nets["points"], size <= planes["d"] + 1
    beyond = size >= results.scale.beyond * planes["d"]
    found = {
        "networks": average(means(nets[room], "draw", "correlation")),
        "fat-hyperplanes": exact((margins["margin"] / margins["bound"]).max(skipna=False)),
        "fat-limited": average([_kept(some) for _, some in nets.groupby(["draw", "model"])]),
        "cover": exact(mean[general].min(skipna=False)),
        "massart": _largest(mean - planes["bound"], planes),
    }
    return found | ({"linear-falls": _largest(mean[beyond], planes)} if beyond.any() else {})


def _kept(nets: pd.DataFrame) -> float:
    """The margin per unit of norm at the most points over that at the fewest, of networks of one kind."""
    limited = (nets["margin"] / nets["norm"]).to_numpy()[nets["points"].to_numpy().argsort()]
    return float(limited[-1] / limited[0])


def _largest(values: pd.Series, planes: pd.DataFrame) -> Estimate:
    """The largest of some values by number of points, with the error of the correlation there."""
    at = int(values.to_numpy().argmax())
    size = values.index[[at]]
    error, draws = (planes.loc[size, column].iloc[0] for column in ("error", "draws"))
    return Estimate(values.iloc[at], error, draws)


def figure(results: Results) -> Figure:
    """Draw the correlation with random signs by size, and the margins that networks and hyperplanes reach."""
    nets = results.of("network").table
    drawn, (signs, margins) = subplots(1, 2)
    _draw_signs(signs, results.of("linear").table, nets)
    _draw_margins(margins, results.of("separated").table, nets)
    return drawn


def _draw_signs(axes: Axes, lines: pd.DataFrame, nets: pd.DataFrame) -> None:
    planes = _by_size(lines)
    axes.errorbar(planes.index, planes["correlation"], planes["error"], fmt="s-", color=COLOURS[0], label="hyperplanes")
    axes.plot(planes["bound"], ":", color=COLOURS[0], label="hyperplanes, bound by counting")
    for (name, some), colour, marker in zip(nets.groupby("model", sort=False), COLOURS[1:], "o^", strict=False):
        net = _by_size(some)
        style: dict[str, Any] = {"fmt": f"{marker}-", "color": colour, "label": name, "mfc": "none", "ms": 9, "lw": 1}
        axes.errorbar(net.index, net["correlation"], net["error"], **style)
    dimensions = int(lines["dimensions"].max())
    axes.axvline(dimensions, linestyle="--", color=GREY, linewidth=1, label=f"n = d = {dimensions:,}")
    _sizes(axes, planes.index.tolist())
    axes.set_ylim(0, 1.06)
    axes.set(ylabel="correlation with signs", title="Fitting random signs")
    axes.legend(loc="lower left", fontsize=8, frameon=True, facecolor="white", edgecolor="none", framealpha=1)


def _draw_margins(axes: Axes, planes: pd.DataFrame, nets: pd.DataFrame) -> None:
    """Margins per unit of norm, with the law of classes of limited norm: one over the root of n."""
    draw_groups(axes, planes, "points", "margin", "D-", color=COLOURS[0], label="hyperplanes, largest margin")
    sizes = sorted({*planes["points"], *nets["points"]})
    axes.plot(sizes, 1 / np.sqrt(sizes), "--", color=GREY, linewidth=1, label="1 / root of n")
    for (name, some), colour, marker in zip(nets.groupby("model", sort=False), COLOURS[1:], "o^", strict=False):
        limited = some.assign(limited=some["margin"] / some["norm"])
        draw_groups(axes, limited, "points", "limited", f"{marker}-", color=colour, mfc="none", label=name)
    axes.set_yscale("log")
    _sizes(axes, sizes)
    axes.set(ylabel="margin per unit of norm", title="Margin on random signs")
    axes.legend(loc="lower left", fontsize=8)


def _sizes(axes: Axes, sizes: Sequence[int]) -> None:
    """A logarithmic axis of points with a tick at every size, or at every second of many."""
    shown = list(sizes)[:: 1 if len(sizes) <= TICKS else 2]
    axes.set_xscale("log")
    axes.set_xticks(shown, [f"{points:,}" for points in shown], fontsize=8.5)
    axes.minorticks_off()
    axes.set_xlabel("points n")


STUDY = Study.load(__file__, runs, measured, figure)
