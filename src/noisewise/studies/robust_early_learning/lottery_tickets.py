"""Clean MNIST learned by fewer and fewer weights: accuracy and effective parameters by the share without gradient."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.compute import Result, Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.fit import following, last
from noisewise.studies.harness.statistics import accuracies, gap, jackknife, mean, spearman
from noisewise.theory.decay import decay_rate, knee, share_left

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KEPT = {"conv2": "4.weight", "fc1": "8.weight"}
FAN_IN = {"conv2": 150, "fc1": 400}
TESTED = 10_000  # test rows of MNIST


def spec(tau: float) -> str:
    """Gradients for a share of 1 - tau of each weight tensor, unscaled."""
    return f"cdr:tau={tau:g},ordering=tensor,scale=false"


def runs(scale: Scale) -> list[Task]:
    """LeNet at every tau, and at the largest once more with twice the decay."""
    common = {"source": scale.source, "model": "lenet", "seed": 0, "keep": KEPT, **scale.sgd, **scale.training}
    once = {"weight_decay": scale.weight_decay, "epochs": scale.epochs}
    twice = {"weight_decay": 2 * scale.weight_decay, "epochs": math.ceil(0.6 * scale.epochs)}
    return [
        *(following(method=spec(tau), **common, **once) for tau in scale.taus),
        following(method=spec(scale.fewest), **common, **twice),
    ]


def by_tau(results: Results) -> tuple[dict[float, Result], Result]:
    """The runs with the first decay by tau, and that with twice the decay."""
    *once, twice = results.items
    return dict(zip(results.scale.taus, once, strict=True)), twice


def effective(item: Result, part: str | None = None) -> np.ndarray:
    """(epochs,) the share of effective parameters, of all or of a part that `KEPT` names, after every epoch."""
    column = "effective_parameters" + (f"/{KEPT[part]}" if part else "")
    return item["history"][column].to_numpy(dtype=float)


def decay_of(item: Result) -> float:
    """Decrease of the logarithm of a weight without a gradient in an epoch."""
    given = item.task.arguments
    whole, rest = divmod(int(item["rows"]), given["batch_size"])
    return (whole + (rest > 1)) * decay_rate(given["lr"], given["weight_decay"], given["momentum"])


def measured_knee(item: Result, part: str) -> float:
    """The epoch at which the count of effective parameters of a part has come down to that of the end.

    The share that is gone grows by a constant factor per epoch until all are; it is extrapolated to one from the last
    two epochs with more than 1 % to go. NaN where there are no two, or where the count still falls in the last
    epoch.
    """
    left = effective(item, part)
    ahead = left - left[-1]
    going = np.flatnonzero(ahead > 0.01)
    if len(going) < 2 or going[-1] >= len(left) - 2:
        return math.nan
    before, there = np.log(1 - ahead[going[-2:]])
    return float(going[-1] + 1 - there / (there - before))


def expected_knee(item: Result, part: str) -> float:
    """The epoch at which the last weight of a part falls below the threshold if none gets a gradient."""
    return knee(FAN_IN[part], decay_of(item), item.task.arguments["effective"])


def measured(results: Results) -> dict[str, Any]:
    """The note's statements about clean MNIST, and the closed form for its knees."""
    (once, twice), scale = by_tau(results), results.scale
    tested = scale.training["tested"]
    rows = TESTED if tested is None else tested
    ticket, fewest = once[scale.ticket], once[scale.fewest]
    kept = [(tau, effective(item)[-1]) for tau, item in once.items()]
    errors = [measured_knee(item, part) / expected_knee(item, part) - 1 for item in (fewest, twice) for part in KEPT]
    return ({"few": accuracies(last(once[scale.few]), rows)} if scale.few in once else {}) | {
        "ticket": accuracies(last(ticket), rows),
        "too-few": gap(last(ticket), last(fewest), rows),
        "fewer": jackknife(lambda pairs: spearman(*np.array(pairs).T), kept),
        "knees": mean(np.abs(errors)),
        "decay": mean([measured_knee(fewest, part) / measured_knee(twice, part) for part in KEPT]),
    }


