"""Very wide two-layer networks learn along the eigenvectors of a matrix that is known before training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.claim import Estimate
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.drawing import draw_groups, draw_runs
from noisewise.studies.harness.pairs import Pair, pair
from noisewise.studies.harness.statistics import by_seed, exact, mean
from noisewise.theory.wide import Spectrum, TwoLayer, descend_two_layer, infinite_gram, sampled_gram

if TYPE_CHECKING:
    from matplotlib.figure import Figure


LABELS = ("true", "random", "worst")
WIDE, JUDGED = 4096, 100
DRAWS, DRAWN_POINTS = 100_000, 200
SHARE = 0.1
SMALL_START = 0.01
FITTED = 1e-3  # share of the loss at the start


def known(source: str, points: int, seed: int) -> dict[str, Any]:
    """What is known before training: the spectrum of H, and the energies of labels in it.

    `energies` are the shares of labels (3, n) along the eigenvectors, `steps` (3,) those to a tenth of the loss at a
    rate of one over the largest eigenvalue. `error` is of a Monte Carlo estimate of H on the first 200 points.
    """
    rows = pair(source, points, seed=seed)
    gram = infinite_gram(rows.x)
    spectrum = Spectrum.of(gram)
    rate = 1 / float(spectrum.values[0])
    labels = [_labels(name, rows, spectrum, seed) for name in LABELS]
    few = rows.x[:DRAWN_POINTS]
    complexities = [spectrum.complexity(y) for y in labels]
    return {
        "energies": np.array([spectrum.energies(y) for y in labels]),
        "steps": np.array([spectrum.steps_to(y, rate, SHARE) for y in labels]),
        "complexities": np.array([found.value for found in complexities]),
        "clipped": complexities[0].clipped,
        "error": float(np.abs(sampled_gram(few, DRAWS, seed) - gram[:DRAWN_POINTS, :DRAWN_POINTS]).max()),
        "diagonal": float(np.abs(np.diag(gram) - 0.5).max()),
        "values": spectrum.values,
        "dropped": rows.dropped,
    }


def trained(source: str, points: int, labels: str, width: int, kappa: float, steps: int, seed: int) -> dict[str, Any]:
    """Train a network by full gradient descent, and predict it; with kappa = 1 it starts mirrored, else as drawn."""
    rows = pair(source, points, seed=seed)
    spectrum = Spectrum.of(infinite_gram(rows.x))
    y = _labels(labels, rows, spectrum, seed)
    rate = 1 / float(spectrum.values[0])
    net = TwoLayer(width, kappa, mirrored=kappa == 1, seed=seed)
    found = descend_two_layer(rows.x, y, net, rate=rate, steps=steps)
    predicted = spectrum.residual_norms(y, rate, range(steps + 1))
    off = np.abs(found.residual_norms / predicted - 1)
    return {
        "real": found.residual_norms,
        "predicted": predicted,
        "deviation": float(off[: JUDGED + 1].max()),
        "last_deviation": float(off[-1]),
        "distance": found.distance,
        "predicted_distance": spectrum.distance(y, rate, steps),
        "farthest": float(np.sqrt(spectrum.complexity(y).value ** 2 * len(y) / 2)),
    }


def _labels(name: str, rows: Pair, spectrum: Spectrum, seed: int) -> np.ndarray:
    return {"true": rows.y, "random": rows.random(seed), "worst": spectrum.worst}[name]


def runs(scale: Scale) -> list[Task]:
    """All runs, the widest networks first because they take longest."""
    given: dict[str, Any] = {"source": scale.source, "points": scale.points, "steps": scale.steps}
    return [
        *(
            Task.of(trained, labels=labels, width=width, kappa=1.0, seed=seed, **given)
            for width in reversed(scale.widths)
            for labels in LABELS
            for seed in range(scale.seeds)
        ),
        *(
            Task.of(trained, source=scale.source, labels="random", kappa=1.0, seed=seed, **scale.fitted)
            for seed in range(scale.fits)
        ),
        *(
            Task.of(trained, labels="random", width=WIDE, kappa=SMALL_START, seed=seed, **given)
            for seed in range(scale.seeds)
        ),
        *(Task.of(known, source=scale.source, seed=seed, **scale.known) for seed in range(scale.seeds)),
    ]


def networks(results: Results) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The mirrored networks, a row each, the narrowest first; those that start small; those that fit random labels."""
    found = results.of("trained").table.sort_values("width", kind="stable")
    small, long = found["kappa"] == SMALL_START, found["steps"] != results.scale.steps
    return found[~small & ~long], found[small], found[long]


