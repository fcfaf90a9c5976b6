"""How hard labels are is known before training; it rises with the share of random ones, as the test error does."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.compute import Task
from noisewise.data import Dataset, load
from noisewise.errors import BadInput
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.data import unit
from noisewise.studies.harness.statistics import spearman
from noisewise.theory.complexity import MEASURES, Ground
from noisewise.theory.wide import Spectrum, distinct, infinite_gram, unit_rows
from noisewise.training import Method, Training
from noisewise.training.config import configured

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS = ("pair", "parity")
PROBLEMS = {
    "smoke": (("digits", "parity"),),
    "cpu": (("fashion-mnist", "pair"), ("mnist", "parity"), ("cifar10", "pair")),
    "paper": (("mnist", "pair"), ("cifar10", "pair")),
}
SHARES = {
    "smoke": (0.0, 0.2, 0.4, 0.6, 1.0),
    "cpu": (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0),
    "paper": tuple(k / 10 for k in range(11)),
}
SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"points": 600, "tested": 400, "model": "mlp:128", "epochs": 30, "batch": 64, "rate": 0.02},
    "cpu": {"points": 1000, "tested": 2000, "model": "mlp:128", "epochs": 60, "batch": 64, "rate": 0.02},
    "paper": {"points": 10_000, "tested": 2000, "model": "mlp:10000", "epochs": 200, "batch": 100, "rate": 0.001},
}
SEEDS = {"smoke": 1, "cpu": 2, "paper": 3}
NOISY = 0.4
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


def measured(
    source: str,
    labels: str,
    points: int,
    tested: int,
    shares: list[float],
    model: str,
    epochs: int,
    batch: int,
    rate: float,
    seed: int,
) -> dict[str, Any]:
    """What labels cost of which more and more are replaced by random signs, and what is learnt from them.

    Under the names of `MEASURES` (shares,) numbers of the theory; `kernel_error` and `kernel_loss` are the share of
    true test labels that the kernel H of infinite width gets wrong, and its mean |f - y|, at most 1 each;
    `net_error`, `net_fit` and `forgetting` are those of a network: on the test rows, on the given labels in its last
    epoch, and the mean number of times that a row's given label was forgotten.

    Args:
        source: of the rows. labels: "pair", the first two classes, or "parity" of the class number.
        points, tested: rows to train and at most to test on.
        shares: of the given labels that are random.
        model, epochs, batch, rate: of the network, trained by SGD with momentum 0.9 and a rate that falls as a cosine.
        seed: of rows, random labels and network.
    """
    train_rows, y, test_rows, test_y = _drawn(source, labels, points, tested, seed)
    x = unit_rows(unit(train_rows))
    kept = distinct(x)
    x, y, train_rows = x[kept], y[kept], train_rows[kept]
    ground, across = Ground.of(x), infinite_gram(unit_rows(unit(test_rows)), x)
    rng = np.random.default_rng([seed, 1])
    order, signs = rng.permutation(len(y)), rng.choice([-1.0, 1.0], size=len(y))
    found: dict[str, list[float]] = {}
    for share in shares:
        replaced = order[: round(share * len(y))]
        given = y.copy()
        given[replaced] = signs[replaced]
        row = asdict(ground.difficulty(given[:, None])) | _by_kernel(ground.wide, across, given, test_y)
        row |= _by_network(train_rows, given, test_rows, test_y, model, epochs, batch, rate, seed)
        row["wrong"] = float((given != y).mean())
        for name, value in row.items():
            found.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in found.items()} | {"dropped": points - len(kept)}


def _by_kernel(spectrum: Spectrum, across: np.ndarray, given: np.ndarray, test_y: np.ndarray) -> dict[str, float]:
    """Of the interpolant of the given labels (n,) at the test rows, by the kernel between them (m, n)."""
    values = np.maximum(spectrum.values, 1e-10 * spectrum.values[0])
    outputs = across @ (spectrum.vectors @ ((spectrum.vectors.T @ given) / values))
    return {
        "kernel_error": float((outputs * test_y <= 0).mean()),
        "kernel_loss": float(np.minimum(np.abs(outputs - test_y), 1).mean()),
    }


def _by_network(
    train_rows: np.ndarray,
    given: np.ndarray,
    test_rows: np.ndarray,
    test_y: np.ndarray,
    model: str,
    epochs: int,
    batch: int,
    rate: float,
    seed: int,
) -> dict[str, float]:
    kind: Any = "image" if train_rows.ndim == 4 else "vector"
    test = Dataset(test_rows, (test_y < 0).astype(np.int64), ("plus", "minus"), kind, name="test")
    data = Dataset(train_rows, (given < 0).astype(np.int64), ("plus", "minus"), kind, name="train", test=test)
    settings: dict[str, Any] = {"lr": rate, "batch_size": batch, "weight_decay": 0.0, "schedule": "cosine"}
    config = configured(epochs, seed, {**settings, "augment": "none", "validation": 0.0})
    training = Training(data, model, config, evaluate_from=epochs - 1)
    training.fit(training.learner(), Method(), epochs)
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
    data = load(source)
    if data.kind == "text":
        raise BadInput(f"source={source!r} holds texts, but this study needs rows of numbers")
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


def runs(scale: str, source: str | None, model: None) -> list[Task]:
    """One per problem and seed, the longest first; of a source of your own, its first two classes and its parity."""
    problems = PROBLEMS[scale] if source is None else tuple((source, labels) for labels in reversed(LABELS))
    shares = list(SHARES[scale])
    return [
        Task.of(measured, source=data, labels=labels, shares=shares, seed=seed, **SIZES[scale])
        for seed in range(SEEDS[scale])
        for data, labels in reversed(problems)
    ]


def _problems(results: Results) -> list[tuple[str, Results]]:
    """The runs by problem, with the problem's name."""
    found: dict[str, list[Any]] = {}
    for item in results:
        said = "first two classes" if item.task.arguments["labels"] == LABELS[0] else "parity"
        found.setdefault(f"{item.task.arguments['source']}, {said}", []).append(item)
    return [(name, Results(results.scale, tuple(items))) for name, items in reversed(found.items())]


