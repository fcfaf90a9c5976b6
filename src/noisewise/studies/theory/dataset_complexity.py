"""The difficulty of labels is known before training; it rises with the share of random ones, like the test error."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.claim import Estimate
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import numeric, unit
from noisewise.studies.harness.statistics import by_seed, spearman
from noisewise.theory.complexity import MEASURES, Ground
from noisewise.theory.wide import Spectrum, distinct, infinite_gram, unit_rows
from noisewise.training import Config, Method, Training
from noisewise.training.config import configured

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS = ("pair", "parity")
FORGETTING = "forgetting"
COMPARED = (*MEASURES, FORGETTING)
EASY = "alignment"
WORDS = {
    "complexity": "complexity",
    "spectral_energy": "spectral energy",
    "steps_to_tenth": "steps to a tenth",
    "steps_to_hundredth": "steps to a hundredth",
    "minimum_norm": "minimum norm",
    "alignment": "alignment",
    FORGETTING: "mean forgetting",
}


@dataclass(frozen=True)
class Problem:
    """Rows of two kinds, and the network that learns them.

    The network is trained by SGD with momentum 0.9 and a rate that falls along a cosine.

    Attributes:
        source: Of the rows.
        labels: "pair", the first two classes, or "parity" of the class number.
        points: How many rows to train on.
        tested: Largest number of rows to test on.
        model: As in `noisewise.train`.
        epochs: Number of epochs.
        batch: Rows per step.
        rate: The first learning rate.
        seed: Random seed, of rows, random labels and network.
    """

    source: str
    labels: str
    points: int
    tested: int
    model: str
    epochs: int
    batch: int
    rate: float
    seed: int

    def config(self) -> Config:
        """The settings of the network's training."""
        settings = {"lr": self.rate, "batch_size": self.batch, "weight_decay": 0.0, "schedule": "cosine"}
        return configured(
            self.epochs, self.seed, {**settings, "augment": "none", "validation": 0.0, "precision": "fp32"}
        )


def measured(shares: list[float], scratch: Path | None = None, **fields: Any) -> dict[str, Any]:
    """Replace more and more labels by random signs, and measure their complexity and what is learned from them.

    Args:
        shares: Of the given labels that are random.
        scratch: For checkpoints; None keeps none.
        **fields: Those of `Problem`.

    Returns:
        Under the names of `MEASURES`, (shares,) numbers of the theory; `kernel_error` and `kernel_loss`: the share of
        true test labels that the kernel H of infinite width gets wrong, and its mean |f - y|, at most 1 each;
        `net_error`, `net_fit` and `forgetting`: those of a network on the test rows, on the given labels in its last
        epoch, and the mean number of times that a row's given label was forgotten; `wrong`: the share of wrong labels;
        `dropped`: the number of rows left out because they repeat others.

    Raises:
        BadInput: a source of texts, without a test split, or with too few rows.
    """
    problem = Problem(**fields)
    train_rows, y, test_rows, test_y = _drawn(
        problem.source, problem.labels, problem.points, problem.tested, problem.seed
    )
    x = unit_rows(unit(train_rows))
    kept = distinct(x)
    x, y, train_rows = x[kept], y[kept], train_rows[kept]
    ground, across = Ground.of(x), infinite_gram(unit_rows(unit(test_rows)), x)
    test = _two_classes(test_rows, test_y)
    rng = np.random.default_rng([problem.seed, 1])
    order, signs = rng.permutation(len(y)), rng.choice([-1.0, 1.0], size=len(y))
    found: dict[str, list[float]] = {}
    for number, share in enumerate(shares):
        replaced = order[: round(share * len(y))]
        given = y.copy()
        given[replaced] = signs[replaced]
        row = asdict(ground.difficulty(given[:, None])) | _by_kernel(ground.wide, across, given, test_y)
        row |= _by_network(problem, _two_classes(train_rows, given, test), scratch and scratch / str(number))
        row["wrong"] = float((given != y).mean())
        for name, value in row.items():
            found.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in found.items()} | {"dropped": problem.points - len(kept)}


