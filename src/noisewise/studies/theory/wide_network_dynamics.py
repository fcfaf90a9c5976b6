"""Very wide two-layer networks learn along the eigenvectors of a matrix that is known before training."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.pairs import Pair, pair
from noisewise.theory.wide import Spectrum, descend_two_layer, infinite_gram, sampled_gram

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from noisewise.compute import Result

LABELS = ("true", "random", "worst")
SOURCES = {"smoke": "digits", "cpu": "fashion-mnist"}
KNOWN_POINTS = {"smoke": 250, "cpu": 2000}
POINTS = {"smoke": 100, "cpu": 200}
WIDTHS = {"smoke": (256, 1024, 4096), "cpu": (256, 1024, 4096, 16_384)}
STEPS = {"smoke": 120, "cpu": 400}
WIDE, JUDGED = 4096, 100
DRAWS, DRAWN_POINTS = 100_000, 200
SHARE = 0.1
SMALL_START = 0.01


def known(source: str, points: int, seed: int) -> dict[str, Any]:
    """What is known before training: the spectrum of H, and how labels lie in it.

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
    """A network by full gradient descent, and the prediction; with kappa = 1 it starts mirrored, else as drawn."""
    rows = pair(source, points, seed=seed)
    spectrum = Spectrum.of(infinite_gram(rows.x))
    y = _labels(labels, rows, spectrum, seed)
    rate = 1 / float(spectrum.values[0])
    found = descend_two_layer(
        rows.x, y, width=width, rate=rate, steps=steps, kappa=kappa, mirrored=kappa == 1, seed=seed
    )
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


def runs(scale: str, source: str | None, model: None) -> list[Task]:
    """The widest networks first: they take longest."""
    data = source or SOURCES[scale]
    given: dict[str, Any] = {"points": POINTS[scale], "steps": STEPS[scale], "seed": 0}
    nets = [
        Task.of(trained, source=data, labels=labels, width=width, kappa=1.0, **given)
        for width in reversed(WIDTHS[scale])
        for labels in LABELS
    ]
    control = Task.of(trained, source=data, labels="random", width=WIDE, kappa=SMALL_START, **given)
    return [*nets, control, Task.of(known, source=data, points=KNOWN_POINTS[scale], seed=0)]


def _growth(nets: Results) -> float:
    """The largest ratio of the deviation at a width to that at the next smaller one, over labels."""
    by_label = [sorted(nets.where(labels=name), key=lambda item: _argument(item, "width")) for name in LABELS]
    return max(after["deviation"] / before["deviation"] for some in by_label for before, after in pairwise(some))


def _argument(item: Result, name: str) -> Any:
    return item.task.arguments[name]


def claims(results: Results) -> list[Claim]:
    """Networks follow the prediction, the better the wider; true labels are learnt faster than random ones."""
    nets, before = results.of("trained").where(kappa=1.0), results.of("known").one()
    widest = nets.where(width=max(nets.choices("width")))
    last = {name: float(widest.one(labels=name)["real"][-1]) for name in LABELS}
    control = results.of("trained").one(kappa=SMALL_START)
    return [
        Claim(
            "trajectory",
            f"With {WIDE:,} units or more, |y - u(k)| is within 5 % of its prediction for {JUDGED} steps, all labels.",
            max(item["deviation"] for item in nets if _argument(item, "width") >= WIDE),
            "<=",
            0.05,
        ),
        Claim(
            "wider",
            "Every larger width follows more closely, for all labels (largest ratio of one deviation to the last).",
            _growth(nets),
            "<",
            1.0,
        ),
        Claim(
            "small-start",
            f"From weights a hundredth as large and not mirrored, {WIDE:,} units deviate at least twice as much "
            "(ratio, random labels).",
            control["deviation"] / nets.one(labels="random", width=WIDE)["deviation"],
            ">=",
            2.0,
        ),
        Claim(
            "distance",
            "No network's weights move farther than the root of y H^-1 y (largest ratio).",
            max(item["distance"] / item["farthest"] for item in nets),
            "<=",
            1.0,
        ),
        Claim(
            "order",
            "At the end of training the widest networks have the least left of true and the most of worst labels "
            "(smaller difference of the two).",
            min(last["random"] - last["true"], last["worst"] - last["random"]),
            ">",
            0.0,
        ),
        *_about_labels(before),
        *_about_gram(before),
    ]


