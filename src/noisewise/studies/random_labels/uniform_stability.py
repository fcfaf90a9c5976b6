"""One example replaced: how much the loss of a network changes, and that of a learner which is proved to be stable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import log_softmax

from noisewise.compute import Task
from noisewise.data import Dataset
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.data import sample, unit
from noisewise.theory.stability import SOFTMAX_LIPSCHITZ, replacement_bound, softmax_regression

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SOURCES = {"smoke": "digits", "cpu": "fashion-mnist"}
POINTS = {"smoke": (60, 180), "cpu": (250, 700, 2000)}
REPLACED = {"smoke": 2, "cpu": 6}
TESTED = 2000
MODEL = "mlp:512"
EPOCHS, RATE = 80, 0.03
STRENGTH = 0.01
LABELS = ("true", "random")


def twins(source: str, points: int, labels: str, model: str, replaced: int, seed: int) -> dict[str, Any]:
    """A network and its twins, each trained with the same seed on a set in which one other example was replaced.

    The loss is one minus the probability of the label, between 0 and 1. `fitted` is the share of rows where it is
    below one half. `control` is the largest change between twins with the same data.

    Args:
        source, model: of the training. points: n. labels: true, or random ones for every row, tested ones too.
        replaced: number of twins. seed: of everything random.
    """
    from noisewise.run.train import train

    x, y, test_x, test_y, classes, kind = _drawn(source, points, labels, replaced, seed)
    names = tuple(str(k) for k in range(classes))

    def losses(rows: np.ndarray) -> np.ndarray:
        run = train(
            Dataset(x[rows], y[rows], names, "image" if kind == "image" else "vector", name=source),
            model=model,
            epochs=EPOCHS,
            seed=seed,
            lr=RATE,
            batch_size=min(128, max(32, points // 12)),
            validation=0.0,
            weight_decay=0.0,
            augment="none",
        )
        values = np.concatenate([run.predict_proba(x), run.predict_proba(test_x)])
        return 1 - values[np.arange(len(values)), np.concatenate([y, test_y])]

    base = losses(np.arange(points))
    changes = [np.abs(losses(_replaced(points, i)) - base) for i in range(replaced)]
    return {
        "fitted": float((base[:points] < 0.5).mean()),
        "control": float(np.abs(losses(np.arange(points)) - base).max()),
        **_summary(changes, points),
    }


def regularised(source: str, points: int, labels: str, replaced: int, seed: int) -> dict[str, Any]:
    """The same with softmax regression under an L2 penalty, on flattened inputs scaled into the unit ball.

    The loss is the cross-entropy, for which `bound` is proved.
    """
    x, y, test_x, test_y, classes, _ = _drawn(source, points, labels, replaced, seed)
    flat = np.concatenate([unit(part).reshape(len(part), -1).astype(np.float64) for part in (x, test_x)])
    inputs, asked = flat / np.linalg.norm(flat, axis=1).max(), np.concatenate([y, test_y])

    def losses(rows: np.ndarray) -> np.ndarray:
        values = inputs @ softmax_regression(inputs[rows], y[rows], classes, STRENGTH)
        return np.asarray(-log_softmax(values, axis=1)[np.arange(len(values)), asked])

    base = losses(np.arange(points))
    changes = [np.abs(losses(_replaced(points, i)) - base) for i in range(replaced)]
    bound = replacement_bound(SOFTMAX_LIPSCHITZ, 1.0, STRENGTH, points)
    return {"bound": bound, **_summary(changes, points)}


def _drawn(source: str, points: int, labels: str, replaced: int, seed: int) -> tuple[Any, ...]:
    """Inputs and labels of `points` rows and of those that replace some, the same of test rows, K and the kind."""
    rows = sample(source, points + replaced, TESTED, seed)
    y, test_y = rows.y, rows.test_y
    if labels == "random":
        rng = np.random.default_rng(seed)
        y, test_y = (rng.integers(rows.classes, size=len(part)) for part in (y, test_y))
    return rows.x, y, rows.test_x, test_y, rows.classes, rows.kind


def _replaced(points: int, i: int) -> np.ndarray:
    """(n,) rows of the set in which row i has made way for row n + i."""
    rows = np.arange(points)
    rows[i] = points + i
    return rows


def _summary(changes: list[np.ndarray], points: int) -> dict[str, Any]:
    """Of the changes by twin (every row, then every tested row): where they are largest, and at the replaced rows."""
    replaced = len(changes)
    tested = [change[points + replaced :] for change in changes]
    own = [change[[i, points + i]] for i, change in enumerate(changes)]
    return {
        "largest": float(max(change.max() for change in changes)),
        "tested": float(max(change.max() for change in tested)),
        "tested_mean": float(np.mean(tested)),
        "own": np.array(own),
        "own_mean": float(np.mean(own)),
    }


def runs(scale: str, source: str | None, model: str | None) -> list[Task]:
    """Networks first: they take longest."""
    shared: dict[str, Any] = {"source": source or SOURCES[scale], "replaced": REPLACED[scale], "seed": 0}
    cells = [(points, labels) for points in reversed(POINTS[scale]) for labels in ("true", "random")]
    nets = [Task.of(twins, points=n, labels=labels, model=model or MODEL, **shared) for n, labels in cells]
    return nets + [Task.of(regularised, points=n, labels=labels, **shared) for n, labels in cells]


def claims(results: Results) -> list[Claim]:
    """Networks are not uniformly stable, and more unstable with random labels; the reference keeps to its bound."""
    nets, reference = results.of("twins"), results.of("regularised")
    sizes = sorted(nets.choices("points"))
    true, noisy = (nets.where(labels=labels) for labels in ("true", "random"))
    fewest, most = noisy.one(points=sizes[0]), noisy.one(points=sizes[-1])
    shares = reference.numbers("largest") / reference.numbers("bound")
    shrunk = max(
        reference.one(points=sizes[-1], labels=labels)["largest"]
        / reference.one(points=sizes[0], labels=labels)["largest"]
        for labels in ("true", "random")
    )
    return [
        Claim(
            "control",
            "Twins with the same data have the same losses to the bit.",
            float(nets.numbers("control").max()),
            "==",
            0.0,
        ),
        Claim("fitted", "Every network fits 99 % of its labels.", float(nets.numbers("fitted").min()), ">=", 0.99),
        Claim(
            "unstable",
            "With random labels, at every size, one example moves the loss somewhere by 0.9 of the possible 1.",
            float(noisy.numbers("largest").min()),
            ">=",
            0.9,
        ),
        Claim(
            "no-decay",
            f"With random labels the mean change at the example does not halve from n = {sizes[0]:,} to "
            f"{sizes[-1]:,} (ratio).",
            most["own_mean"] / fewest["own_mean"],
            ">=",
            0.5,
        ),
        Claim(
            "labels",
            "The mean change at the example is at least three times as large with random labels as with true ones.",
            noisy.mean("own_mean") / true.mean("own_mean"),
            ">=",
            3.0,
        ),
        Claim(
            "bound",
            "Softmax regression with an L2 penalty never exceeds its proved bound (largest change over bound).",
            float(shares.max()),
            "<=",
            1.0,
        ),
        Claim(
            "decay",
            "Its largest change falls in proportion to 1 / n or faster, up to a factor of two.",
            shrunk * sizes[-1] / sizes[0],
            "<=",
            2.0,
        ),
    ]


def figure(results: Results) -> Figure:
    """The change at the replaced example and elsewhere for networks; the reference and its bound."""
    nets, reference = results.of("twins"), results.of("regularised")
    sizes = sorted(nets.choices("points"))
    drawn, (left, right) = subplots(1, 2)
    for labels, colour in zip(("true", "random"), COLOURS, strict=False):
        some = [nets.one(points=n, labels=labels) for n in sizes]
        left.semilogx(sizes, [item["own_mean"] for item in some], "o-", color=colour, label=f"{labels}: the example")
        left.semilogx(
            sizes, [item["tested_mean"] for item in some], "s:", color=colour, label=f"{labels}: tested, mean"
        )
        found = [reference.one(points=n, labels=labels)["largest"] for n in sizes]
        right.loglog(sizes, found, "o-", color=colour, label=f"{labels} labels, largest")
    bounds = [reference.one(points=n, labels="true")["bound"] for n in sizes]
    right.loglog(sizes, bounds, "--", color=GREY, label="proved for any labels")
    left.set(ylim=(0, 1.4), yticks=(0, 0.25, 0.5, 0.75, 1), ylabel="change of the loss (at most 1)")
    left.set_title("Network, one example replaced")
    right.set(ylabel="change of the cross-entropy", title="Softmax regression with a penalty")
    for axes in (left, right):
        axes.set_xticks(sizes, [f"{n:,}" for n in sizes])
        axes.minorticks_off()
        axes.set_xlabel("points n")
    left.legend(loc="upper right", ncols=2, fontsize=8)
    right.set_ylim(bottom=reference.numbers("largest").min() / 6)
    right.legend(loc="lower left")
    return drawn


STUDY = Study(
    Card(
        name="uniform-stability",
        title="Replacing one example can change a network's loss almost fully, and with random labels usually does",
        shows="Twin networks are trained with the same seed on sets that differ in one example, and their losses are "
        "compared. The uniform stability that bounds would need is not there, and the change depends on the labels, "
        "which uniform stability cannot see.",
        paper="Zhang, Bengio, Hardt, Recht and Vinyals, Understanding Deep Learning Requires Rethinking "
        "Generalization, ICLR",
        year=2017,
        figure="Section 2.2",
        explanation="Uniform stability is the most by which a loss may change when any one example of any data set is "
        "replaced. It belongs to the algorithm alone, whatever the labels are. A network that fits everything has to "
        "know each random label from its own example: without that example it guesses, so the loss there jumps. With "
        "true labels other examples say the same. A strong penalty buys stability, in proportion to 1 / n "
        "(Bousquet and Elisseeff 2002, theorem 22).",
        departures="The paper argues without an experiment. What is measured is a lower bound of uniform stability: "
        "few examples are replaced, in one data set per size. Networks are judged by one minus the probability of the "
        "label. Inputs of a network are normalised by its own set, so that the replaced example moves all of them a "
        "little. Theorem 22 is on removing an example; replacing one doubles it.",
        scales={
            "smoke": "digits, 60 and 180 points, 2 examples replaced",
            "cpu": "Fashion-MNIST, 250, 700 and 2,000 points, a network of 512 units, 6 examples replaced, one seed",
        },
        budget={"smoke": 60, "cpu": 480},
        takes=("source", "model"),
    ),
    runs,
    claims,
    figure,
)
