"""The hyper-parameters of a robust loss, learned on trusted rows during the training or searched for on a grid."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from torch import Tensor

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.methods.learned.learned_loss import BASES
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.fit import follow, following
from noisewise.training.batch import Batch
from noisewise.training.method import Method

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GRIDS: dict[str, dict[str, tuple[float, ...]]] = {
    "gce": {"q": (0.1, 0.3, 0.5, 0.7, 0.9)},
    "sce": {"alpha": (0.1, 1.0, 6.0), "beta": (0.1, 1.0, 4.0)},
    "bi-tempered": {"t1": (0.4, 0.6, 0.8), "t2": (1.2, 2.0, 4.0)},
    "poly-soft": {"lam": (4.0, 6.0, 8.0), "d": (1.3, 2.0, 4.0)},
}
FIXED = {"poly-soft": ",burn_in=0"}
ANOTHER = 1000  # added to the seed of the networks that take over what was learned


class Replayed(Method):
    """Loss station: a robust loss whose hyper-parameters follow a path that is given.

    Args:
        base: A name in `BASES`.
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
        base: A robust loss.
        corrupt: Noise of the labels.
        seed: Random seed of rows, noise and weights.
        scratch: For checkpoints.
        **settings: source, rows, tested, trusted, model and epochs; further fields of `Config`.

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


def values(history: pd.DataFrame, base: str) -> np.ndarray:
    """(epochs, p) the hyper-parameters of a learned loss after every epoch."""
    return np.stack([history[f"value_{k}"].to_numpy() for k in range(len(GRIDS[base]))], axis=1)


def corruption(noise: float) -> str:
    """The spec that gives this share of the labels another class."""
    return f"symmetric:{noise:g}"


def specs(base: str) -> list[str]:
    """The loss at every point of its grid."""
    names, points = GRIDS[base], product(*GRIDS[base].values())
    options = (",".join(f"{name}={value:g}" for name, value in zip(names, point, strict=True)) for point in points)
    return [f"{base}:{one}{FIXED.get(base, '')}" for one in options]


def runs(scale: Scale) -> list[Task]:
    """Learned losses first, which take longest; then the grids and cross entropy."""
    cells: list[dict[str, Any]] = [
        {"source": scale.source, "model": scale.model, **scale.settings, "corrupt": corruption(noise), "seed": seed}
        for noise in scale.noises
        for seed in range(scale.seeds)
    ]
    fixed = ["ce", *(spec for base in scale.losses for spec in specs(base))]
    return [
        *(Task.of(learned, base=base, **cell) for base in scale.losses for cell in cells),
        *(following(redraw=True, method=spec, **cell) for spec in fixed for cell in cells),
    ]


def grid(results: Results, base: str) -> pd.DataFrame:
    """The runs of a loss whose hyper-parameters are fixed."""
    found = results.of("followed").table
    return found[found["method"].isin(specs(base))]


def best(runs: pd.DataFrame, by: str) -> pd.DataFrame:
    """For every noise and seed the run with the largest value of a column; of equal ones the first."""
    return runs.sort_values(by, ascending=False, kind="stable").groupby(["corrupt", "seed"]).head(1)


def accuracies(results: Results) -> pd.DataFrame:
    """Mean test accuracies over the seeds, by loss and noise.

    The columns are ce, frozen, tuned (the run of the grid that is best on the trusted rows), replayed and learned.
    """
    taught, plain = results.of("learned").table, results.of("followed").where(method="ce").table
    tuned = pd.concat(
        [best(grid(results, base), "trusted_accuracy").assign(base=base) for base in results.scale.losses]
    )
    found: pd.DataFrame = means(taught, ["base", "corrupt"], ["frozen", "replayed", "test_accuracy"])
    return (
        found.rename(columns={"test_accuracy": "learned"})
        .join(means(plain, "corrupt", "test_accuracy").rename("ce"), on="corrupt")
        .join(means(tuned, ["base", "corrupt"], "test_accuracy").rename("tuned"))
    )[["ce", "frozen", "tuned", "replayed", "learned"]]


def cost(results: Results) -> pd.Series[float]:
    """Seconds of one learned training for every second of its grid, by loss."""
    found: pd.Series[float] = means(results.of("learned").table, "base", "seconds")
    return found / [means(grid(results, base), "method", "seconds").sum(skipna=False) for base in found.index]


