"""Learning rate and weight decay that follow their own gradient, against constants from a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.drawing import draw_groups, draw_runs
from noisewise.studies.harness.fit import following
from noisewise.studies.harness.statistics import difference, mean
from noisewise.studies.meta_learning.softmax import FORMS, descended, slopes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RULES = {
    "constant": "ce",
    "multiplicative": "hypergradient:bound=10000",
    "additive": "hypergradient:rule=additive,rate=0.001,bound=10000",
}
NOISE, BASE_RATE = "symmetric:0.4", 0.05
STYLES = {"one-step": ("s:", COLOURS[1]), "unrolled": ("o-", COLOURS[0]), "implicit": ("^--", COLOURS[2])}
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
        *(task for seed in seeds for task in _looked_through(scale, seed)),
    ]


def _looked_through(scale: Scale, seed: int) -> list[Task]:
    """Slopes of softmax regression, and its decay tuned by every form; one for every class by the whole training."""
    drawn = {**scale.softmax, "corrupt": NOISE, "seed": seed}
    tried = [(form, False) for form in FORMS] + [("unrolled", True)]
    return [
        Task.of(slopes, decays=scale.softmax_decays, **drawn),
        *(
            Task.of(descended, form=form, each=each, start=min(scale.softmax_decays), rounds=scale.rounds, **drawn)
            for form, each in tried
        ),
    ]


def seen(results: Results) -> pd.DataFrame:
    """The slopes of softmax regression, one row per seed and decay."""
    runs = results.of("slopes").table
    return pd.concat([found.assign(seed=seed) for seed, found in zip(runs["seed"], runs["slopes"], strict=True)])


def ends(results: Results) -> pd.DataFrame:
    """(seeds, 4) the trusted loss of the last training by form, and with a decay for every class, `each`."""
    runs = results.of("descended").table
    name = runs["form"].where(~runs["each"].astype(bool), "each")
    found = runs.assign(name=name, last=[path["loss"].iloc[-1] for path in runs["path"]])
    table: pd.DataFrame = found.pivot_table(index="seed", columns="name", values="last")
    return table


def on_true_labels(results: Results) -> pd.DataFrame:
    """The runs on true labels, with `rule` and `end`, the last learning rate."""
    found = results.of("followed").where(corrupt=None).table
    rules = {spec: rule for rule, spec in RULES.items()}
    return found.assign(rule=found["method"].map(rules), end=_last(found, "lr"))


def under_noise(results: Results) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The runs under noise with a fixed weight decay, and those that learn it.

    The column `start` is the fixed decay, or the one at the start, and `end`, where it is learned, the last one.
    """
    found = results.of("followed").where(corrupt=NOISE).table
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


def measured(results: Results) -> dict[str, Any]:
    """The gain of learning rates and decays, and how good they become."""
    scale, clean = results.scale, on_true_labels(results)
    by_rate = means(clean, ["rule", "lr"], ["train_loss", "test_accuracy"])
    loss, accuracy = (by_rate[name].unstack("rule").loc[scale.rates] for name in ("train_loss", "test_accuracy"))
    ratio = loss.div(loss["constant"], axis=0)
    smallest = ratio.loc[min(scale.rates)]
    learned, tuned = accuracy["multiplicative"].to_numpy(), accuracy["constant"].to_numpy()
    fixed, followed = under_noise(results)
    by_fixed, by_start = (means(runs, "start", "test_accuracy") for runs in (fixed, followed))
    best_fixed = by_fixed[scale.decays].max(skipna=False)
    plain = means(fixed, "start", ["trusted_confidence", "trusted_accuracy"]).loc[0.0]
    found, last = seen(results), ends(results)
    share = {form: (found[form] / found["difference"]).groupby(found["seed"]) for form in FORMS}
    strong = found[found["decay"] == max(scale.softmax_decays)]
    weak = found[found["decay"] == min(scale.softmax_decays)]
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
        "unrolled-exact": mean(share["unrolled"].agg(lambda ratios: (ratios - 1).abs().mean())),
        "implicit-at-minimum": mean((strong["implicit"] / strong["difference"] - 1).abs()),
        "implicit-before": mean(weak["implicit"] / weak["difference"]),
        "one-step-small": mean(share["one-step"].agg(lambda ratios: ratios.abs().median())),
        "unrolled-tunes": difference(last["unrolled"], last["one-step"]),
        "implicit-tunes": difference(last["implicit"], last["one-step"]),
        "each-class": difference(last["each"], last["unrolled"]),
    }


