"""Very wide two-layer networks learn along the eigenvectors of a matrix that is known before training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.pairs import Pair, pair
from noisewise.theory.wide import Spectrum, TwoLayer, descend_two_layer, infinite_gram, sampled_gram

if TYPE_CHECKING:
    from matplotlib.figure import Figure


LABELS = ("true", "random", "worst")
WIDE, JUDGED = 4096, 100
DRAWS, DRAWN_POINTS = 100_000, 200
SHARE = 0.1
SMALL_START = 0.01


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
            Task.of(trained, labels="random", width=WIDE, kappa=SMALL_START, seed=seed, **given)
            for seed in range(scale.seeds)
        ),
        *(Task.of(known, source=scale.source, seed=seed, **scale.known) for seed in range(scale.seeds)),
    ]


def networks(results: Results) -> tuple[pd.DataFrame, pd.Series]:
    """The mirrored networks, a row each, the narrowest first; and the one that starts small."""
    found = results.of("trained").table.sort_values("width", kind="stable")
    small = found["kappa"] == SMALL_START
    return found[~small], found[small].iloc[0]


def measured(results: Results) -> dict[str, float]:
    """Wider networks follow the prediction more closely; true labels are learned faster than random ones."""
    (nets, small), before = networks(results), results.of("known").one()
    deviation = nets.pivot(index="width", columns="labels", values="deviation")
    widest = nets[nets["width"] == nets["width"].max()].set_index("labels")
    last = widest["real"].map(lambda norms: norms[-1])
    true, random, worst = (float(steps) for steps in before["steps"])
    top = before["energies"][:, : before["energies"].shape[1] // 10].sum(axis=1)
    return {
        "trajectory": deviation[deviation.index >= WIDE].to_numpy().max(),
        "wider": (deviation / deviation.shift()).iloc[1:].to_numpy().max(),
        "small-start": small["deviation"] / deviation.loc[WIDE, "random"],
        "distance": (nets["distance"] / nets["farthest"]).max(skipna=False),
        "order": min(last["random"] - last["true"], last["worst"] - last["random"]),
        "random-slower": random / true,
        "worst-slowest": worst / random,
        "energy": top[0] / top[1],
        "monte-carlo": before["error"],
        "diagonal": before["diagonal"],
        "positive": before["values"][-1],
    }


def figure(results: Results) -> Figure:
    """Draw losses and their predictions, labels along eigenvectors, deviation by width, and the small start."""
    nets, small = networks(results)
    drawn, ((losses, shares), (widths, control)) = subplots(2, 2)
    _draw_losses(losses, nets[nets["width"] == nets["width"].max()])
    energies = results.of("known").one()["energies"]
    for name, colour, row in zip(LABELS, COLOURS, energies, strict=False):
        shares.semilogx(range(1, len(row) + 1), 100 * np.cumsum(row), color=colour, label=name)
    shares.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    shares.set(xlabel="first eigenvectors", ylabel="of the labels, squared (%)", title="Where labels lie")
    shares.set_ylim(-3, 125)
    shares.set_yticks(range(0, 101, 20))
    shares.legend(loc="upper left", ncols=3)
    for name, colour in zip(LABELS, COLOURS, strict=False):
        some = nets[nets["labels"] == name]
        widths.loglog(some["width"], 100 * some["deviation"], "o-", color=colour, label=name)
    widths.plot(WIDE, 100 * small["deviation"], "x", color=GREY, ms=8, mew=2, label="random, small start")
    _plain(widths, sorted(nets["width"].unique()))
    widths.set(xlabel="width m", ylabel=f"deviation up to k = {JUDGED} (%)", title="Wider follows more closely")
    widths.set_ylim(top=widths.get_ylim()[1] * 3)
    widths.legend(loc="upper right", ncols=2)
    lazy = nets[(nets["labels"] == "random") & (nets["width"] == WIDE)].iloc[0]
    _draw_control(control, lazy, small)
    return drawn


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