def off_optimum(results: Results) -> pd.Series[float]:
    """By noise and seed, the distance of the last learned q of GCE from the q of the grid that is best on test rows."""
    taught = results.of("learned").where(base="gce").table.set_index(["corrupt", "seed"])
    top = best(grid(results, "gce"), "test_accuracy").set_index(["corrupt", "seed"])["method"]
    fixed = top.map(dict(zip(specs("gce"), GRIDS["gce"]["q"], strict=True)))
    return (taught["history"].map(lambda history: values(history, "gce")[-1, 0]) - fixed).abs()


def measured(results: Results) -> dict[str, float]:
    """The gain from learning, how much of it is due to the values alone, and its cost."""
    by_loss = means(accuracies(results), "base", ["ce", "frozen", "tuned", "replayed", "learned"])
    histories = results.of("learned").where(base="gce").table["history"]
    gains = {
        "beats-tuned": by_loss["learned"] - by_loss["tuned"],
        "frozen-below-tuned": by_loss["tuned"] - by_loss["frozen"],
        "path-above-frozen": by_loss["replayed"] - by_loss["frozen"],
        "joint-above-path": by_loss["learned"] - by_loss["replayed"],
    }
    return {
        **(by_loss["learned"] - by_loss["ce"]).add_suffix("-beats-ce"),
        **{name: gain.mean(skipna=False) for name, gain in gains.items()},
        "moves": np.mean([np.ptp(values(history, "gce")[:, 0]) for history in histories]),
        "not-the-optimum": off_optimum(results).mean(skipna=False),
        **cost(results).add_prefix("cost-"),
    }


def figure(results: Results) -> Figure:
    """Draw GCE by fixed q, the paths of q, how much of the gain is due to the values, and the cost."""
    drawn, ((left, path), (bars, spent)) = subplots(2, 2)
    found, taught = accuracies(results), results.of("learned").where(base="gce")
    fixed = means(grid(results, "gce"), ["corrupt", "method"], "test_accuracy")
    for noise, colour in zip(results.scale.noises, COLOURS, strict=False):
        corrupt, name = corruption(noise), f"{noise:.0%} noise"
        left.plot(GRIDS["gce"]["q"], 100 * fixed[corrupt][specs("gce")], "o-", color=colour, label=name, linewidth=1)
        left.axhline(100 * found["learned"]["gce", corrupt], color=colour, linestyle="--", linewidth=1.5)
        for item in taught.where(corrupt=corrupt):
            q = values(item["history"], "gce")[:, 0]
            path.plot(range(1, len(q) + 1), q, color=colour, label=None if item.task.arguments["seed"] else name)
    left.set(xlabel="q of GCE", ylabel="test accuracy (%)", title="Fixed q (points), learned q (lines)")
    left.legend(loc="best")
    path.set(xlabel="epoch", ylabel="q of GCE", title="What is learned", ylim=(0, 1))
    path.locator_params(axis="x", integer=True)
    path.legend(loc="lower right")
    _draw_parts(bars, found)
    _draw_cost(spent, cost(results))
    return drawn


def _draw_parts(axes: Axes, found: pd.DataFrame) -> None:
    width, shown = 0.8 / len(found.columns), 100 * found
    for k, (name, colour) in enumerate(zip(shown, (GREY, *COLOURS), strict=False)):
        places = np.arange(len(shown)) + (k - (len(shown.columns) - 1) / 2) * width
        axes.plot(places, shown[name], "o", color=colour, label=name)
    low, high = np.nanmin(shown) - 3, np.nanmax(shown)
    axes.set_xticks(range(len(shown)), [f"{base}\n{float(noise.partition(':')[2]):.0%}" for base, noise in shown.index])
    axes.set(ylim=(max(0, low), low + 1.4 * (high - low)), ylabel="test accuracy (%)", title="By loss and noise")
    axes.legend(loc="upper center", ncols=3, fontsize=8, columnspacing=1.0)


def _draw_cost(axes: Axes, ratios: pd.Series[float]) -> None:
    axes.bar(range(len(ratios)), ratios, 0.5, color=COLOURS[0])
    axes.axhline(1, color=GREY, linewidth=1, linestyle="--")
    axes.set_xticks(range(len(ratios)), [f"{base}\ngrid of {len(specs(str(base)))}" for base in ratios.index])
    axes.set(ylabel="seconds, learned / grid", title="Cost of learning", xlim=(-0.7, len(ratios) - 0.3))


STUDY = Study.load(__file__, runs, measured, figure)