def figure(results: Results) -> Figure:
    """Draw training loss and accuracy by rate, accuracy by decay, paths of both; slopes and tuning by every form."""
    drawn, ((loss, path, slope), (decay, fall, tuned)) = subplots(2, 3)
    clean, (fixed, learned) = on_true_labels(results), under_noise(results)
    for (rule, found), colour in zip(clean.groupby("rule", sort=False), (GREY, *COLOURS), strict=False):
        draw_groups(loss, found, "lr", "train_loss", color=colour, label=rule)
    loss.set(xlabel="learning rate at the start", ylabel="training loss", title="True labels, after training")
    loss.set(xscale="log", yscale="log")
    loss.legend(loc="upper center")
    _draw_paths(path, clean[clean["rule"] == "multiplicative"], "lr", "lr")
    path.set(xlabel="epoch", ylabel="learning rate", title="Rate, multiplicative, by start")
    tried = fixed[fixed["start"].isin(results.scale.decays)]
    for runs, colour, label in ((tried, GREY, "fixed"), (learned, COLOURS[0], "learned from there")):
        draw_groups(decay, runs, "start", "test_accuracy", scale=100, color=colour, label=label)
    decay.set(xlabel="weight decay", ylabel="test accuracy (%)", title="40 % noise", xscale="log")
    decay.legend(loc="best")
    _draw_paths(fall, learned, "start", "decay")
    fall.set(xlabel="epoch", ylabel="weight decay", title="Decay, learned on trusted rows, by start")
    _draw_slopes(slope, seen(results))
    _draw_tuning(tuned, results.of("descended").table)
    return drawn


def _draw_slopes(axes: Axes, found: pd.DataFrame) -> None:
    draw_groups(axes, found, "decay", "difference", "-", color=GREY, linewidth=5, alpha=0.5, label="differences")
    for form, (style, colour) in STYLES.items():
        draw_groups(axes, found, "decay", form, style, color=colour, label=form)
    axes.axhline(0, color=GREY, linewidth=1)
    axes.set(xlabel="weight decay", ylabel="slope by log decay", title="Softmax regression, trusted loss")
    axes.set_xscale("log")
    axes.legend(loc="lower right")


def _draw_tuning(axes: Axes, runs: pd.DataFrame) -> None:
    for (form, each), found in runs.groupby(["form", "each"], sort=False):
        style, colour = ("-", COLOURS[3]) if each else (STYLES[str(form)][0][1:], STYLES[str(form)][1])
        losses = np.array([path["loss"] for path in found["path"]])
        label = "unrolled, each class" if each else str(form)
        draw_runs(axes, np.arange(1, losses.shape[1] + 1), losses, style, color=colour, label=label)
    axes.set(xlabel="training", ylabel="trusted loss", title="Decay tuned from training to training")
    axes.locator_params(axis="x", integer=True)
    axes.legend(loc="best")


def _draw_paths(axes: Axes, runs: pd.DataFrame, start: str, column: str) -> None:
    """A column of the history over epochs, of one run for every start."""
    first = runs[runs["seed"] == 0]
    for begun, history, colour in zip(first[start], first["history"], COLOURS, strict=False):
        axes.semilogy(range(len(history) + 1), [begun, *history[column]], color=colour)
    axes.locator_params(axis="x", integer=True)


STUDY = Study.load(__file__, runs, measured, figure)
