"""Influence functions: what leaving a row out does to a loss, and flipped labels found by what rows do to their own."""

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
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.data import sample, unit
from noisewise.theory.influence import Regression, changes, conjugate_gradients, lissa, self_influence
from noisewise.training.config import configured

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SOURCES = {"smoke": "digits", "cpu": "fashion-mnist"}
POINTS = {"smoke": 300, "cpu": 2000}
TESTED = {"smoke": 300, "cpu": 5000}
ASKED = {"smoke": 3, "cpu": 5}
TOP = {"smoke": 40, "cpu": 100}
SEEDS = {"smoke": 2, "cpu": 5}
NETS: dict[str, dict[str, Any]] = {
    "smoke": {"points": 400, "epochs": 20, "seeds": 1},
    "cpu": {"points": 3000, "epochs": 20, "seeds": 2},
}
MODEL, RATE, BATCH, FOLDS = "mlp:256", 0.05, 64, 2
LABELS = ("parity", "classes")
STRENGTH = 0.01
DIRECTIONS, LENGTH = 64, 4.0
FLIPPED = 0.1
INSPECTED = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
RANKINGS = ("self-influence", "loss", "random")
DETECTORS = ("tracin", "self-influence", "self-confidence")
SHARES = (0.2, 0.4)


def removals(source: str, points: int, labels: str, tested: int, asked: int, top: int, seed: int) -> dict[str, Any]:
    """Predicted and true changes of the losses of wrongly classified tests when rows are left out.

    Args:
        source: of the rows. points: n. labels: classes, or the parity of their numbers. tested: test rows.
        asked: how many of the wrongly classified tests are looked at.
        top: rows of the largest predicted changes, per test, without which the regression is trained again.
        seed: of the rows and of LiSSA.
    """
    x, y, test_x, test_y, classes = _drawn(source, points, tested, labels, seed)
    fitted = Regression.fit(x, y, classes, STRENGTH)
    wrong = np.flatnonzero(fitted.logs(test_x).argmax(axis=1) != test_y)[:asked]
    if not len(wrong):
        raise BadInput(f"source={source!r} leaves no test row wrongly classified, whose loss this study looks at")
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
    """The share of the flipped labels that is among the inspected rows, (rankings, inspected)."""
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
    """How well the package's detectors tell flipped labels (AUROC), TracIn over the checkpoints of a network first.

    Two networks train on half of the rows each; a row's score is that of the network that trained on it, save for
    self-confidence, which asks the other one.
    """
    from sklearn.metrics import roc_auc_score

    rows = sample(source, points, 1, seed)
    given = corrupt(rows.dataset(rows.y, source), f"symmetric:{flipped}", seed).given
    settings = {"lr": RATE, "batch_size": BATCH, "weight_decay": 0.0, "augment": "none"}
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
    if rows.kind == "text":
        raise BadInput(f"source={source!r} holds texts, but this study needs rows of numbers")
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


def runs(scale: str, source: str | None, model: None) -> list[Task]:
    """Networks first: they take longest."""
    data = source or SOURCES[scale]
    sizes = {key: value for key, value in NETS[scale].items() if key != "seeds"}
    shared: dict[str, Any] = {"source": data, "points": POINTS[scale]}
    nets = [
        Task.of(traced, source=data, flipped=share, seed=seed, **sizes)
        for share in SHARES
        for seed in range(NETS[scale]["seeds"])
    ]
    tests: dict[str, Any] = {"tested": TESTED[scale], "asked": ASKED[scale], "top": TOP[scale]}
    linear = [Task.of(removals, labels=one, seed=0, **shared, **tests) for one in LABELS]
    return [
        *nets,
        *linear,
        *(
            Task.of(search, labels=one, flipped=FLIPPED, seed=k, **shared)
            for one in LABELS
            for k in range(SEEDS[scale])
        ),
    ]


def _recalls(results: Results, labels: str, ranking: str) -> np.ndarray:
    """(inspected,) the mean recall over the seeds."""
    found = [item["recalls"][RANKINGS.index(ranking)] for item in results.of("search").where(labels=labels)]
    return np.asarray(np.mean(found, axis=0))


def claims(results: Results) -> list[Claim]:
    """Influence predicts retraining, solvers agree, and flipped labels show, in networks too."""
    linear = results.of("removals")
    correlations = np.concatenate([item["correlations"] for item in linear])
    sampled = np.concatenate([item["sampled_correlations"] for item in linear])
    twice = INSPECTED.index(2 * FLIPPED)
    own, by_loss, by_chance = ([_recalls(results, one, name)[twice] for one in LABELS] for name in RANKINGS)
    nets = results.of("traced")
    stated = [
        Claim(
            "leave-one-out",
            "The predicted change of a test loss correlates with that of retraining without the row "
            "(least over tests and labels).",
            float(correlations.min()),
            ">=",
            0.95,
        ),
        Claim(
            "conjugate-gradients",
            "Conjugate gradients come to the exact solution (largest relative error).",
            float(linear.numbers("iterated").max()),
            "<=",
            1e-6,
        ),
        Claim(
            "lissa",
            "Changes predicted with LiSSA correlate with those by the exact Hessian (least over tests and labels).",
            float(sampled.min()),
            ">=",
            0.95,
        ),
        Claim(
            "recall",
            f"With {FLIPPED:.0%} of the labels flipped, inspecting twice as many rows by self-influence finds 80 %.",
            float(min(own)),
            ">=",
            0.8,
        ),
        Claim(
            "beats-chance",
            "That is at least three times what random inspection finds.",
            float(min(a / b for a, b in zip(own, by_chance, strict=True))),
            ">=",
            3.0,
        ),
        Claim(
            "loss-as-good",
            "For linear models the loss alone finds as many, up to 5 points (least of its recall less that of "
            "self-influence).",
            float(min(a - b for a, b in zip(by_loss, own, strict=True))),
            ">=",
            -0.05,
        ),
    ]
    return stated + [
        Claim(
            f"tracin-{round(100 * share)}",
            f"TracIn over the checkpoints of a network tells the flipped among {share:.0%} flipped labels (AUROC).",
            nets.where(flipped=share).mean("tracin"),
            ">=",
            0.8,
        )
        for share in SHARES
    ]