def figure(results: Results) -> Figure:
    """Draw accuracy and effective parameters by tau, their fall over epochs, and the weights of two layers."""
    drawn, ((accuracy, counts, falls), (conv, plain, sparse)) = subplots(2, 3)
    once, twice = by_tau(results)
    taus, items, scale = np.array(results.scale.taus), once.values(), results.scale
    shares = 100 * (1 - taus)
    accuracy.semilogx(shares, [100 * last(item) for item in items], "o-")
    accuracy.set(xlabel="weights with a gradient (%)", ylabel="test accuracy (%)", title="Accuracy", ylim=(0, 101))
    counts.loglog(shares, [100 * effective(item)[-1] for item in items], "o-", label="in the end")
    counts.loglog(shares, shares, "--", color=GREY, label="as many as get a gradient")
    counts.set(xlabel="weights with a gradient (%)", ylabel="effective parameters (%)", title="Effective parameters")
    counts.legend(loc="lower left")
    for axes in (accuracy, counts):
        axes.set_xticks([100, 10, 1, 0.1, 0.01], labels=["100", "10", "1", "0.1", "0.01"])
        axes.invert_xaxis()
    _draw_falls(falls, once[scale.fewest], twice, scale.fewest)
    shown = scale.few if scale.few in once else scale.ticket
    _draw_weights((conv, plain, sparse), once[0.0], once[shown], shown)
    return drawn


def _draw_falls(axes: Axes, once: Result, double: Result, tau: float) -> None:
    for part, colour in zip(KEPT, COLOURS, strict=False):
        for item, fill, name in ((once, "full", part), (double, "none", f"{part}, twice the decay")):
            epochs = item["history"]["epoch"].to_numpy(dtype=float)
            axes.plot(epochs, 100 * effective(item, part), "o", ms=4, fillstyle=fill, color=colour, label=name)
            smooth = np.linspace(0, epochs[-1], 200)
            expected = share_left(smooth, FAN_IN[part], decay_of(item), item.task.arguments["effective"])
            axes.plot(smooth, 100 * expected, "-", linewidth=0.9, color=colour)
    axes.set(xlabel="epoch", ylabel="effective parameters (%)", title=f"tau = {tau:g}, and the closed form")
    axes.set(ylim=(-2, 132), yticks=range(0, 101, 20))
    axes.legend(loc="upper right", ncols=2, fontsize=8, columnspacing=0.8)


def _draw_weights(panels: tuple[Axes, Axes, Axes], full: Result, ticket: Result, tau: float) -> None:
    """Draw the second convolution of both, one above the other; the first linear layer of each."""
    conv, plain, sparse = panels
    wide = [item["conv2"].transpose(2, 3, 0, 1).reshape(25, -1) for item in (full, ticket)]
    gap = np.full((2, wide[0].shape[1]), np.nan)
    largest = float(np.abs(wide[0]).max())
    conv.imshow(np.concatenate([wide[0], gap, wide[1]]), cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto")
    conv.set(title=f"conv2: tau = 0 (above), {tau:g} (below)", xlabel="pairs of channels")
    conv.set_ylabel("places of the kernel")
    largest = float(np.quantile(np.abs(full["fc1"]), 0.99))
    for axes, item, held in ((plain, full, 0.0), (sparse, ticket, tau)):
        axes.imshow(item["fc1"], cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto", interpolation="none")
        axes.set(title=f"fc1: tau = {held:g}", xlabel="inputs", ylabel="units")
    for axes in (conv, plain, sparse):
        axes.grid(visible=False)
        axes.set(xticks=[], yticks=[])


STUDY = Study.load(__file__, runs, measured, figure)
