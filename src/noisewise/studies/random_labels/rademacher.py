"""Networks fit random signs of any number of points that they have weights for; hyperplanes stop at their dimension."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.compute import Task
from noisewise.data import Dataset
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.models import build
from noisewise.models.build import parameter_count
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.data import sample, unit
from noisewise.theory.counting import massart, separable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SOURCES = {"smoke": "digits", "cpu": "fashion-mnist"}
MODELS = {"smoke": ("mlp:512",), "cpu": ("mlp:512", "lenet")}
POINTS = {"smoke": (55, 120, 250), "cpu": (200, 700, 1500, 3000)}
LINEAR_POINTS = {"smoke": (15, 55, 120, 250, 500, 1400), "cpu": (200, 700, 1500, 3000, 6000, 12_000)}
DRAWS = {"smoke": 2, "cpu": 3}
EPOCHS, RATE = 100, 0.03
BEYOND = 3.5
INVERSE_STRENGTH = 1e6


def linear(source: str, points: int, draw: int) -> dict[str, Any]:
    """Random signs of flattened inputs, fitted by a hyperplane: logistic regression with next to no penalty.

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
    """Random signs fitted by a network: the mean of sign times sign of the network, in evaluation mode."""
    from noisewise.run.train import train

    rows = sample(source, points, 1)
    signs = _signs(points, draw)
    data = Dataset(rows.x, signs, ("minus", "plus"), "image" if rows.kind == "image" else "vector", name=source)
    run = train(
        data,
        model=model,
        epochs=EPOCHS,
        seed=draw,
        lr=RATE,
        batch_size=min(128, max(32, points // 12)),
        validation=0.0,
        weight_decay=0.0,
        augment="none",
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


def runs(scale: str, source: str | None, model: str | None) -> list[Task]:
    """Networks first: they take longest."""
    data, draws = source or SOURCES[scale], range(DRAWS[scale])
    nets = [model] if model else MODELS[scale]
    trained = [
        Task.of(network, source=data, points=points, draw=draw, model=name)
        for points in reversed(POINTS[scale])
        for name in nets
        for draw in draws
    ]
    return trained + [
        Task.of(linear, source=data, points=points, draw=draw) for points in LINEAR_POINTS[scale] for draw in draws
    ]


def _curve(some: Results) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Sizes, mean correlations, and their standard errors over draws."""
    sizes = sorted(some.choices("points"))
    found = [some.where(points=points).numbers("correlation") for points in sizes]
    errors = [values.std(ddof=1) / math.sqrt(len(values)) for values in found]
    return sizes, np.array([values.mean() for values in found]), np.array(errors)


def claims(results: Results) -> list[Claim]:
    """Networks stay at one; hyperplanes are at one up to their dimension and one, then fall, below the bound."""
    planes, nets = results.of("linear"), results.of("network")
    sizes, means, _ = _curve(planes)
    by_size = [planes.where(points=points) for points in sizes]
    dimensions = [min(some.numbers("dimensions")) for some in by_size]
    general = [i for i, points in enumerate(sizes) if points <= dimensions[i] + 1]
    beyond = [i for i, points in enumerate(sizes) if points >= BEYOND * dimensions[i]]
    rooms = [item["correlation"] for item in nets if item["parameters"] > item.task.arguments["points"]]
    found = [
        Claim(
            "networks",
            "Networks with more weights than points correlate with random signs at 0.98 or more, in every draw.",
            min(rooms) if rooms else None,
            ">=",
            0.98,
        ),
        Claim(
            "cover",
            "Hyperplanes fit all signs of up to d + 1 points, d being the rank of the points.",
            float(means[general].min()) if general else None,
            "==",
            1.0,
        ),
        Claim(
            "massart",
            "At no size do hyperplanes exceed the bound from counting (largest excess of the mean over it).",
            float(max(means[i] - by_size[i].mean("bound") for i in range(len(sizes)))),
            "<=",
            0.0,
        ),
    ]
    if beyond:
        statement = f"From n = {BEYOND:g} d on, hyperplanes fall below 0.9."
        found.append(Claim("linear-falls", statement, float(means[beyond].max()), "<", 0.9))
    return found


def figure(results: Results) -> Figure:
    """Correlation with random signs by size: networks, hyperplanes, and the bound for hyperplanes."""
    planes, nets = results.of("linear"), results.of("network")
    drawn, axes = subplots()
    sizes, means, errors = _curve(planes)
    bounds = [planes.where(points=points).mean("bound") for points in sizes]
    axes.errorbar(sizes, means, errors, fmt="s-", color=COLOURS[0], label="hyperplanes")
    axes.plot(sizes, bounds, ":", color=COLOURS[0], label="their bound")
    for name, colour, marker in zip(nets.choices("model"), COLOURS[1:], "o^", strict=False):
        some, found, spread = _curve(nets.where(model=name))
        axes.errorbar(some, found, spread, fmt=marker + "-", color=colour, label=name, mfc="none", ms=9, lw=1)
    axes.axvline(max(planes.numbers("dimensions")), linestyle="--", color=GREY, linewidth=1, label="n = d")
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{points:,}" for points in sizes], fontsize=8.5)
    axes.minorticks_off()
    axes.set_ylim(0, 1.06)
    axes.set(xlabel="points n", ylabel="correlation with signs", title="Fitting random signs")
    axes.legend(loc="lower left", frameon=True, facecolor="white", edgecolor="none", framealpha=1)
    return drawn


STUDY = Study(
    Card(
        name="rademacher",
        title="Networks fit random signs at every size tried; hyperplanes only up to their dimension",
        shows="Every point gets a random sign, and a network is trained to reproduce them: how well it does bounds its "
        "Rademacher complexity from below. For networks that is one at all sizes, while for hyperplanes it falls once "
        "there are more points than dimensions.",
        paper="Zhang, Bengio, Hardt, Recht and Vinyals, Understanding Deep Learning Requires Rethinking "
        "Generalization, ICLR",
        year=2017,
        figure="Section 2.2",
        explanation="The empirical Rademacher complexity is the mean, over random signs, of the best correlation that "
        "a class of functions reaches with them. Bounds on the generalisation error that rest on it say nothing once "
        "it is one. Counting tells where that ends for hyperplanes: n points in general position in d dimensions can "
        "be split in all ways up to n = d + 1, in half of them at n = 2 (d + 1), and in ever fewer beyond (Cover "
        "1965); the number of ways bounds the complexity from above (Massart's lemma).",
        departures="The paper infers this from its fits of ten random classes; here signs are drawn and fitted. What "
        "is measured is what training finds, a lower bound of the best. Networks are small, on up to 3,000 points, and "
        "the first two signs differ so that both occur.",
        scales={
            "smoke": "digits, up to 250 points for a network and 1,400 for hyperplanes, 2 draws",
            "cpu": "Fashion-MNIST, up to 3,000 points for two networks and 12,000 for hyperplanes, 3 draws",
        },
        budget={"smoke": 40, "cpu": 600},
        takes=("source", "model"),
    ),
    runs,
    claims,
    figure,
)
