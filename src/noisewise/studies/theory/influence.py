"""Influence functions: the effect of leaving a row out on a loss, and flipped labels found by self-influence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.auditing.detectors.detection import scores_of
from noisewise.auditing.gathering.crossfit import CrossFit, cross_fit
from noisewise.auditing.gathering.last_layer import needed
from noisewise.compute import Task
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.noise import corrupt
from noisewise.studies.frame.claim import Estimate
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import sample, unit
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.statistics import by_seed, exact, mean
from noisewise.theory.influence import Regression, changes, conjugate_gradients, lissa, self_influence
from noisewise.training.config import configured

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MODEL, RATE, BATCH, FOLDS = "mlp:256", 0.05, 64, 2
LABELS = ("parity", "classes")
STRENGTH = 0.01
DIRECTIONS, LENGTH = 64, 4.0
INSPECTED = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
RANKINGS = ("self-influence", "loss", "random")
DETECTORS = ("tracin", "self-influence", "self-confidence")


def removals(source: str, points: int, labels: str, tested: int, asked: int, top: int, seed: int) -> dict[str, Any]:
    """Predicted and true changes of the losses of wrongly classified test rows when training rows are left out.

    Args:
        source: of the rows.
        points: n, the number of training rows.
        labels: classes, or the parity of their numbers.
        tested: number of test rows.
        asked: largest number of wrongly classified test rows to study.
        top: rows of the largest predicted changes, per test, without which the regression is trained again.
        seed: of the rows and of LiSSA.
    """
    x, y, test_x, test_y, classes = _drawn(source, points, tested, labels, seed)
    fitted = Regression.fit(x, y, classes, STRENGTH)
    wrong = np.flatnonzero(fitted.logs(test_x).argmax(axis=1) != test_y)[:asked]
    if not len(wrong):
        raise BadInput(f"source={source!r} has no wrongly classified test row, and this study needs one")
    at, labelled = test_x[wrong], test_y[wrong]
    gradients = fitted.gradients(at, labelled).T
    exact = fitted.solve(gradients)
    predicted, before = changes(fitted, exact), fitted.losses(at, labelled)
    chosen = np.argsort(-np.abs(predicted), axis=0)[:top]
    after = {row: fitted.without(int(row)).losses(at, labelled) for row in np.unique(chosen)}
    found = np.array([[after[row][k] - before[k] for k, row in enumerate(line)] for line in chosen])
    iterated, sampled = conjugate_gradients(fitted, gradients), lissa(fitted, gradients, repeats=5, seed=seed)
    by_lissa, top_predicted = changes(fitted, sampled), np.take_along_axis(predicted, chosen, axis=0)
    return {
        "predicted": top_predicted,
        "found": found,
        "by_lissa": np.take_along_axis(by_lissa, chosen, axis=0),
        "correlations": _correlations(top_predicted, found),
        "iterated": float(np.linalg.norm(iterated - exact) / np.linalg.norm(exact)),
        "sampled": float(np.linalg.norm(sampled - exact) / np.linalg.norm(exact)),
        "sampled_correlations": _correlations(predicted, by_lissa),
        "accuracy": float((fitted.logs(test_x).argmax(axis=1) == test_y).mean()),
    }


def search(source: str, points: int, labels: str, flipped: float, seed: int) -> dict[str, Any]:
    """(rankings, inspected) share of the flipped labels that are among the inspected rows."""
    x, y, _, _, classes = _drawn(source, points, 1, labels, seed)
    given = _flipped(x, y, classes, flipped, seed)
    fitted = Regression.fit(x, given, classes, STRENGTH)
    scores = {
        "self-influence": self_influence(fitted),
        "loss": fitted.losses(x, given),
        "random": np.random.default_rng([seed, 1]).random(points),
    }
    orders = [np.argsort(-scores[name], kind="stable") for name in RANKINGS]
    return {"recalls": np.array([recalls(order, given != y) for order in orders])}


def recalls(order: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """(inspected,) the share of the wrong rows (n,) that is among the first of an order, by the share inspected."""
    found = np.concatenate([[0], np.cumsum(wrong[order])]) / wrong.sum()
    return found[[round(share * len(wrong)) for share in INSPECTED]]


def traced(source: str, points: int, flipped: float, epochs: int, seed: int) -> dict[str, Any]:
    """AUROC of the package's detectors for flipped labels, TracIn over the checkpoints of a network first.

    Two networks train on half of the rows each; a row's score is that of the network that trained on it, except for
    self-confidence, which uses the other one.
    """
    from sklearn.metrics import roc_auc_score

    rows = sample(source, points, 1, seed)
    given = corrupt(rows.dataset(rows.y, source), f"symmetric:{flipped}", seed).given
    settings = {"lr": RATE, "batch_size": BATCH, "weight_decay": 0.0, "augment": "none", "precision": "fp32"}
    config, blind = configured(epochs, seed, settings), rows.dataset(given, source)
    evidence = cross_fit(blind, CrossFit(MODEL, config=config, folds=FOLDS, last_layer=needed(DETECTORS)))
    scores = scores_of(evidence, DETECTORS)
    return {name.replace("-", "_"): float(roc_auc_score(given != rows.y, s)) for name, s in scores.items()}


def _drawn(source: str, points: int, tested: int, labels: str, seed: int) -> tuple[Any, ...]:
    """Inputs and labels of rows, the same of tested ones, and the number of labels.

    Inputs are numbers as in `unit`, in at most 64 principal directions of the rows, of root mean squared length 4,
    and a one for the intercept.
    """
    rows = sample(source, points, tested, seed)
    x, test_x = (unit(part).reshape(len(part), -1).astype(np.float64) for part in (rows.x, rows.test_x))
    middle = x.mean(axis=0)
    x, test_x = x - middle, test_x - middle
    if x.shape[1] > DIRECTIONS:
        _, vectors = np.linalg.eigh(x.T @ x)
        x, test_x = x @ vectors[:, -DIRECTIONS:], test_x @ vectors[:, -DIRECTIONS:]
    scale = np.sqrt((x**2).sum(axis=1).mean()) / LENGTH
    x, test_x = (np.concatenate([part / scale, np.ones((len(part), 1))], axis=1) for part in (x, test_x))
    y, test_y, classes = rows.y, rows.test_y, rows.classes
    return (x, y % 2, test_x, test_y % 2, 2) if labels == "parity" else (x, y, test_x, test_y, classes)


def _flipped(x: np.ndarray, y: np.ndarray, classes: int, share: float, seed: int) -> np.ndarray:
    """(n,) labels of which a share is wrong, all other classes equally likely."""
    data = Dataset(x.astype(np.float32), y, tuple(str(k) for k in range(classes)), "vector", name="rows")
    return corrupt(data, f"symmetric:{share}", seed).given


def _correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(k,) the correlation of every column of x (m, k) with that of y."""
    return np.array([np.corrcoef(x[:, k], y[:, k])[0, 1] for k in range(x.shape[1])])