def measured(results: Results) -> dict[str, Estimate]:
    """Wider networks follow the prediction more closely; true labels are learned faster than random ones."""
    diagonal = results.of("known").table["diagonal"].max(skipna=False)
    fitted = networks(results)[2]
    # More seeds fit random labels than are trained at every width.
    shared = tuple(item for item in results if item.task.arguments["seed"] < results.scale.seeds)
    real, predicted = ([_losses(norms) for norms in fitted[name]] for name in ("real", "predicted"))
    return {
        **by_seed(_measured, Results(results.scale, shared)),
        "zero": mean([losses[-1] for losses in real]),
        "zero-steps": mean([_fell(losses) / _fell(closed) for losses, closed in zip(real, predicted, strict=True)]),
        "diagonal": exact(diagonal),
    }


def _measured(results: Results) -> dict[str, float]:
    """Those of one seed."""
    (nets, small, _), before = networks(results), results.of("known").one()
    deviation = nets.pivot(index="width", columns="labels", values="deviation")
    widest = nets[nets["width"] == nets["width"].max()].set_index("labels")
    last = widest["real"].map(lambda norms: norms[-1])
    true, random, worst = (float(steps) for steps in before["steps"])
    top = before["energies"][:, : before["energies"].shape[1] // 10].sum(axis=1)
    return {
        "trajectory": deviation[deviation.index >= WIDE].to_numpy().max(),
        "wider": float(np.exp(np.diff(np.log(deviation.to_numpy()), axis=0).mean())),
        "small-start": small["deviation"].iloc[0] / deviation.loc[WIDE, "random"],
        "distance": (nets["distance"] / nets["farthest"]).max(skipna=False),
        "order": min(last["random"] - last["true"], last["worst"] - last["random"]),
        "random-slower": random / true,
        "worst-slowest": worst / random,
        "energy": top[0] / top[1],
        "monte-carlo": before["error"],
        "positive": before["values"][-1],
    }


def _losses(norms: np.ndarray) -> np.ndarray:
    """(steps + 1,) the squared loss, relative to that at the start."""
    return np.asarray((norms / norms[0]) ** 2)


def _fell(losses: np.ndarray) -> float:
    """The first step at which a loss is at most `FITTED` of that at the start; NaN if there is none."""
    there = losses <= FITTED
    return float(there.argmax()) if there.any() else float("nan")


def figure(results: Results) -> Figure:
    """Draw losses and predictions, random labels until fitted, labels along eigenvectors, and deviation by width."""
    nets, small, fitted = networks(results)
    first = nets[nets["seed"] == 0]
    drawn, ((losses, zero, shares), (widths, control, distances)) = subplots(2, 3)
    _draw_losses(losses, first[first["width"] == first["width"].max()])
    _draw_zero(zero, fitted)
    energies = [one["energies"] for one in results.of("known")]
    for k, (name, colour) in enumerate(zip(LABELS, COLOURS, strict=False)):
        sums = [np.cumsum(rows[k]) for rows in energies]
        size = min(map(len, sums))
        draw_runs(shares, range(1, size + 1), [one[:size] for one in sums], scale=100, color=colour, label=name)
    shares.set_xscale("log")
    shares.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    shares.set(xlabel="first eigenvectors", ylabel="of the labels, squared (%)", title="Where labels lie")
    shares.set_ylim(-3, 125)
    shares.set_yticks(range(0, 101, 20))
    shares.legend(loc="upper left", ncols=3)
    for name, colour in zip(LABELS, COLOURS, strict=False):
        some = nets[nets["labels"] == name]
        draw_groups(widths, some, "width", "deviation", scale=100, color=colour, label=name)
        draw_groups(distances, some, "width", "distance", color=colour, label=name)
        distances.axhline(some["farthest"].mean(), linestyle="--", color=colour, linewidth=1)
    widths.plot(WIDE, 100 * small["deviation"].mean(), "x", color=GREY, ms=8, mew=2, label="random, small start")
    widths.set(xscale="log", yscale="log")
    _plain(widths, sorted(nets["width"].unique()))
    widths.set(xlabel="width m", ylabel=f"deviation up to k = {JUDGED} (%)", title="Wider follows more closely")
    widths.set_ylim(top=widths.get_ylim()[1] * 3)
    widths.legend(loc="upper right", ncols=2, fontsize=8)
    distances.plot([], [], "--", color=GREY, label="bound for that colour")
    distances.set(xscale="log", yscale="log", xlabel="width m", ylabel="|W(k) - W(0)|", title="How far weights move")
    distances.set_ylim(top=distances.get_ylim()[1] * 3)
    _plain(distances, sorted(nets["width"].unique()))
    distances.legend(loc="upper right", ncols=2, fontsize=8)
    lazy = first[(first["labels"] == "random") & (first["width"] == WIDE)].iloc[0]
    _draw_control(control, lazy, small.iloc[0])
    return drawn


def _draw_zero(axes: Any, fitted: pd.DataFrame) -> None:
    for values, line, colour, label in (("real", "-", COLOURS[1], "real"), ("predicted", "--", GREY, "predicted")):
        for k, (_, item) in enumerate(fitted.iterrows()):
            axes.semilogy(_losses(item[values]), line, color=colour, label=label if not k else None)
    axes.axhline(FITTED, linestyle=":", color=GREY, label="a thousandth")
    width = fitted["width"].max()
    axes.set(
        xlabel="steps k", ylabel="loss, relative", title=f"Random labels of {_points(fitted)} points (m = {width:,})"
    )
    axes.legend(loc="lower left")


def _points(fitted: pd.DataFrame) -> int:
    return int(fitted["points"].iloc[0])


def _draw_losses(axes: Any, widest: pd.DataFrame) -> None:
    for (_, item), colour in zip(widest.iterrows(), COLOURS, strict=False):
        for values, line in ((item["real"], "-"), (item["predicted"], "--")):
            label = item["labels"] if line == "-" else None
            axes.plot((values / item["real"][0]) ** 2, line, color=colour, label=label)
    axes.plot([], [], "--", color=GREY, label="predicted")
    axes.set_ylim(0, 1.32)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    width = widest["width"].max()
    axes.set(xlabel="steps k", ylabel="loss, relative", title=f"True, random, worst labels (m = {width:,})")
    axes.legend(loc="upper right", ncols=2)


def _draw_control(axes: Any, lazy: pd.Series, small: pd.Series) -> None:
    axes.plot(lazy["predicted"], "--", color=GREY, label="predicted")
    axes.plot(lazy["real"], color=COLOURS[0], label="real, kappa = 1")
    axes.plot(small["real"], color=COLOURS[4], label=f"real, kappa = {SMALL_START}")
    axes.set(xlabel="steps k", ylabel="|y - u(k)|", title="Random labels, small initial weights")
    axes.legend()


def _plain(axes: Any, ticks: list[int]) -> None:
    """Ticks at the widths, and plain numbers on a logarithmic axis of values."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())


STUDY = Study.load(__file__, runs, measured, figure)
