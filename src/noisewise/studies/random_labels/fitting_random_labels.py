"""Networks fit random labels as well as true ones, slightly later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.claim import slug
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.drawing import draw_groups
from noisewise.studies.harness.interpolation import fitting, redrawn
from noisewise.studies.harness.statistics import spearman

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRUE, RANDOM, PIXELS, GAUSSIAN = "true labels", "random labels", "random pixels", "gaussian"
CORRUPTIONS = {
    TRUE: None,
    RANDOM: "uniform:1",
    "shuffled pixels": "shuffled-pixels",
    PIXELS: "random-pixels",
    GAUSSIAN: "gaussian",
}


def runs(scale: Scale) -> list[Task]:
    """Five kinds of data, and shares of redrawn labels, each with some networks."""
    swept = scale.swept if "model" not in scale.chosen else {scale.model: 1}
    wanted: list[tuple[str, str | None, int]] = [
        (net, spec, 0) for net in scale.models for spec in CORRUPTIONS.values()
    ]
    wanted += [
        (net, f"uniform:{share:g}" if share else None, seed)
        for net, seeds in swept.items()
        for share in scale.shares
        for seed in range(seeds)
    ]
    return [
        fitting(source=scale.source, model=net, corrupt=spec, seed=seed, **_sizes(scale, net))
        for net, spec, seed in wanted
    ]


def _sizes(scale: Scale, net: str) -> dict[str, Any]:
    """Sizes of a training: those for the kind of network, or those for any."""
    sizes: dict[str, Any] = scale.values.get(f"sizes_of_{net.partition(':')[0]}", scale.sizes)
    return sizes


def shares(results: Results) -> pd.DataFrame:
    """The runs whose labels are true or redrawn, with the `share` of redrawn ones."""
    return results.table.assign(share=redrawn(results.table["corrupt"])).dropna(subset="share")


def by_share(results: Results) -> pd.DataFrame:
    """Means over seeds by network and `share` of redrawn labels, in rising order; NaN where a run has no value."""
    columns = ["to_accuracy", "to_fit", "test_accuracy", "train_accuracy"]
    found: pd.DataFrame = means(shares(results), ["model", "share"], columns)
    order = {net: k for k, net in enumerate(results.choices("model"))}
    return found.sort_index(key=lambda keys: keys.map(order) if keys.name == "model" else keys)


def measured(results: Results) -> dict[str, float]:
    """The statements of figure 1 of the paper, for every network."""
    runs, mean = results.table, by_share(results)
    random, true = (mean.xs(share, level="share") for share in (1.0, 0.0))
    later, guessing = random / true, 1 - 1 / runs["classes"].iloc[0]
    swept = [of_net.droplevel("model") for _, of_net in mean.groupby("model", sort=False)]
    fitted = runs["corrupt"].isna() | runs["corrupt"].str.startswith("uniform", na=False)
    found = {
        "random-labels-fitted": runs["train_accuracy"][runs["corrupt"] == CORRUPTIONS[RANDOM]].min(skipna=False),
        "all-fitted": 1 - runs["train_accuracy"][fitted].min(skipna=False),
        "chance": (1 - random["test_accuracy"] - guessing).abs().max(skipna=False),
        "slower": np.min([spearman(one.index.to_numpy(), one["to_accuracy"].to_numpy()) for one in swept]),
        "later": np.min(later["to_accuracy"].to_numpy()),
        "not-much-later": np.max(later["to_accuracy"].to_numpy()),
        "later-loss": np.min(later["to_fit"].to_numpy()),
        "error-rises": np.max([np.diff(one["test_accuracy"]).max() for one in swept]),
    }
    for net in results.scale.models:
        if net.partition(":")[0] != "mlp":  # perceptrons do not know which pixels are neighbours
            time = {name: results.where(model=net, corrupt=spec, seed=0) for name, spec in CORRUPTIONS.items()}
            mean_time = {name: of_kind.mean("to_accuracy") for name, of_kind in time.items()}
            found |= {
                slug(f"true-first-{net}"): mean_time[TRUE] / np.min([mean_time[PIXELS], mean_time[GAUSSIAN]]),
                slug(f"pixels-before-labels-{net}"): mean_time[PIXELS] / mean_time[RANDOM],
                slug(f"gaussian-before-labels-{net}"): mean_time[GAUSSIAN] / mean_time[RANDOM],
            }
    return found


def figure(results: Results) -> Figure:
    """Draw the loss over epochs by kind of data; time to fit and test error by share of redrawn labels."""
    models = results.scale.models
    panels = len(models) + 2
    drawn, grid = subplots(*((2, 2) if panels == 4 else (1, panels)))
    *firsts, middle, right = np.ravel(grid)
    letters = "abcdefgh"
    for axes, model, letter in zip(firsts, models, letters, strict=False):
        _curves(axes, results, model, letter)
    firsts[0].legend()
    for (net, of_net), colour in zip(by_share(results).groupby("model", sort=False), COLOURS, strict=False):
        runs, first = shares(results).query("model == @net"), of_net.iloc[0]
        for column, style, label in (("to_accuracy", "o-", net), ("to_fit", "--", None)):
            draw_groups(middle, runs, "share", column, style, scale=1 / first[column], color=colour, label=label)
        error = runs.assign(error=1 - runs["test_accuracy"])
        draw_groups(right, error, "share", "error", color=colour, label=net)
    middle.plot([], [], "--", color=GREY, label="to a loss below 0.01")
    middle.axhline(1, color=GREY, linewidth=1)
    title = f"{letters[panels - 2]}: time to 99 % accuracy"
    middle.set(xlabel="share of labels redrawn", ylabel="epochs to fit / at share 0", title=title)
    low, high = middle.get_ylim()
    middle.set_ylim(low, high + 0.45 * (high - low))
    middle.legend(loc="upper left")
    right.axhline(1 - 1 / results.items[0]["classes"], linestyle="--", color=GREY, label="guessing")
    title = f"{letters[panels - 1]}: error once fitted"
    right.set(xlabel="share of labels redrawn", ylabel="test error", title=title, ylim=(0, 1))
    right.legend(loc="lower right")
    return drawn


def _curves(axes: Axes, results: Results, model: str, letter: str) -> None:
    for name, spec in CORRUPTIONS.items():
        history = results.where(model=model, corrupt=spec, seed=0).items[0]["history"]
        axes.plot(history["epoch"], history["train_loss"], label=name)
    axes.set(xlabel="epoch", ylabel="training loss", title=f"{letter}: {model}", ylim=(0, None))


STUDY = Study.load(__file__, runs, measured, figure)
