"""Networks fit random labels as they fit true ones, only a little later."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.interpolation import fitting
from noisewise.studies.harness.statistics import spearman

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRUE, RANDOM = "true labels", "random labels"
CORRUPTIONS = {
    TRUE: None,
    RANDOM: "uniform:1",
    "shuffled pixels": "shuffled-pixels",
    "random pixels": "random-pixels",
    "gaussian": "gaussian",
}
SOURCES = {"smoke": "digits", "cpu": "cifar10", "paper": "cifar10"}
SHARES = {"smoke": (0.0, 0.5, 1.0), "cpu": (0.0, 0.25, 0.5, 0.75, 1.0), "paper": tuple(np.arange(11) / 10)}
CURVES = {"smoke": ("mlp:128",), "cpu": ("alexnet-small",), "paper": ("inception-small",)}
SEEDS: dict[str, dict[str, int]] = {
    "smoke": {"mlp:128": 1},
    "cpu": {"alexnet-small": 1, "mlp:512": 2},
    "paper": {"inception-small": 1, "alexnet-small": 1, "mlp:512": 1},
}
_CONVOLUTIONAL = {"rows": 1000, "tested": 1000, "epochs": 100, "batch_size": 32, "shrink": 3}
SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "smoke": {"": {"rows": 400, "tested": None, "epochs": 60, "batch_size": 32, "rate": 0.1}},
    "cpu": {
        "": _CONVOLUTIONAL,
        "mlp": {"rows": 4000, "tested": 2000, "epochs": 60, "batch_size": 64},
    },
    "paper": {"": {"rows": None, "tested": None, "epochs": 100}},
}
ERROR_SLACK = 0.02


def corruption(share: float) -> str | None:
    """The spec that redraws this share of the labels."""
    return f"uniform:{share:g}" if share else None


def sizes(scale: str, model: str) -> dict[str, Any]:
    """The sizes of a run of a model: those for its kind of network, or those for any."""
    known = SIZES[scale]
    return known.get(model.partition(":")[0], known[""])


def runs(scale: str, source: str | None, model: str | None) -> list[Task]:
    """Five kinds of data, and shares of redrawn labels, each with some networks."""
    seeds = SEEDS[scale] if model is None else {model: 1}
    data, drawn = source or SOURCES[scale], CURVES[scale] if model is None else (model,)
    wanted = [(net, spec, 0) for net in drawn for spec in CORRUPTIONS.values()]
    wanted += [
        (net, corruption(share), seed) for net, n in seeds.items() for share in SHARES[scale] for seed in range(n)
    ]
    return [fitting(source=data, model=net, corrupt=spec, seed=seed, **sizes(scale, net)) for net, spec, seed in wanted]


def sweep(results: Results, model: str, name: str) -> np.ndarray:
    """(shares,) the mean over seeds of a value, by share of redrawn labels; NaN where a run has none."""
    chosen = [results.where(model=model, corrupt=corruption(share)) for share in SHARES[results.scale]]
    return np.array([one.mean(name) for one in chosen])


def claims(results: Results) -> list[Claim]:
    """What figure 1 of the paper shows, for every network."""
    models, shares = _swept(results), np.array(SHARES[results.scale])
    classes = results.items[0]["classes"]
    chance = 1 - 1 / classes
    random = results.where(corrupt=CORRUPTIONS[RANDOM])
    swept = [item for item in results if item.task.arguments.get("corrupt") in map(corruption, SHARES[results.scale])]
    times = [sweep(results, net, "to_accuracy") for net in models]
    errors = [1 - sweep(results, net, "test_accuracy") for net in models]
    everyone = results.choices("model")
    guesses = [1 - random.where(model=net).mean("test_accuracy") for net in everyone]
    factors = [_later(results, net, "to_accuracy") for net in everyone]
    found = [
        Claim(
            "random-labels-fitted",
            "Every network fits at least 99 % of labels that are all random.",
            float(random.numbers("train_accuracy").min()),
            ">=",
            0.99,
        ),
        Claim(
            "all-fitted",
            "At every share of redrawn labels at most 1 % of the training rows are not fitted.",
            1 - min(float(item["train_accuracy"]) for item in swept),
            "<=",
            0.01,
        ),
        Claim(
            "chance",
            "After random labels the test error is that of guessing, to 2 points.",
            max(abs(error - chance) for error in guesses),
            "<=",
            ERROR_SLACK,
        ),
        Claim(
            "slower",
            "The more labels are redrawn, the longer it takes to fit 99 % of them (least Spearman of any network).",
            float(np.min([spearman(shares, time) for time in times])),
            ">=",
            0.9,
        ),
        Claim(
            "later",
            "Every network takes longer to fit random labels than true ones (least ratio of epochs).",
            float(np.min(factors)),
            ">",
            1.0,
        ),
        Claim(
            "not-much-later",
            "Random labels take at most ten times as long as true ones.",
            float(np.max(factors)),
            "<=",
            10.0,
        ),
        Claim(
            "later-loss",
            "Every network also takes longer to a loss below 0.01.",
            float(np.min([_later(results, net, "to_fit") for net in everyone])),
            ">",
            1.0,
        ),
        Claim(
            "error-rises",
            "The test error of fitted networks never falls by more than 2 points from one share to the next.",
            max(float(-np.diff(error).min()) for error in errors),
            "<=",
            ERROR_SLACK,
        ),
    ]
    return [*found, *(claim for model in _drawn(results) for claim in _order(results, model))]


def _later(results: Results, model: str, name: str) -> float:
    """How many times as many epochs a network needs for random labels as for true ones, means over seeds."""
    random, true = (results.where(model=model, corrupt=CORRUPTIONS[kind]) for kind in (RANDOM, TRUE))
    return random.mean(name) / true.mean(name)


def _swept(results: Results) -> list[str]:
    """The models that are trained at all shares."""
    middle = SHARES[results.scale][1]
    return results.where(corrupt=corruption(middle)).choices("model")


def _drawn(results: Results) -> list[str]:
    """The models that are trained on all kinds of data."""
    return results.where(corrupt="gaussian").choices("model")


def _order(results: Results, model: str) -> list[Claim]:
    """In which order kinds of data are fitted; not claimed of perceptrons, which know no neighbours."""
    if model.partition(":")[0] == "mlp":
        return []
    time = {
        name: results.where(model=model, corrupt=spec, seed=0).mean("to_accuracy") for name, spec in CORRUPTIONS.items()
    }
    slug = re.sub("[^a-z0-9]+", "-", model.lower()).strip("-")
    others = float(np.min([time["random pixels"], time["gaussian"]]))
    ratios = {
        "true-first": ("true labels before random pixels and Gaussian images", time[TRUE] / others),
        "pixels-before-labels": ("random pixels before random labels", time["random pixels"] / time[RANDOM]),
        "gaussian-before-labels": ("Gaussian images before random labels", time["gaussian"] / time[RANDOM]),
    }
    return [
        Claim(f"{name}-{slug}", f"{model} fits {words} (ratio of epochs).", ratio, "<", 1.0)
        for name, (words, ratio) in ratios.items()
    ]


def _curves(axes: Axes, results: Results, model: str, letter: str) -> None:
    for name, spec in CORRUPTIONS.items():
        history = results.where(model=model, corrupt=spec, seed=0).items[0]["history"]
        axes.plot(history["epoch"], history["train_loss"], label=name)
    axes.set(xlabel="epoch", ylabel="training loss", title=f"{letter}: {model}", ylim=(0, None))


def figure(results: Results) -> Figure:
    """Loss over epochs by kind of data; time to fit and test error by share of redrawn labels."""
    models = _drawn(results)
    panels = len(models) + 2
    shape = (2, 2) if panels == 4 else (1, panels)
    drawn, grid = subplots(*shape)
    *firsts, middle, right = np.ravel(grid)
    letters = "abcdefgh"
    for axes, model, letter in zip(firsts, models, letters, strict=False):
        _curves(axes, results, model, letter)
    firsts[0].legend()
    shares = SHARES[results.scale]
    for net, colour in zip(_swept(results), COLOURS, strict=False):
        times = [sweep(results, net, name) for name in ("to_accuracy", "to_fit")]
        middle.plot(shares, times[0] / times[0][0], "o-", color=colour, label=net)
        middle.plot(shares, times[1] / times[1][0], "o--", color=colour, markerfacecolor="white")
        right.plot(shares, 1 - sweep(results, net, "test_accuracy"), "o-", color=colour, label=net)
    middle.plot([], [], "--", color=GREY, label="to a loss below 0.01")
    middle.axhline(1, color=GREY, linewidth=1)
    title = f"{letters[panels - 2]}: time to 99 % accuracy"
    middle.set(xlabel="share of labels redrawn", ylabel="epochs to fit / at share 0", title=title)
    low, high = middle.get_ylim()
    middle.set_ylim(low, high + 0.45 * (high - low))
    middle.legend(loc="upper left")
    classes = results.items[0]["classes"]
    right.axhline(1 - 1 / classes, linestyle="--", color=GREY, label="guessing")
    title = f"{letters[panels - 1]}: error once fitted"
    right.set(xlabel="share of labels redrawn", ylabel="test error", title=title, ylim=(0, 1))
    right.legend(loc="lower right")
    return drawn


STUDY = Study(
    Card(
        name="fitting-random-labels",
        title="Networks fit random labels about as easily as true ones",
        shows="The same network with the same settings is trained on true labels, on random ones, and on images whose "
        "pixels mean nothing. It fits them all; only the test error tells them apart.",
        paper="Zhang, Bengio, Hardt, Recht and Vinyals, Understanding Deep Learning Requires Rethinking "
        "Generalization, ICLR",
        year=2017,
        figure="Figure 1",
        explanation="A network with more weights than rows can give every row any label, and gradient descent finds "
        "such weights. True labels are fitted first since one direction in weight space serves many rows at once; a "
        "random label must be learned row by row, and the loss falls only once the network has told the rows apart. "
        "Random pixels and Gaussian images lie further from each other than photographs do, so that they are told "
        "apart more easily than photographs with random labels; so it is in the paper with Inception on 50,000 rows, "
        "but not with AlexNet on 1,000. Since nothing but the labels differs between the first two curves, no property "
        "of the network or of its training alone can explain why it generalises.",
        departures="At smoke and cpu fewer rows and batches of other sizes (the paper names none; 128 at the scale "
        "paper); at cpu AlexNet sees images of 9x9, averaged from 27x27. Inception is run at the scale paper alone: on "
        "500 rows its loss in evaluation mode jumps to 30, probably since running statistics lag, and the "
        "epochs to fit (25 for true labels, 24 for random ones, 32 for random pixels, 16 for Gaussian images) say "
        "little. The learning rate falls by 0.95 every 391 steps, an epoch of the paper, since an epoch here has fewer "
        "steps. Loss and accuracy are those in evaluation mode after every epoch. Training ends with the first epoch "
        "with an accuracy of 0.99 and a loss below 0.01. Pixels are permuted as positions, all channels together, and "
        "Gaussian moments are those of each channel; the paper leaves both open. "
        "The gallery at cpu was measured on CIFAR-10 compressed as JPEG of quality about 75, not the lossless original",
        scales={
            "smoke": "digits, 400 rows, one perceptron, 3 shares",
            "cpu": "CIFAR-10: small AlexNet on 1,000 rows, MLP 1x512 on 4,000 (two seeds), 5 shares",
            "paper": "CIFAR-10 whole: small Inception, small AlexNet, MLP 1x512, 11 shares, up to 100 epochs",
        },
        budget={"smoke": 40, "cpu": 1440},
        takes=("source", "model"),
    ),
    runs,
    claims,
    figure,
)