def figure(results: Results) -> Figure:
    """Prediction against retraining, LiSSA, recall by the share inspected, and detectors on networks."""
    drawn, ((left, solver), (recall, bars)) = subplots(2, 2)
    for item, colour in zip(results.of("removals"), COLOURS, strict=False):
        name, style = item.task.arguments["labels"], {"ms": 3, "alpha": 0.6, "color": colour}
        left.plot(item["found"].ravel(), item["predicted"].ravel(), "o", label=name, **style)
        solver.plot(item["predicted"].ravel(), item["by_lissa"].ravel(), "o", label=name, **style)
    for axes in (left, solver):
        axes.axline((0, 0), slope=1, linestyle="--", color=GREY, linewidth=1)
        axes.legend(loc="upper left")
        axes.locator_params(axis="x", nbins=5)
    left.set(xlabel="change of a test loss by retraining", ylabel="predicted", title="A row is left out")
    solver.set(xlabel="predicted by the exact Hessian", ylabel="predicted by LiSSA", title="A few rows at a time")
    _draw_recalls(recall, results)
    _draw_detectors(bars, results.of("traced"))
    return drawn


def _draw_recalls(axes: Axes, results: Results) -> None:
    inspected = [100 * share for share in INSPECTED]
    for name, colour in zip(RANKINGS, COLOURS, strict=False):
        for labels, style in zip(LABELS, ("o-", "s--"), strict=True):
            if name == "random" and labels != LABELS[0]:
                continue
            line = name if name == "random" else f"{name}, {labels}"
            axes.plot(inspected, 100 * _recalls(results, labels, name), style, color=colour, label=line)
    axes.set(xlabel="rows inspected (%)", ylabel="flipped labels found (%)", ylim=(-4, 104))
    axes.set_title(f"{FLIPPED:.0%} of the labels flipped")
    axes.legend(loc="center right", bbox_to_anchor=(1.0, 0.5), fontsize=8)


def _draw_detectors(axes: Axes, nets: Results) -> None:
    width = 0.8 / len(DETECTORS)
    for k, (name, colour) in enumerate(zip(DETECTORS, COLOURS, strict=False)):
        found = [nets.where(flipped=share).mean(name.replace("-", "_")) for share in SHARES]
        places = np.arange(len(SHARES)) + (k - (len(DETECTORS) - 1) / 2) * width
        axes.bar(places, found, 0.9 * width, color=colour, label=name)
    axes.set_xticks(range(len(SHARES)), [f"{share:.0%} flipped" for share in SHARES])
    axes.set(ylim=(0.5, 1.25), yticks=(0.5, 0.6, 0.7, 0.8, 0.9, 1.0), ylabel="AUROC", title="Networks")
    axes.legend(loc="upper center", ncols=2, fontsize=8)


STUDY = Study(
    Card(
        name="influence",
        title="Influence functions predict what leaving a row out does, and flipped labels influence themselves most",
        shows="Predicted changes of test losses are held against retraining without the row. Rows are then inspected "
        "in the order of their influence on themselves, which finds flipped labels; so does TracIn on networks.",
        paper="Koh and Liang, Understanding Black-box Predictions via Influence Functions, ICML",
        year=2017,
        figure="Figures 2 and 5; TracIn: Pruthi, Liu, Kale and Sundararajan, NeurIPS 2020",
        explanation="Leaving out one of n rows moves the minimum by about H^-1 g / n, one step of Newton's method, "
        "and a test loss by its gradient times that. The step is a little too short, by about 4 % here, as the "
        "Hessian still holds the row. A row with a wrong label is one that other rows do not speak for: without it, "
        "its own loss rises most. On a linear model its loss says as much, and costs nothing; influence is worth its "
        "Hessian where one asks which rows are to blame for a prediction. On networks TracIn sums over checkpoints "
        "what the row's own steps did for it. It tells flipped labels, but less well than the confidence of a "
        "network that has not seen the row.",
        departures="Fashion-MNIST in its first 64 principal directions and 2,000 rows, rather than all pixels and "
        "55,000 rows of MNIST, so that the exact Hessian is at hand; the 100 rows of largest influence on five "
        "wrongly classified tests rather than 500 on one. Flipped labels are sought there instead of in spam, as "
        "parity of the class number and as ten classes, with 10 % flipped and five seeds rather than forty; the test "
        "accuracy after repair is left out. The intercept is penalised like the weights. TracIn is the package's "
        "detector: the last layer at four checkpoints, with two networks of 256 units that train on half of the rows "
        "each.",
        scales={
            "smoke": "300 digits, the 40 largest influences on three tests, two seeds; networks on 400 digits",
            "cpu": "Fashion-MNIST: 2,000 rows, the 100 largest influences on five tests, five seeds of flips; "
            "networks on 3,000 rows, two seeds",
        },
        budget={"smoke": 20, "cpu": 120},
        takes=("source",),
    ),
    runs,
    claims,
    figure,
)
