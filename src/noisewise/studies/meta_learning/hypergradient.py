"""Learning rate and weight decay that follow their own gradient, against constants from a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.drawing import draw_groups
from noisewise.studies.harness.fit import following

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RULES = {
    "constant": "ce",
    "multiplicative": "hypergradient:bound=10000",
    "additive": "hypergradient:rule=additive,rate=0.001,bound=10000",
}
NOISE, BASE_RATE = "symmetric:0.4", 0.05
_PLAIN: dict[str, Any] = {"momentum": 0.0, "schedule": "constant"}


def learning(start: float) -> str:
    """The spec that learns the weight decay on trusted rows from this start."""
    return f"hypergradient:learn=weight-decay,decay={start:g}"


def runs(scale: Scale) -> list[Task]:
    """Rates on true labels, from every start, by every rule; decays under noise, learned and fixed."""
    seeds = range(scale.seeds)
    shared = {"source": scale.source, "model": scale.model, **scale.settings, **_PLAIN, "redraw": True}
    clean = {**shared, "weight_decay": 1e-4}
    noisy = {**shared, "corrupt": NOISE, "lr": BASE_RATE, **scale.noisy, **scale.chosen}
    decays = [(learning(decay), 0.0) for decay in scale.decays] + [("ce", decay) for decay in (0.0, *scale.decays)]
    return [
        *(
            following(method=spec, lr=rate, seed=seed, **clean)
            for spec in RULES.values()
            for rate in scale.rates
            for seed in seeds
        ),
        *(following(method=spec, weight_decay=decay, seed=seed, **noisy) for spec, decay in decays for seed in seeds),
    ]


def on_true_labels(results: Results) -> pd.DataFrame:
    """The runs on true labels, with `rule` and `end`, the last learning rate."""
    found = results.where(corrupt=None).table
    rules = {spec: rule for rule, spec in RULES.items()}
    return found.assign(rule=found["method"].map(rules), end=_last(found, "lr"))


def under_noise(results: Results) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The runs under noise with a fixed weight decay, and those that learn it.

    The column `start` is the fixed decay, or the one at the start, and `end`, where it is learned, the last one.
    """
    found = results.where(corrupt=NOISE).table
    starts = {learning(start): start for start in results.scale.decays}
    fixed, learned = found[found["method"] == "ce"], found[found["method"] != "ce"]
    return (
        fixed.assign(start=fixed["weight_decay"]),
        learned.assign(start=learned["method"].map(starts), end=_last(learned, "decay")),
    )


def _last(runs: pd.DataFrame, column: str) -> list[float]:
    return [history[column].iloc[-1] for history in runs["history"]]


def reached(runs: pd.DataFrame, by: str) -> np.ndarray:
    """The geometric mean over seeds of `end`, for every start, which is the column `by`."""
    return np.exp(means(runs.assign(log=np.log(runs["end"])), by, "log").to_numpy())


def spread(values: np.ndarray) -> float:
    """The largest of positive values over the smallest."""
    return float(values.max() / values.min())


def measured(results: Results) -> dict[str, float]:
    """The gain of learning rates and decays, and how good they become."""
    scale, clean = results.scale, on_true_labels(results)
    mean = means(clean, ["rule", "lr"], ["train_loss", "test_accuracy"])
    loss, accuracy = (mean[name].unstack("rule").loc[scale.rates] for name in ("train_loss", "test_accuracy"))
    ratio = loss.div(loss["constant"], axis=0)
    smallest = ratio.loc[min(scale.rates)]
    learned, tuned = accuracy["multiplicative"].to_numpy(), accuracy["constant"].to_numpy()
    fixed, followed = under_noise(results)
    by_fixed, by_start = (means(runs, "start", "test_accuracy") for runs in (fixed, followed))
    best_fixed = by_fixed[scale.decays].max(skipna=False)
    plain = means(fixed, "start", ["trusted_confidence", "trusted_accuracy"]).loc[0.0]
    rates = reached(clean[clean["rule"] == "multiplicative"], "lr")
    return {
        "small-start": smallest["multiplicative"],
        "additive": smallest["additive"],
        "never-worse": ratio["multiplicative"].max(skipna=False),
        "less-to-tune": np.ptp(learned) / max(np.ptp(tuned), 1e-9),
        "rates-meet": spread(rates) / spread(np.array(scale.rates)),
        "as-good-as-tuned": np.median(learned) - tuned.max(),
        "decay-helps": by_start.mean(skipna=False) - by_fixed[0.0],
        "decay-tuned": by_start.max(skipna=False) - best_fixed,
        "decays-meet": spread(reached(followed, "start")) / spread(np.array(scale.decays)),
        "unsure": plain["trusted_confidence"] - plain["trusted_accuracy"],
    }


def figure(results: Results) -> Figure:
    """Draw training loss and accuracy by the starting rate, accuracy by decay, and paths of rate and decay."""
    drawn, ((loss, path), (decay, fall)) = subplots(2, 2)
    clean, (fixed, learned) = on_true_labels(results), under_noise(results)
    for (rule, found), colour in zip(clean.groupby("rule", sort=False), (GREY, *COLOURS), strict=False):
        draw_groups(loss, found, "lr", "train_loss", color=colour, label=rule)
    loss.set(xlabel="learning rate at the start", ylabel="training loss", title="True labels, after training")
    loss.set(xscale="log", yscale="log")
    loss.legend(loc="upper center")
    _draw_paths(path, clean[clean["rule"] == "multiplicative"], "lr", "lr")
    path.set(xlabel="epoch", ylabel="learning rate", title="Rate on true labels, multiplicative rule")
    tried = fixed[fixed["start"].isin(results.scale.decays)]
    for runs, colour, label in ((tried, GREY, "fixed"), (learned, COLOURS[0], "learned from there")):
        draw_groups(decay, runs, "start", "test_accuracy", scale=100, color=colour, label=label)
    decay.set(xlabel="weight decay", ylabel="test accuracy (%)", title="40 % noise", xscale="log")
    decay.legend(loc="best")
    _draw_paths(fall, learned, "start", "decay")
    fall.set(xlabel="epoch", ylabel="weight decay", title="Decay, learned on trusted rows")
    return drawn


def _draw_paths(axes: Axes, runs: pd.DataFrame, start: str, column: str) -> None:
    """A column of the history over epochs, of one run for every start."""
    first = runs[runs["seed"] == 0]
    for begun, history, colour in zip(first[start], first["history"], COLOURS, strict=False):
        axes.semilogy(range(len(history) + 1), [begun, *history[column]], color=colour)
    axes.locator_params(axis="x", integer=True)


STUDY = Study.load(__file__, runs, measured, figure)