def _about_labels(before: Result) -> list[Claim]:
    true, random, worst = (float(steps) for steps in before["steps"])
    top = before["energies"][:, : before["energies"].shape[1] // 10].sum(axis=1)
    return [
        Claim(
            "random-slower",
            "To a tenth of the loss random labels are predicted to need at least twice the steps of true ones (ratio).",
            random / true,
            ">=",
            2.0,
        ),
        Claim("worst-slowest", "The worst labels need more steps than random ones (ratio).", worst / random, ">", 1.0),
        Claim(
            "energy",
            "The first tenth of the eigenvectors holds at least five times as much of true labels as of random ones.",
            float(top[0] / top[1]),
            ">=",
            5.0,
        ),
    ]


def _about_gram(before: Result) -> list[Claim]:
    return [
        Claim(
            "monte-carlo",
            f"The closed form of H is within 0.01 of its estimate from {DRAWS:,} draws, everywhere.",
            before["error"],
            "<=",
            0.01,
        ),
        Claim("diagonal", "The diagonal of H is one half (largest error).", before["diagonal"], "<=", 1e-12),
        Claim("positive", "The least eigenvalue of H is above zero.", float(before["values"][-1]), ">", 0.0),
    ]


def figure(results: Results) -> Figure:
    """Losses and their predictions, labels along eigenvectors, deviation by width, and the small start."""
    nets = results.of("trained").where(kappa=1.0)
    drawn, ((losses, shares), (widths, control)) = subplots(2, 2)
    _draw_losses(losses, nets.where(width=max(nets.choices("width"))))
    energies = results.of("known").one()["energies"]
    for name, colour, row in zip(LABELS, COLOURS, energies, strict=False):
        shares.semilogx(range(1, len(row) + 1), 100 * np.cumsum(row), color=colour, label=name)
    shares.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    shares.set(xlabel="first eigenvectors", ylabel="of the labels, squared (%)", title="Where labels lie")
    shares.set_ylim(-3, 125)
    shares.set_yticks(range(0, 101, 20))
    shares.legend(loc="upper left", ncols=3)
    for name, colour in zip(LABELS, COLOURS, strict=False):
        some = sorted(nets.where(labels=name), key=lambda item: _argument(item, "width"))
        found = [100 * item["deviation"] for item in some]
        widths.loglog([_argument(item, "width") for item in some], found, "o-", color=colour, label=name)
    small = results.of("trained").one(kappa=SMALL_START)
    widths.plot(WIDE, 100 * small["deviation"], "x", color=GREY, ms=8, mew=2, label="random, small start")
    _plain(widths, nets.choices("width"))
    widths.set(xlabel="width m", ylabel=f"deviation up to k = {JUDGED} (%)", title="Wider follows more closely")
    widths.set_ylim(top=widths.get_ylim()[1] * 3)
    widths.legend(loc="upper right", ncols=2)
    _draw_control(control, nets.one(labels="random", width=WIDE), small)
    return drawn


def _draw_losses(axes: Any, widest: Results) -> None:
    for name, colour in zip(LABELS, COLOURS, strict=False):
        item = widest.one(labels=name)
        for values, line in ((item["real"], "-"), (item["predicted"], "--")):
            axes.plot((values / item["real"][0]) ** 2, line, color=colour, label=name if line == "-" else None)
    axes.plot([], [], "--", color=GREY, label="predicted")
    axes.set_ylim(0, 1.32)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    width = _argument(widest.items[0], "width")
    axes.set(xlabel="steps k", ylabel="loss, relative", title=f"True, random, worst labels (m = {width:,})")
    axes.legend(loc="upper right", ncols=2)


def _draw_control(axes: Any, lazy: Result, small: Result) -> None:
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


STUDY = Study(
    Card(
        name="wide-network-dynamics",
        title="How fast a very wide network learns its labels can be computed before it is trained",
        shows="The loss of wide two-layer networks under gradient descent follows a closed form, the more closely the "
        "wider they are. In it true labels lie along the directions that are learnt first, random labels lie "
        "everywhere, and the worst labels along the last.",
        paper="Arora, Du, Hu, Li and Wang, Fine-Grained Analysis of Optimization and Generalization for "
        "Overparameterized Two-Layer Neural Networks, ICML",
        year=2019,
        figure="Figure 1",
        explanation="Every unit of a very wide network needs to move but little, so which points switch it on "
        "hardly changes, and the network stays linear in its weights. Its residual then shrinks along each "
        "eigenvector of the matrix H by its own factor in every step, one minus rate times eigenvalue. Images of a "
        "class resemble each other, so their labels lie along the few eigenvectors of large eigenvalues; random "
        "labels do not. As training goes on weights move farther, and the real loss falls behind the predicted one. "
        "How small the initial weights are matters: weights of a hundredth size are soon moved farther than they "
        "were long, points switch units on and off, and the prediction fails at a width at which it holds for "
        "larger weights. That does not contradict the theorem, whose width grows as the weights shrink.",
        departures="The paper trains 10,000 units from weights of standard deviation 0.01 at a rate of 0.001; here the "
        "standard deviation is 1, units are mirrored so that the outputs start at zero, the rate is one over the "
        "largest eigenvalue, and the paper's initial size is a control. The spectrum is of 2,000 points and networks "
        "are trained on 200, not on all of two classes. The worst labels are scaled to the mean square of the others, "
        "so that they exceed one at some points. The weights are carried in the span of the points, which gives the "
        "same numbers but for rounding. Given CIFAR-10 as the source, all claims held at the scale cpu too.",
        scales={
            "smoke": "digits 0 and 1: spectrum of 250, up to 4,096 units on 100 for 120 steps, one seed",
            "cpu": "the first two classes of Fashion-MNIST: spectrum of 2,000, up to 16,384 units on 200 for 400 "
            "steps, one seed",
        },
        budget={"smoke": 30, "cpu": 150},
        takes=("source",),
    ),
    runs,
    claims,
    figure,
)
