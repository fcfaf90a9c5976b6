"""Trainings that record the weight of every row, shared by the studies of sample weights.

Trusted rows are drawn first, from the whole data and evenly over the classes, as in Shu et al., Meta-Weight-Net,
NeurIPS 2019; only then are the others corrupted, and a long tail therefore leaves the trusted rows unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from noisewise.bounds import check, one_of
from noisewise.compute import Result, Task
from noisewise.data import Dataset, load
from noisewise.methods import METHODS
from noisewise.methods.build import compose
from noisewise.methods.learned.meta_weight_net import WeightNet
from noisewise.run.experiment import Experiment
from noisewise.spec import parse
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.data import of_classes, vouched
from noisewise.studies.harness.fit import fit, on_drawn, task
from noisewise.studies.harness.statistics import auroc, spearman
from noisewise.training import Training
from noisewise.training.batch import Batch
from noisewise.training.method import Chain, EpochEnd, LearningTask, Method
from noisewise.training.observer import Observer, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID = np.linspace(0.0, 10.0, 101)
TAIL = 3
GROUPS = 10  # of rows in the order of their losses
FEW, MUCH = 0.1, 3.0  # a small and a large loss, at which a learned weight function is followed
SHUFFLED = "shuffled"


class Kept(Method):
    """Weight and loss of every row when it was last drawn, and the change of weights since the epoch before.

    Buffers by index: `now`, `before` and `lost`, (rows,); `moved`, a scalar, is the mean change of a row's weight over
    the mean weight.
    """

    now: Tensor
    before: Tensor
    lost: Tensor
    moved: Tensor

    def prepare(self, task: LearningTask) -> None:
        """Allocate the buffers."""
        for name in ("now", "before", "lost"):
            self.register_buffer(name, torch.zeros(task.rows, device=task.given.device))
        self.register_buffer("moved", torch.tensor(torch.nan, device=task.given.device))
        self.trains = task.given >= 0

    def observe(self, batch: Batch) -> None:
        if batch.index is not None:
            self.now[batch.index] = batch.w.expand_as(batch.losses).mean(dim=0)
            self.lost[batch.index] = batch.losses.mean(dim=0)

    def refit(self, epoch_end: EpochEnd) -> None:
        now, before = self.now[self.trains], self.before[self.trains]
        if epoch_end.epoch:
            self.moved.fill_(float((now - before).abs().mean() / now.mean().clamp_min(1e-12)))
        self.before.copy_(self.now)


@dataclass(frozen=True, eq=False)
class WeightObserver(Observer):
    """Measures weights and test rows after every epoch, outside the training.

    Attributes:
        wrong: (capacity,) by index whether the given label of a row is wrong.
        kept: of the weights; None for a recipe.
        grid: losses at which a learned weight function is read.
    """

    wrong: np.ndarray
    kept: Kept | None
    grid: np.ndarray

    def after_epoch(self, training: Training, method: Method) -> Row:
        """Recall by class on the test rows, and the weights, if there are any."""
        assert training.predictor is not None  # the epoch that ended is recorded
        chosen = training.probabilities(training.predictor, "test").argmax(dim=1)
        given = training.split("test").given
        right = torch.bincount(given[chosen == given], minlength=training.classes)
        total = torch.bincount(given, minlength=training.classes)
        found: dict[str, Any] = {
            "recalls": (right / total.clamp_min(1)).tolist(),
        }
        if self.kept is not None:
            found |= {"moved": float(self.kept.moved), "tells": self._tells(training, self.kept)}
        learned = learned_function(method, self.grid)
        return found if learned is None else {**found, "curve": learned.tolist()}

    def _tells(self, training: Training, kept: Kept) -> float:
        rows = training.rows.index.cpu().numpy()
        return auroc(self.wrong[rows], -kept.now.cpu().numpy()[rows])


def learned_function(method: Method, losses: np.ndarray) -> np.ndarray | None:
    """(G,) what the weight function of Meta-Weight-Net gives for losses (G,); None where the method has none."""
    net = next((part for part in method.modules() if isinstance(part, WeightNet)), None)
    if net is None:
        return None
    at = next(net.parameters())
    with torch.no_grad():
        return np.asarray(net.v(torch.as_tensor(losses, dtype=at.dtype, device=at.device)[:, None])[:, 0].cpu())


def _method(spec: str) -> Method | None:
    """The method of a spec; None where it is a recipe."""
    terms = parse(spec, METHODS)
    entries = [METHODS[term.name] for term in terms]
    if not all(isinstance(entry, type) for entry in entries):
        return None
    return compose([entry(**term.bind(entry)) for entry, term in zip(entries, terms, strict=True)])


def weighted(
    source: str, scratch: Path, *, method: str, classes: list[int] | str | None = None, **fields: Any
) -> dict[str, Any]:
    """Train a network on rows known to be right or wrong, and measure weights and tests after every epoch.

    Args:
        source: Of the data.
        scratch: For checkpoints.
        method: A spec.
        classes: The numbers of the classes to take, in their new order; `SHUFFLED` takes all in an order that the seed
            draws, so that it draws which classes are rare; None takes all as they are.
        **fields: Further ones of `Experiment` and `Config`.

    Returns:
        `history`: per epoch `epoch`, `test_accuracy`, `moved` (see `Kept`) and `tells`, how well small weights
        identify wrong labels (AUROC), NaN where all rows are of one kind; `recalls`, (epochs, K) of the test rows;
        `test_accuracy` of the last epoch and `test_best`, of the best one; `sizes`, (K,) rows by given label;
        `noise_rate`. Of a method that is not a recipe also `weights`, `losses` and `wrong`, (n,), of every row when it
        was last drawn, and of Meta-Weight-Net `curves`, (epochs, G), its function at `GRID`.

    Raises:
        BadInput: an argument is not legal.
        Diverged: the loss became infinite or NaN.
    """
    rows = source if classes is None else _ordered(load(source), classes, fields.get("seed", 0))
    experiment = on_drawn(Experiment.of(rows, **{"validation": 0.0, "precision": "fp32", **fields}))
    data = vouched(experiment.data())
    assert data.truth is not None
    wrong = np.zeros(data.capacity, dtype=bool)
    wrong[data.index] = data.given != data.truth
    found, kept = _method(method), Kept()
    part: Any = method if found is None else Chain([found, kept])
    observer = WeightObserver(wrong, None if found is None else kept, GRID)
    training = fit(replace(experiment, source=data, method=part), scratch, [observer])
    values = {"sizes": np.bincount(data.given, minlength=len(data.classes)), "noise_rate": data.noise_rate}
    if found is not None:
        values |= {"weights": kept.now.cpu().numpy()[data.index], "losses": kept.lost.cpu().numpy()[data.index]}
        values |= {"wrong": wrong[data.index]}
    return {**values, **_followed(training.history)}


def _ordered(data: Dataset, classes: list[int] | str, seed: int) -> Dataset:
    """The rows of the classes in their new order; of all classes in an order that the seed draws for `SHUFFLED`."""
    if not isinstance(classes, str):
        return of_classes(data, classes)
    check(None, "classes", classes, one_of(SHUFFLED))
    order: list[int] = np.random.default_rng(seed).permutation(len(data.classes)).tolist()
    return of_classes(data, order)


def _followed(history: list[dict[str, Any]]) -> dict[str, Any]:
    right = np.array([row["test_accuracy"] for row in history])
    table = pd.DataFrame({"epoch": [row["epoch"] for row in history], "test_accuracy": right})
    for name in ("moved", "tells"):
        table[name] = [row.get(name, np.nan) for row in history]
    found: dict[str, Any] = {"history": table, "recalls": np.array([row["recalls"] for row in history])}
    if "curve" in history[-1]:
        found["curves"] = np.array([row["curve"] for row in history])
    return {**found, "test_accuracy": float(right[-1]), "test_best": float(right.max())}


def weighing(**arguments: Any) -> Task:
    """The task of one `weighted`; its title names what differs between runs.

    Raises:
        BadInput: an argument is not plain data.
    """
    return task(weighted, "weigh", **arguments)


def slope(result: Result) -> float:
    """The rank correlation, over the rows, of the learned weight of a row's loss with that loss."""
    losses = np.minimum(result["losses"], GRID[-1])
    return spearman(losses, np.interp(losses, GRID, result["curves"][-1]))