def _by_kernel(spectrum: Spectrum, across: np.ndarray, given: np.ndarray, test_y: np.ndarray) -> dict[str, float]:
    """Error and loss at the test rows of the interpolant of given labels (n,), with the kernel (m, n) between them."""
    values = np.maximum(spectrum.values, 1e-10 * spectrum.values[0])
    outputs = across @ (spectrum.vectors @ ((spectrum.vectors.T @ given) / values))
    return {
        "kernel_error": float((outputs * test_y <= 0).mean()),
        "kernel_loss": float(np.minimum(np.abs(outputs - test_y), 1).mean()),
    }


def _two_classes(rows: np.ndarray, signs: np.ndarray, test: Dataset | None = None) -> Dataset:
    """Rows whose class is the (n,) sign of their label."""
    kind: Any = "image" if rows.ndim == 4 else "vector"
    return Dataset(rows, (signs < 0).astype(np.int64), ("plus", "minus"), kind, name="train", test=test)


def _by_network(problem: Problem, data: Dataset, folder: Path | None) -> dict[str, float]:
    """Of a network trained on the given labels, at the test rows and at the training rows."""
    resume, config = folder is not None, problem.config()
    training = Training(data, problem.model, config, evaluate_from=problem.epochs - 1, folder=folder, resume=resume)
    training.fit(training.learner(), Method(), problem.epochs)
    training.finish()
    last = training.history[-1]
    return {
        "net_error": 1 - last["test_accuracy"],
        "net_fit": last["train_accuracy"],
        FORGETTING: float(training.ledger.statistics()[FORGETTING][data.index].mean()),
    }


def _drawn(source: str, labels: str, points: int, tested: int, seed: int) -> tuple[np.ndarray, ...]:
    """(n, ...) rows and (n,) labels of plus and minus one, and the same of at most `tested` test rows.

    Raises:
        BadInput: a source of texts, without a test split, or with too few rows.
    """
    data = numeric(source)
    if data.test is None:
        raise BadInput(f"source={source!r} has no test split, which this study needs")
    limit = 2 if labels == "pair" else len(data.classes)
    found: list[np.ndarray] = []
    for part, wanted in ((data, points), (data.test, tested)):
        some = np.flatnonzero(part.given < limit)
        if part is data and len(some) < wanted:
            raise BadInput(f"source={source!r} has {len(some)} such training rows, but this study needs {wanted}")
        chosen = np.random.default_rng(seed).permutation(some)[:wanted]
        found += [np.asarray(part.inputs[chosen]), np.where(part.given[chosen] % 2 == 0, 1.0, -1.0)]
    return tuple(found)


def runs(scale: Scale) -> list[Task]:
    """One run per problem and seed, the longest first; for your own source its first two classes and its parity."""
    own = scale.chosen.get("source")
    problems = [(own, labels) for labels in reversed(LABELS)] if own else scale.problems
    return [
        Task.of(measured, source=source, labels=labels, shares=scale.shares, seed=seed, **scale.sizes)
        for seed in range(scale.seeds)
        for source, labels in reversed(problems)
    ]


def by_problem(results: Results) -> dict[str, pd.DataFrame]:
    """By the problem's name, what was measured: a row per seed and share of random labels."""
    problems = results.table.iloc[::-1].groupby(["source", "labels"], sort=False)
    columns = [name for name in (*COMPARED, "kernel_error", "net_error") if name in results.table]
    titles = {"pair": "first two classes", "parity": "parity"}
    return {
        f"{source}, {titles[str(labels)]}": some[["seed", "shares", *columns]]
        .explode(["shares", *columns])
        .astype(float)
        for (source, labels), some in problems
    }


def by_share(results: Results) -> dict[str, pd.DataFrame]:
    """By problem, a row per share of random labels, averaged over seeds."""
    return {name: means(some, "shares", [*some.columns.drop("shares")]) for name, some in by_problem(results).items()}


def tracking(results: Results, name: str, error: str, relative: bool) -> float:
    """The rank correlation of a measure with a test error over all problems and shares together.

    Args:
        results: Of the runs.
        name: The measure; the alignment counts negatively.
        error: "kernel_error" or "net_error".
        relative: Whether the measure is divided by its value for random labels.
    """
    sign = -1 if name == EASY else 1
    found = by_share(results).values()
    measures = [sign * (some[name] / some[name].iloc[-1] if relative else some[name]) for some in found]
    return spearman(np.concatenate(measures), np.concatenate([some[error] for some in found]))


