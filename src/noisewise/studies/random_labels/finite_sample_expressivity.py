"""A network with 2n + d weights fits any labels of n points, and so does a deep one of width O(n / k)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from noisewise.compute import Task
from noisewise.figures import GREY, subplots
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.theory.expressivity import count_weights, memorise, memorise_deep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIMENSIONS = 100
POINTS = {"smoke": (100, 1000, 5000), "cpu": (100, 1000, 5000, 20_000, 50_000)}
DEPTHS = (2, 3, 6, 11, 21)
DEEP_POINTS = {"smoke": 1000, "cpu": 5000}


def fit(points: int, depth: int, seed: int) -> dict[str, Any]:
    """Random class numbers of random points, memorised in `depth` layers: the largest relative error, and the size."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(points, DIMENSIONS)), rng.integers(10, size=points).astype(float)
    net = memorise(x, y, seed) if depth == 2 else memorise_deep(x, y, depth, seed)
    with torch.no_grad():
        error = (net(torch.as_tensor(x)) - torch.as_tensor(y)).abs()
    return {
        "error": float(error.max() / np.abs(y).max()),
        "accuracy": float((error < 0.5).double().mean()),
        "weights": count_weights(net),
        "width": points if depth == 2 else net.width,
    }


def runs(scale: str, source: None, model: None) -> list[Task]:
    """Depth two at all sizes, all depths at one size."""
    wide = [Task.of(fit, points=n, depth=2, seed=0) for n in POINTS[scale]]
    return wide + [Task.of(fit, points=DEEP_POINTS[scale], depth=depth, seed=0) for depth in DEPTHS]


def claims(results: Results) -> list[Claim]:
    """What theorem 1 and its corollary promise, in float64."""
    wide, deep = results.where(depth=2), results.where(points=DEEP_POINTS[results.scale])
    largest = max(results.choices("points"))
    formula = [item["weights"] - 2 * item.task.arguments["points"] - DIMENSIONS for item in wide]
    room = [
        item["width"] - math.ceil(item.task.arguments["points"] / (item.task.arguments["depth"] - 1)) - 3
        for item in deep
        if item.task.arguments["depth"] > 2
    ]
    return [
        Claim("count", "The network has 2n + d weights.", float(np.abs(formula).max()), "==", 0),
        Claim(
            "exact-5000",
            "The error on 5,000 random labels is below a millionth of the largest label.",
            wide.one(points=5000)["error"],
            "<=",
            1e-6,
        ),
        Claim(
            "any-labels",
            f"Every one of {largest:,} points gets its random label.",
            wide.one(points=largest)["accuracy"],
            "==",
            1.0,
        ),
        Claim("width", "With k layers no layer is wider than n / (k - 1) + 3.", float(max(room)), "<=", 0),
        Claim("deep", "All depths fit all labels.", float(deep.numbers("accuracy").min()), "==", 1.0),
    ]


def figure(results: Results) -> Figure:
    """The error by size, and width against depth."""
    wide, deep = results.where(depth=2), results.where(points=DEEP_POINTS[results.scale])
    drawn, (left, right) = subplots(1, 2)
    left.loglog(wide.choices("points"), wide.numbers("error"), "o-")
    left.axhline(np.finfo(np.float64).eps, linestyle="--", color=GREY, label="resolution of float64")
    left.legend()
    left.set(xlabel="points n", ylabel="largest error, relative", title="2n + d weights, two layers (float64)")
    right.semilogy(deep.choices("depth"), deep.numbers("width"), "o-", label="widest layer")
    right.semilogy(deep.choices("depth"), deep.numbers("weights"), "s-", label="weights")
    right.set(xlabel="layers k", title=f"Any depth, n = {DEEP_POINTS[results.scale]:,}")
    right.legend()
    return drawn


STUDY = Study(
    Card(
        name="finite-sample-expressivity",
        title="Two layers and 2n + d weights fit any labels of n points",
        shows="A network is written down, not trained, that gives n random points their random labels. "
        "With k layers the same is done at a width of about n / k.",
        paper="Zhang, Bengio, Hardt, Recht and Vinyals, Understanding Deep Learning Requires Rethinking "
        "Generalization, ICLR",
        year=2017,
        figure="Theorem 1 and its corollary",
        explanation="Project the points to a line, sort them, and let every point start a hinge of its own: the labels "
        "then follow one after the other, each hinge bending the line to its point. That such a network exists for "
        "every labelling means that the size of a network cannot explain why it generalises: any network with more "
        "weights than points could memorise. Errors grow with n because the slopes do, as nearest points lie ever "
        "closer together; that is arithmetic, not theory.",
        departures="The wiring of the deep network is our own. The values are class numbers rather than one output per "
        "class.",
        scales={
            "smoke": "up to 5,000 points, 2 to 21 layers of 1,000 points",
            "cpu": "up to 50,000 points, 2 to 21 layers of 5,000 points",
        },
        budget={"smoke": 10, "cpu": 30},
    ),
    runs,
    claims,
    figure,
)
