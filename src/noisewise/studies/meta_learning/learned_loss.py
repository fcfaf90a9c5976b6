"""The hyper-parameters of a robust loss, learned on trusted rows during the training or searched for on a grid."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from noisewise.compute import Result, Task
from noisewise.errors import BadInput
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.methods.learned.learned_loss import BASES
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.fit import follow, following
from noisewise.training.batch import Batch
from noisewise.training.method import Method

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SETTINGS: dict[str, dict[str, Any]] = {
    "smoke": {
        "source": "digits",
        "model": "mlp:64",
        "rows": 400,
        "tested": 300,
        "trusted": 60,
        "epochs": 10,
        "batch_size": 32,
    },
    "cpu": {"source": "fashion-mnist", "model": "mlp:256", "rows": 4000, "tested": 2000, "trusted": 500, "epochs": 20},
    "paper": {
        "source": "cifar10",
        "model": "resnet32",
        "rows": None,
        "tested": None,
        "trusted": 1000,
        "epochs": 120,
        "batch_size": 100,
        "lr": 0.1,
        "schedule": "step",
        "milestones": [2 / 3, 5 / 6],
        "augment": "auto",
    },
}
NOISES = {"smoke": (0.4,), "cpu": (0.2, 0.6), "paper": (0.0, 0.2, 0.4, 0.6)}
SEEDS = {"smoke": 1, "cpu": 2, "paper": 3}
LOSSES = {"smoke": ("gce",), "cpu": ("gce", "poly-soft"), "paper": ("gce", "sce", "bi-tempered", "poly-soft")}
NAMES = {"gce": ("q",), "sce": ("alpha", "beta"), "bi-tempered": ("t1", "t2"), "poly-soft": ("lam", "d")}
GRIDS: dict[str, tuple[tuple[float, ...], ...]] = {
    "gce": ((0.1, 0.3, 0.5, 0.7, 0.9),),
    "sce": ((0.1, 1.0, 6.0), (0.1, 1.0, 4.0)),
    "bi-tempered": ((0.4, 0.6, 0.8), (1.2, 2.0, 4.0)),
    "poly-soft": ((4.0, 6.0, 8.0), (1.3, 2.0, 4.0)),
}
FIXED = {"poly-soft": ",burn_in=0"}
ANOTHER = 1000


class Replayed(Method):
    """Loss station: a robust loss whose hyper-parameters follow a path that is given.

    Args:
        base: a name in `BASES`.
        path: (points, p) hyper-parameters at equal distances from the start of training to its end; between two
            points on the straight line. One point holds them fixed.
    """

    def __init__(self, base: str, path: np.ndarray) -> None:
        super().__init__()
        self.loss_of, self.path = BASES[base].loss, path

    def at(self, progress: float) -> list[float]:
        """The p hyper-parameters after this share of the training."""
        places = np.linspace(0.0, 1.0, len(self.path))
        return [float(np.interp(progress, places, column)) for column in self.path.T]

    def loss(self, batch: Batch) -> Tensor:
        return self.loss_of(batch.scores, batch.y, *self.at(batch.clock.progress))


def learned(base: str, corrupt: str, seed: int, scratch: Path, **settings: Any) -> dict[str, Any]:
    """A training that learns its loss, and two that take over what it learned: the last values, and their path.

    The two begin with other weights, and see the rows in another order.

    Args:
        base: a robust loss. corrupt: of the labels. seed: of rows, noise and weights. scratch: for checkpoints.
        settings: source, rows, tested, trusted, model and epochs; further fields of `Config`.

    Returns:
        What `follow` gives for the first, and `frozen` and `replayed`, the test accuracies of the others.
    """
    shape = {name: settings.pop(name) for name in ("source", "rows", "tested", "trusted")}
    data = draw(**shape, corrupt=corrupt, seed=seed, redraw=True)
    found = follow(data, method=f"learned-loss:base={base}", seed=seed, scratch=scratch / "learned", **settings)
    path = values(found["history"], base)
    taken = {"frozen": path[-1:], "replayed": path}
    others = {
        name: follow(data, method=Replayed(base, one), seed=seed + ANOTHER, scratch=scratch / name, **settings)
        for name, one in taken.items()
    }
    return {**found, **{name: one["test_accuracy"] for name, one in others.items()}}


def values(history: Any, base: str) -> np.ndarray:
    """(epochs, p) the hyper-parameters of a learned loss after every epoch."""
    return np.stack([history[f"value_{k}"].to_numpy() for k in range(len(NAMES[base]))], axis=1)


def corruption(noise: float) -> str:
    """The spec that gives this share of the labels another class."""
    return f"symmetric:{noise:g}"


def specs(base: str) -> list[str]:
    """The loss at every point of its grid."""
    points = product(*GRIDS[base])
    said = (",".join(f"{name}={value:g}" for name, value in zip(NAMES[base], point, strict=True)) for point in points)
    return [f"{base}:{options}{FIXED.get(base, '')}" for options in said]


def runs(scale: str, source: str | None, model: str | None) -> list[Task]:
    """Learned losses first, which take longest; then the grids and cross entropy."""
    settings = {**SETTINGS[scale]}
    settings |= {name: value for name, value in (("source", source), ("model", model)) if value is not None}
    cells: list[dict[str, Any]] = [
        {"corrupt": corruption(noise), "seed": seed} for noise in NOISES[scale] for seed in range(SEEDS[scale])
    ]
    taught = [Task.of(learned, base=base, **cell, **settings) for base in LOSSES[scale] for cell in cells]
    fixed = ["ce", *(spec for base in LOSSES[scale] for spec in specs(base))]
    return [*taught, *(following(redraw=True, method=spec, **cell, **settings) for spec in fixed for cell in cells)]


def tuned(results: Results, base: str, noise: float, seed: int) -> Result:
    """The run of the grid that is best on the trusted rows."""
    cell = results.of("followed").where(corrupt=corruption(noise), seed=seed)
    return best((item for item in cell if item.task.arguments["method"] in specs(base)), "trusted_accuracy")


def accuracies(results: Results, base: str, noise: float) -> dict[str, float]:
    """Mean test accuracies over the seeds: ce, frozen, tuned, replayed and learned."""
    taught = results.of("learned").where(base=base, corrupt=corruption(noise))
    plain = results.of("followed").where(method="ce", corrupt=corruption(noise))
    chosen = [float(tuned(results, base, noise, seed)["test_accuracy"]) for seed in taught.choices("seed")]
    return {
        "ce": plain.mean("test_accuracy"),
        "frozen": taught.mean("frozen"),
        "tuned": float(np.mean(chosen)),
        "replayed": taught.mean("replayed"),
        "learned": taught.mean("test_accuracy"),
    }


def compared(results: Results, one: str, other: str) -> float:
    """By how much `one` is more accurate than `other`, mean over noises, least over losses."""
    found = []
    for base in LOSSES[results.scale]:
        each = [accuracies(results, base, noise) for noise in NOISES[results.scale]]
        found.append(float(np.mean([values[one] - values[other] for values in each])))
    return min(found)


def cost(results: Results, base: str) -> float:
    """Seconds of one learned training for every second of its grid."""
    grid = [item for item in results.of("followed") if item.task.arguments["method"] in specs(base)]
    per_cell = sum(float(item["seconds"]) for item in grid) * len(specs(base)) / len(grid)
    return results.of("learned").where(base=base).mean("seconds") / per_cell


def _moved(results: Results) -> float:
    """The least change of the first hyper-parameter of GCE over a training, largest less smallest value."""
    paths = [values(item["history"], "gce")[:, 0] for item in results.of("learned").where(base="gce")]
    return float(min(np.ptp(path) for path in paths))


def _apart(results: Results) -> float:
    """Mean distance of the last learned q from the q of the grid that is best on the test rows."""
    found = []
    for item in results.of("learned").where(base="gce"):
        cell = {name: item.task.arguments[name] for name in ("corrupt", "seed")}
        grid = results.of("followed").where(**cell)
        top = best((one for one in grid if one.task.arguments["method"] in specs("gce")), "test_accuracy")
        q = GRIDS["gce"][0][specs("gce").index(top.task.arguments["method"])]
        found.append(abs(float(values(item["history"], "gce")[-1, 0]) - q))
    return float(np.mean(found))


def best(results: Iterable[Result], by: str) -> Result:
    """The result with the largest value of that name.

    Raises:
        BadInput: there is none.
    """
    found = list(results)
    if not found:
        raise BadInput(f"there is no run to choose the best of by {by!r}")
    return max(found, key=lambda item: -np.inf if item[by] is None else float(item[by]))


def claims(results: Results) -> list[Claim]:
    """What learning gains, what of it is in the values alone, and what it costs."""
    stated = [
        Claim(
            "beats-ce",
            "The learned loss is at least 3 points more accurate than cross entropy (least over losses).",
            compared(results, "learned", "ce"),
            ">=",
            0.03,
        ),
        Claim(
            "beats-tuned",
            "It is at least as accurate as the best of the grid, chosen on the same trusted rows (least over losses).",
            compared(results, "learned", "tuned"),
            ">=",
            0.0,
        ),
        Claim(
            "frozen-below-tuned",
            "Its last values, held fixed from the start, are no better than the best of the grid (least over losses "
            "of tuned less frozen).",
            compared(results, "tuned", "frozen"),
            ">=",
            0.0,
        ),
        Claim(
            "path-above-frozen",
            "Their path, replayed with a fresh network, is better than the last values held fixed (least over losses).",
            compared(results, "replayed", "frozen"),
            ">",
            0.0,
        ),
        Claim(
            "joint-above-path",
            "Learning along is better than replaying the path (least over losses).",
            compared(results, "learned", "replayed"),
            ">",
            0.0,
        ),
        Claim(
            "moves",
            "The learned q of GCE changes by at least 0.1 during every training.",
            _moved(results),
            ">=",
            0.1,
        ),
        Claim(
            "not-the-optimum",
            "The last learned q is off the fixed q that is best on the test rows, by more than half a step of the "
            "grid in the mean.",
            _apart(results),
            ">",
            0.1,
        ),
    ]
    return stated + [
        Claim(
            f"cost-{base}",
            f"One learned {base} takes less time than its grid of {len(specs(base))} (ratio).",
            cost(results, base),
            "<",
            1.0,
        )
        for base in LOSSES[results.scale]
    ]


def figure(results: Results) -> Figure:
    """GCE by fixed q, the paths of q, what of the gain is in the values, and the cost."""
    drawn_, ((left, path), (bars, spent)) = subplots(2, 2)
    for noise, colour in zip(NOISES[results.scale], COLOURS, strict=False):
        _draw_grid(left, results, noise, colour)
        for item in results.of("learned").where(base="gce", corrupt=corruption(noise)):
            found = values(item["history"], "gce")[:, 0]
            name = f"{noise:.0%} noise" if item.task.arguments["seed"] == 0 else None
            path.plot(np.arange(1, len(found) + 1), found, color=colour, label=name)
    left.set(xlabel="q of GCE", ylabel="test accuracy (%)", title="Fixed q (points), learned q (lines)")
    left.legend(loc="best")
    path.set(xlabel="epoch", ylabel="q of GCE", title="What is learned", ylim=(0, 1))
    path.locator_params(axis="x", integer=True)
    path.legend(loc="lower right")
    _draw_parts(bars, results)
    _draw_cost(spent, results)
    return drawn_


def _draw_grid(axes: Axes, results: Results, noise: float, colour: str) -> None:
    cell = results.of("followed").where(corrupt=corruption(noise))
    found = [100 * cell.where(method=spec).mean("test_accuracy") for spec in specs("gce")]
    axes.plot(GRIDS["gce"][0], found, "o-", color=colour, label=f"{noise:.0%} noise", linewidth=1)
    axes.axhline(100 * accuracies(results, "gce", noise)["learned"], color=colour, linestyle="--", linewidth=1.5)


def _draw_parts(axes: Axes, results: Results) -> None:
    names = ("ce", "frozen", "tuned", "replayed", "learned")
    width, bases = 0.8 / len(names), LOSSES[results.scale]
    groups = [(base, noise) for base in bases for noise in NOISES[results.scale]]
    each = [accuracies(results, *group) for group in groups]
    for k, (name, colour) in enumerate(zip(names, (GREY, *COLOURS), strict=False)):
        places = np.arange(len(groups)) + (k - (len(names) - 1) / 2) * width
        axes.bar(places, [100 * one[name] for one in each], 0.9 * width, color=colour, label=name)
    shown = [100 * value for one in each for value in one.values()]
    low, room = min(shown) - 3, max(shown) - min(shown) + 3
    axes.set_xticks(range(len(groups)), [f"{base}\n{noise:.0%}" for base, noise in groups])
    axes.set(ylim=(max(0, low), low + 1.4 * room), ylabel="test accuracy (%)", title="By loss and noise")
    axes.legend(loc="upper center", ncols=3, fontsize=8, columnspacing=1.0)


def _draw_cost(axes: Axes, results: Results) -> None:
    bases = LOSSES[results.scale]
    axes.bar(range(len(bases)), [cost(results, base) for base in bases], 0.5, color=COLOURS[0])
    axes.axhline(1, color=GREY, linewidth=1, linestyle="--")
    axes.set_xticks(range(len(bases)), [f"{base}\ngrid of {len(specs(base))}" for base in bases])
    axes.set(ylabel="seconds, learned / grid", title="Cost of learning", xlim=(-0.7, len(bases) - 0.3))


STUDY = Study(
    Card(
        name="learned-loss",
        title="A robust loss learns its hyper-parameters on trusted rows while it trains",
        shows="The hyper-parameters of robust losses follow the gradient of the loss on trusted rows, through one "
        "virtual step. They are held against the best of a grid, and what they were at the end and on the way is "
        "given to fresh networks.",
        paper="Shu, Zhao, Chen, Xu and Meng, Learning Adaptive Loss for Robust Learning with Noisy Labels, "
        "arXiv 2002.06482",
        year=2020,
        figure="the table of CIFAR-10 under symmetric noise, and the ablation of frozen and replayed values",
        explanation="A small q learns fast and from hard rows too; a large one passes over rows that contradict the "
        "network, and learns slowly. The gradient through one virtual step tells which q serves the trusted rows in "
        "the next step. That is another question than which q, held fixed, ends best: early on the next step gains "
        "most from a loss near cross entropy, and only once wrong labels begin to be fitted does distrust pay. So the "
        "learned value moves, and does not end at the best fixed one. It beats cross entropy by 5 points and more. "
        "What was claimed beyond that, after the paper, did not come out: the learned loss ends 0.5 (GCE) and 2.7 "
        "points (PolySoft) below the best of the grid, and replaying the path, or learning along, is half a point "
        "worse than its last values held fixed from the start; probably because the values need half of the 20 epochs "
        "to get where they serve.",
        departures="At cpu Fashion-MNIST, 4,000 rows, 500 trusted and 2,000 test rows, a perceptron of 256 units and "
        "20 epochs rather than CIFAR-10, 1,000 trusted rows, ResNet-32 and 120; two of the four losses and two "
        "noise rates. Bounds are kept by sigmoid and softplus and the hyper-parameters are moved by Adam. "
        "Grids are ours; that of PolySoft leaves out thresholds that learned nothing in a pilot run. Fixed "
        "PolySoft has no burn-in with cross entropy here, as the learned one has none. The grid's best is "
        "chosen by accuracy on the trusted rows after the last epoch. Replayed paths run straight from the "
        "value after one epoch to that after the next, for a network with other weights and another order of "
        "rows.",
        scales={
            "smoke": "digits: 400 rows, a perceptron, GCE at 40 % noise, one seed",
            "cpu": "Fashion-MNIST: 4,000 rows and 500 trusted ones, a perceptron, GCE and PolySoft at 20 % and 60 % "
            "noise, two seeds",
            "paper": "CIFAR-10 whole, 1,000 trusted rows, ResNet-32, 120 epochs, four losses at four noise rates",
        },
        budget={"smoke": 28, "cpu": 330},
        takes=("source", "model"),
    ),
    runs,
    claims,
    figure,
)
