"""Networks fit random labels as well as true ones, slightly later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.claim import slug
from noisewise.studies.frame.estimate import Estimate
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.drawing import draw_groups
from noisewise.studies.harness.interpolation import fitting, redrawn
from noisewise.studies.harness.statistics import accuracies, by_seed, spearman

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRUE, RANDOM, SHUFFLED = "true labels", "random labels", "shuffled pixels"
PIXELS, GAUSSIAN = "random pixels", "Gaussian images"
CORRUPTIONS = {
    TRUE: None,
    RANDOM: "uniform:1",
    SHUFFLED: "shuffled-pixels",
    PIXELS: "random-pixels",
    GAUSSIAN: "gaussian",
}


def runs(scale: Scale) -> list[Task]:
    """Every network on five kinds of data and on shares of redrawn labels; shuffled pixels with the first seed only."""
    specs = list(dict.fromkeys([*CORRUPTIONS.values(), *(f"uniform:{share:g}" for share in scale.shares if share)]))
    sizes = {net: scale.values.get(f"sizes_of_{net.partition(':')[0]}", scale.sizes) for net in scale.models}
    return [
        fitting(source=scale.source, model=net, corrupt=spec, seed=seed, **_without(sizes[net], "seeds"))
        for seed in range(max(of_net["seeds"] for of_net in sizes.values()))
        for net in scale.models
        for spec in specs
        if seed < sizes[net]["seeds"] and not (seed and spec == CORRUPTIONS[SHUFFLED])
    ]


def _without(sizes: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in sizes.items() if key != name}


def shares(results: Results) -> pd.DataFrame:
    """The runs whose labels are true or redrawn, with the `share` of redrawn ones."""
    return results.table.assign(share=redrawn(results.table["corrupt"])).dropna(subset="share")


def by_share(results: Results) -> pd.DataFrame:
    """Means over seeds by network and `share` of redrawn labels, in rising order; NaN where a run has no value."""
    columns = ["to_accuracy", "to_fit", "test_accuracy", "train_accuracy"]
    found: pd.DataFrame = means(shares(results), ["model", "share"], columns)
    order = {net: k for k, net in enumerate(results.choices("model"))}
    return found.sort_index(key=lambda keys: keys.map(order) if keys.name == "model" else keys)


def measured(results: Results) -> dict[str, Any]:
    """The statements of figure 1 of the paper, for every network: of the runs of a seed, then the mean over seeds."""
    nets = {net: results.where(model=net) for net in results.scale.models}
    found = {net: by_seed(_of_seed, runs) | {"chance": _guessing(runs)} for net, runs in nets.items()}
    return {slug(f"{claim}-{net}"): value for net, claims in found.items() for claim, value in claims.items()}


def _of_seed(results: Results) -> dict[str, float]:
    """What is measured on the runs of one network and seed."""
    mean = by_share(results).droplevel("model")
    time = {
        name: results.where(corrupt=CORRUPTIONS[name]).mean("to_accuracy") for name in (TRUE, RANDOM, PIXELS, GAUSSIAN)
    }
    found = {
        "random-labels-fitted": mean["train_accuracy"][1.0],
        "all-fitted": 1 - mean["train_accuracy"].min(skipna=False),
        "slower": spearman(mean.index.to_numpy(), mean["to_accuracy"].to_numpy()),
        "later": time[RANDOM] / time[TRUE],
        "later-loss": mean["to_fit"][1.0] / mean["to_fit"][0.0],
        "error-rises": np.diff(mean["test_accuracy"]).max(),
        "pixels-before-labels": time[PIXELS] / time[RANDOM],
        "gaussian-before-labels": time[GAUSSIAN] / time[RANDOM],
    }
    if not results.items[0].task.arguments["model"].startswith("mlp"):  # which do not know what pixels are neighbours
        found["true-first"] = time[TRUE] / np.min([time[PIXELS], time[GAUSSIAN]])
    return found


def _guessing(results: Results) -> Estimate:
    """Test accuracy after random labels less that of guessing, of the runs of one network."""
    runs = results.where(corrupt=CORRUPTIONS[RANDOM])
    found = accuracies(runs.numbers("test_accuracy"), runs.items[0]["test_rows"])
    return Estimate(float(found) - 1 / runs.items[0]["classes"], found.error, found.n)


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
    axes.locator_params(axis="x", integer=True)


STUDY = Study.load(__file__, runs, measured, figure)