def _mean(some: Results, name: str) -> np.ndarray:
    """(shares,) of a problem, over seeds."""
    return np.asarray(np.mean([item[name] for item in some], axis=0))


def _shares(results: Results) -> list[float]:
    return list(results.items[0].task.arguments["shares"])


def _order(results: Results, name: str) -> float:
    """The least step from true to noisy or from noisy to random labels, of what random labels have."""
    shares = _shares(results)
    places = [shares.index(share) for share in (0.0, NOISY, 1.0)]
    sign = -1 if name == EASY else 1
    steps = []
    for _, some in _problems(results):
        values = sign * _mean(some, name)
        steps.append(float(np.diff(values[places]).min() / np.abs(values[places]).max()))
    return min(steps)


def tracking(results: Results, name: str, error: str, relative: bool) -> float:
    """The rank correlation of a measure with a test error over all problems and shares together.

    Args:
        name: of the measure; the alignment counts negatively. error: "kernel_error" or "net_error".
        relative: whether the measure is taken over its value for random labels.
    """
    measures, errors = [], []
    for _, some in _problems(results):
        values = _mean(some, name)
        measures.append((values / values[-1] if relative else values) * (-1 if name == EASY else 1))
        errors.append(_mean(some, error))
    return spearman(np.concatenate(measures), np.concatenate(errors))


def claims(results: Results) -> list[Claim]:
    """The complexity rises with random labels and goes with the test error, and all measures order three kinds."""
    problems = _problems(results)
    by_problem = [_mean(some, "complexity") for _, some in problems]

    def tracks(error: str) -> float:
        return min(spearman(values, _mean(some, error)) for values, (_, some) in zip(by_problem, problems, strict=True))

    return [
        Claim(
            "complexity-rises",
            "The complexity rises with every further share of random labels (least step over problems).",
            float(min(np.diff(values).min() for values in by_problem)),
            ">",
            0.0,
        ),
        Claim(
            "random-twice",
            "That of random labels is at least twice that of the true ones (least ratio over problems).",
            float(min(values[-1] / values[0] for values in by_problem)),
            ">=",
            2.0,
        ),
        Claim(
            "tracks-kernel",
            "It goes with the test error of the kernel over the shares (least rank correlation over problems).",
            tracks("kernel_error"),
            ">=",
            0.95,
        ),
        Claim(
            "tracks-network",
            "It goes with the test error of a network (least rank correlation over problems).",
            tracks("net_error"),
            ">=",
            0.95,
        ),
        *(_ordered(results, name) for name in COMPARED),
    ]


def _ordered(results: Results, name: str) -> Claim:
    fewer = "more" if name == EASY else "less"
    return Claim(
        f"order-{name.replace('_', '-')}",
        f"True labels have {fewer} of the {WORDS[name]} than labels of which {NOISY:.0%} are random, and those {fewer} "
        "than random ones (least step, of the largest, over problems).",
        _order(results, name),
        ">",
        0.0,
    )