def course(result: Result, loss: float) -> np.ndarray:
    """(epochs,) the learned weight at a loss after every epoch."""
    return np.array([np.interp(loss, GRID, curve) for curve in result["curves"]])


def lowest(result: Result) -> float:
    """The smallest learned weight at any loss of `GRID` at the end; near 1 where the function is saturated."""
    return float(result["curves"][-1].min())


def grouped(result: Result, groups: int = GROUPS) -> tuple[np.ndarray, np.ndarray]:
    """(g,) mean losses and (g,) mean weights of g groups of equally many rows, in the order of their losses."""
    order = np.argsort(result["losses"], kind="stable")
    parts = np.array_split(order, groups)
    losses, weights = ([result[name][part].mean() for part in parts] for name in ("losses", "weights"))
    return np.array(losses), np.array(weights)


def explained(result: Result, groups: int = 10 * GROUPS) -> float:
    """The share of the variance of the rows' weights that groups of equal loss explain; 0 where no weight differs."""
    order = np.argsort(result["losses"], kind="stable")
    weights = np.asarray(result["weights"], dtype=float)[order]
    total = weights.var()
    if total == 0:
        return 0.0
    within = np.mean([part.var() * len(part) for part in np.array_split(weights, groups)]) * groups / len(weights)
    return float(1 - within / total)


def curve(results: Results, progress: float = 1.0) -> np.ndarray:
    """(G,) the learned weight function after a share of the epochs, by default at the end; the mean over the runs."""
    return np.asarray(np.mean([item["curves"][round(progress * len(item["curves"])) - 1] for item in results], axis=0))


def draw_curves(axes: Axes, cases: dict[str, tuple[Results, str]]) -> None:
    """Draw learned weight functions by name and colour: solid at the end, dashed after four fifths of training."""
    for name, (found, colour) in cases.items():
        axes.plot(GRID, curve(found), color=colour, label=name)
        axes.plot(GRID, curve(found, 0.8), color=colour, linestyle="--", linewidth=1.2)
    axes.set(xlabel="loss", ylabel="weight v", ylim=(-0.03, 1.03))
    axes.set_title("Learned weights (dashed: at 4/5)")
    axes.legend(loc="center right", bbox_to_anchor=(1.0, 0.79), fontsize=8)


def balanced(result: Result) -> float:
    """The mean recall over the classes after the last epoch."""
    return float(result["recalls"][-1].mean())


def tail(result: Result) -> float:
    """The mean recall of the three smallest classes, or of the smallest half where there are fewer than six."""
    sizes = result["sizes"]
    few = np.argsort(sizes, kind="stable")[: min(TAIL, len(sizes) // 2)]
    return float(result["recalls"][-1][few].mean())