def runs(scale: Scale) -> list[Task]:
    """All runs, networks first because they take longest."""
    shared = {"source": scale.source, **scale.linear}
    return [
        *(
            Task.of(traced, source=scale.source, flipped=share, seed=seed, **scale.nets)
            for share in scale.shares
            for seed in range(scale.net_seeds)
        ),
        *(
            Task.of(removals, labels=one, seed=seed, **shared, **scale.tests)
            for one in LABELS
            for seed in range(scale.asked_seeds)
        ),
        *(
            Task.of(search, labels=one, flipped=scale.flipped, seed=seed, **shared)
            for one in LABELS
            for seed in range(scale.seeds)
        ),
    ]


def measured(results: Results) -> dict[str, Estimate]:
    """Influence predicts retraining, solvers agree, and flipped labels are found, in networks too."""
    removed, nets = results.of("removals"), results.of("traced").table
    return {
        "conjugate-gradients": exact(removed.table["iterated"].max(skipna=False)),
        **by_seed(_predicted, removed),
        **by_seed(_searched, results.of("search")),
        **{
            f"tracin-{round(100 * share)}": mean(nets.loc[nets["flipped"] == share, "tracin"])
            for share in results.scale.shares
        },
    }


def _predicted(removed: Results) -> dict[str, float]:
    linear = removed.table
    return {
        "leave-one-out": np.concatenate([*linear["correlations"]]).min(),
        "lissa": np.concatenate([*linear["sampled_correlations"]]).min(),
    }