def figure(results: Results) -> Figure:
    """Complexity and test errors by the share of random labels, the rivals, and how they go with the error."""
    drawn, ((cost, errors), (rivals, bars)) = subplots(2, 2)
    shares = 100 * np.array(_shares(results))
    problems = _problems(results)
    for (name, some), colour in zip(problems, COLOURS, strict=False):
        found = np.array([item["complexity"] for item in some])
        cost.plot(shares, found.mean(axis=0), "o-", color=colour, label=name)
        cost.fill_between(shares, found.min(axis=0), found.max(axis=0), color=colour, alpha=0.2, linewidth=0)
        errors.plot(shares, 100 * _mean(some, "kernel_error"), "o-", color=colour)
        errors.plot(shares, 100 * _mean(some, "net_error"), "s--", color=colour)
    cost.set(xlabel="random labels (%)", ylabel="sqrt(2 y H^-1 y / n)", title="Complexity of the labels")
    cost.set_ylim(0, 1.45 * cost.get_ylim()[1])
    cost.legend(loc="upper left")
    for line, name in (("o-", "kernel H"), ("s--", "network")):
        errors.plot([], [], line, color=GREY, label=name)
    errors.set(xlabel="random labels (%)", ylabel="wrong on clean test rows (%)", title="Test error")
    errors.legend(loc="upper left")
    _draw_rivals(rivals, shares, *problems[0])
    _draw_bars(bars, results)
    return drawn


def _draw_rivals(axes: Axes, shares: np.ndarray, problem: str, some: Results) -> None:
    for name, colour in zip(COMPARED, COLOURS, strict=True):
        values = _mean(some, name)
        axes.plot(shares, values / values[-1] if name != EASY else values[-1] / values, "o-", color=colour)
        axes.plot([], [], "o-", color=colour, label=WORDS[name] if name != EASY else "1 / alignment")
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
    axes.set(xlabel="rank correlation with the network's error", title="All problems together")
    axes.set_xlim(0, 1.02)
    axes.grid(visible=False, axis="y")
    axes.set_ylim(len(COMPARED) - 0.5, -1.6)
    axes.legend(loc="upper left", ncols=2, fontsize=8)


STUDY = Study(
    Card(
        name="dataset-complexity",
        title="How hard labels are to learn can be computed before training, and wrong labels raise it",
        shows="More and more labels are replaced by random ones. What they cost by the theory of wide networks rises, "
        "as do its rivals, and so does the test error of a kernel and of a network.",
        paper="Arora, Du, Hu, Li and Wang, Fine-Grained Analysis of Optimization and Generalization for "
        "Overparameterized Two-Layer Neural Networks, ICML",
        year=2019,
        figure="Figure 2",
        explanation="Images of a class resemble each other, so true labels lie along the few eigenvectors of H with "
        "large eigenvalues. A wrong label differs from its neighbours: it has energy along all eigenvectors, and y "
        "H^-1 y divides it by their small eigenvalues. So every measure rises with the share of random labels, most of "
        "them fastest with the first few, while the test error is slow at first: a kernel and a network outvote few "
        "wrong labels. In absolute value the bound says nothing, as it is above one even for true labels. True labels "
        "of airplanes and automobiles cost 3.9, and random ones at the same images 6.1, not twice as much as was "
        "claimed, probably because by their pixels these classes are hard to tell, and a seventh of the test rows is "
        "wrong at the start. What random labels cost depends on the images alone, 4.1 to 6.8 here, so the complexity "
        "orders shares within a data set but not data sets (rank correlation with the network's error over all "
        "problems 0.72). Taken over that of random labels it does (0.98). Of the rivals the spectral energy, a share "
        "from the start, goes with the error best as it is (0.98); steps and the norm need the comparison with random "
        "labels too.",
        departures="A thousand images rather than all of two classes, and the parity of digits beside two classes. The "
        "network has 128 units, both layers trained by SGD with momentum, rather than 10,000 units whose first layer "
        "moves by full gradient descent; after a pilot run with 512 units, which exceeded the budget, it was made "
        "smaller. On random labels of Fashion-MNIST it does not come to fit all. The test rows keep their true labels. "
        "The paper plots the complexity alone; the rivals are this study's: the minimum norm is that of a Gaussian "
        "kernel, since that of H is the complexity again but for a factor. At the scale of the paper both layers of "
        "the network train, in batches of 100.",
        scales={
            "smoke": "parity of 600 digits, five shares of random labels, one seed",
            "cpu": "1,000 images of the first two classes of Fashion-MNIST and of CIFAR-10, and by parity of MNIST; "
            "seven shares of random labels, two seeds",
            "paper": "10,000 images of the first two classes of MNIST and of CIFAR-10, eleven shares, networks of "
            "10,000 units, three seeds",
        },
        budget={"smoke": 20, "cpu": 120},
        takes=("source",),
    ),
    runs,
    claims,
    figure,
)
