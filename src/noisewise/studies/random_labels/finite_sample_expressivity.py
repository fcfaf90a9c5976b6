"""A network with 2n + d weights fits any labels of n points, and so does a deep one of width O(n / k)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from noisewise.compute import Task
from noisewise.figures import GREY, subplots
from noisewise.studies.frame.estimate import Estimate
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.statistics import exact
from noisewise.theory.expressivity import count_weights, memorise, memorise_deep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIMENSIONS = 100


def fit(points: int, depth: int, seed: int) -> dict[str, Any]:
    """Memorise random class numbers of random points in `depth` layers; the largest relative error, and the size."""
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


def runs(scale: Scale) -> list[Task]:
    """Depth two at all sizes, all depths at one size."""
    wide = [Task.of(fit, points=n, depth=2, seed=0) for n in scale.points]
    return wide + [Task.of(fit, points=scale.deep_points, depth=depth, seed=0) for depth in scale.depths]


def _wide_and_deep(results: Results) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The networks of two layers by size, and those of all depths at one size."""
    deep = results.where(points=results.scale.deep_points).table.sort_values("depth")
    return results.where(depth=2).table.set_index("points", drop=False).sort_index(), deep


def measured(results: Results) -> dict[str, Estimate]:
    """The statements of theorem 1 and its corollary, in float64."""
    wide, deep = _wide_and_deep(results)
    deeper = deep[deep["depth"] > 2]
    room = deeper["width"] - np.ceil(deeper["points"] / (deeper["depth"] - 1)) - 3
    found = {
        "count": (wide["weights"] - 2 * wide["points"] - DIMENSIONS).abs().max(skipna=False),
        "exact-5000": wide["error"][5000],
        "any-labels": wide["accuracy"][results.scale.largest],
        "width": room.max(skipna=False),
        "deep": deep["accuracy"].min(skipna=False),
    }
    return {name: exact(value) for name, value in found.items()}


def figure(results: Results) -> Figure:
    """Draw the error by size, and width against depth."""
    wide, deep = _wide_and_deep(results)
    drawn, (left, right) = subplots(1, 2)
    left.loglog(wide["error"], "o-", label="largest error over the points")
    left.axhline(np.finfo(np.float64).eps, linestyle="--", color=GREY, label="resolution of float64")
    left.legend(loc="center right")
    left.set(xlabel="points n", ylabel="largest error, relative", title="2n + d weights, two layers (float64)")
    right.semilogy(deep["depth"], deep["width"], "o-", label="units of the widest layer")
    right.semilogy(deep["depth"], deep["weights"], "s-", label="weights of the network")
    right.set(
        xlabel="layers k", ylabel="number of units or weights", title=f"Any depth, n = {results.scale.deep_points:,}"
    )
    right.legend()
    return drawn


STUDY = Study.load(__file__, runs, measured, figure)