def _searched(searches: Results) -> dict[str, float]:
    twice = INSPECTED.index(2 * searches.scale.flipped)
    own, by_loss, by_chance = np.array([found[:, twice] for found in searches.table["recalls"]]).T
    return {"recall": own.min(), "beats-chance": (own / by_chance).min(), "loss-as-good": (by_loss - own).min()}


def figure(results: Results) -> Figure:
    """Draw prediction against retraining, LiSSA, recall by the share inspected, and detectors on networks."""
    drawn, ((left, solver), (recall, bars)) = subplots(2, 2)
    for item, colour in zip(results.of("removals").where(seed=0), COLOURS, strict=False):
        name, style = item.task.arguments["labels"], {"ms": 3, "alpha": 0.6, "color": colour}
        left.plot(item["found"].ravel(), item["predicted"].ravel(), "o", label=name, **style)
        solver.plot(item["predicted"].ravel(), item["by_lissa"].ravel(), "o", label=name, **style)
    for axes in (left, solver):
        axes.axline((0, 0), slope=1, linestyle="--", color=GREY, linewidth=1, label="equal")
        axes.legend(loc="upper left")
        axes.locator_params(axis="x", nbins=5)
    left.set(xlabel="change of a test loss by retraining", ylabel="predicted", title="A row is left out")
    solver.set(xlabel="predicted by the exact Hessian", ylabel="predicted by LiSSA", title="A few rows at a time")
    _draw_recalls(recall, results)
    _draw_detectors(bars, results.of("traced"))
    return drawn


def _draw_recalls(axes: Axes, results: Results) -> None:
    inspected = [100 * share for share in INSPECTED]
    for labels, style in zip(LABELS, ("o-", "--"), strict=True):
        recalls = [item["recalls"] for item in results.of("search").where(labels=labels)]
        for k, (name, colour) in enumerate(zip(RANKINGS, COLOURS, strict=False)):
            if name == "random" and labels != LABELS[0]:
                continue
            line = name if name == "random" else f"{name}, {labels}"
            draw_runs(axes, inspected, [found[k] for found in recalls], style, scale=100, color=colour, label=line)
    axes.set(xlabel="rows inspected (%)", ylabel="flipped labels found (%)", ylim=(-4, 104))
    axes.set_title(f"{results.scale.flipped:.0%} of the labels flipped")
    axes.legend(loc="center right", bbox_to_anchor=(1.0, 0.5), fontsize=8, handlelength=3.2)


def _draw_detectors(axes: Axes, nets: Results) -> None:
    names = [name.replace("-", "_") for name in DETECTORS]
    found = nets.table.groupby("flipped")[names].mean()
    width = 0.8 / len(names)
    for k, (name, column, colour) in enumerate(zip(DETECTORS, names, COLOURS, strict=False)):
        places = np.arange(len(found)) + (k - (len(names) - 1) / 2) * width
        axes.bar(places, found[column], 0.9 * width, color=colour, label=name)
    axes.set_xticks(range(len(found)), [f"{share:.0%} flipped" for share in found.index])
    axes.set(ylim=(0, 1.3), yticks=(0, 0.2, 0.4, 0.6, 0.8, 1.0), ylabel="AUROC", title="Detectors of networks")
    axes.legend(loc="upper center", ncols=2, fontsize=8)


STUDY = Study.load(__file__, runs, measured, figure)