def claimed(results: Results) -> dict[str, Estimate]:
    """By seed: complexity rises with random labels and correlates with the test error; measures order three kinds."""
    return by_seed(_of_seed, results)


def _of_seed(results: Results) -> dict[str, float]:
    """The complexity rises with random labels and correlates with the test error; all measures order three kinds."""
    problems = by_share(results).values()

    def order(name: str) -> float:
        """The least step from true to noisy or from noisy to random labels, over the largest value of the three."""
        sign = -1 if name == EASY else 1
        values = [sign * some.loc[[0.0, results.scale.noisy, 1.0], name] for some in problems]
        return min(np.diff(three).min() / three.abs().max() for three in values)

    return {
        "complexity-rises": min(np.diff(some["complexity"]).min() for some in problems),
        "random-more": min(some["complexity"].iloc[-1] / some["complexity"].iloc[0] for some in problems),
        "tracks-kernel": min(spearman(some["complexity"], some["kernel_error"]) for some in problems),
        "tracks-network": min(spearman(some["complexity"], some["net_error"]) for some in problems),
        **{f"order-{name.replace('_', '-')}": order(name) for name in COMPARED},
    }


def figure(results: Results) -> Figure:
    """Draw complexity and test errors by share of random labels, the rivals, and their correlation with the error."""
    drawn, ((cost, errors), (rivals, bars)) = subplots(2, 2)
    for (name, some), colour in zip(by_problem(results).items(), COLOURS, strict=False):
        found, mean = some.groupby("shares")["complexity"], some.groupby("shares").mean()
        shares = 100 * mean.index.to_numpy()
        cost.plot(shares, mean["complexity"], "o-", color=colour, label=name)
        cost.fill_between(shares, found.min(), found.max(), color=colour, alpha=0.2, linewidth=0)
        errors.plot(shares, 100 * mean["kernel_error"], "o-", color=colour)
        errors.plot(shares, 100 * mean["net_error"], "--", color=colour)
    cost.set(xlabel="random labels (%)", ylabel="sqrt(2 y H^-1 y / n)", title="Complexity of the labels")
    cost.set_ylim(0, 1.45 * cost.get_ylim()[1])
    cost.legend(loc="upper left")
    for line, name in (("-", "kernel H"), ("--", "network")):
        errors.plot([], [], line, color=GREY, label=name)
    errors.set(
        xlabel="random labels (%)", ylabel="wrong on clean test rows (%)", title="Test error (colours as on the left)"
    )
    errors.legend(loc="upper left")
    _draw_rivals(rivals, *next(iter(by_share(results).items())))
    _draw_bars(bars, results)
    return drawn


def _draw_rivals(axes: Axes, problem: str, some: pd.DataFrame) -> None:
    for name, colour in zip(COMPARED, COLOURS, strict=True):
        relative = some[name] / some[name].iloc[-1]
        label = WORDS[name] if name != EASY else "1 / alignment"
        axes.plot(100 * some.index, relative if name != EASY else 1 / relative, "o-", color=colour, label=label)
    axes.set(xlabel="random labels (%)", ylabel="of that of random labels", title=f"Rivals: {problem}")
    axes.set_ylim(-0.03, 1.65)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.legend(loc="upper left", ncols=2, fontsize=8)


def _draw_bars(axes: Axes, results: Results) -> None:
    places = np.arange(len(COMPARED))
    kinds = ((False, -0.2, COLOURS[0], "as it is"), (True, 0.2, COLOURS[1], "over that of random labels"))
    for relative, offset, colour, label in kinds:
        found = [tracking(results, name, "net_error", relative) for name in COMPARED]
        axes.barh(places + offset, found, 0.36, color=colour, label=label)
    axes.set_yticks(places, [WORDS[name] for name in COMPARED])
    axes.invert_yaxis()
    axes.set(xlabel="rank correlation with the network's error", ylabel="measure", title="Problems and shares together")
    axes.set_xlim(0, 1.02)
    axes.grid(visible=False, axis="y")
    axes.set_ylim(len(COMPARED) - 0.5, -1.6)
    axes.legend(loc="upper left", ncols=2, fontsize=8)


STUDY = Study.load(__file__, runs, claimed, figure)
