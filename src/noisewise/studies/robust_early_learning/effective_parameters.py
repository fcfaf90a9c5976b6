"""Effective parameters and accuracy over epochs by criterion of CDR, and L1 beside L2, in the form of the note."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.fit import following
from noisewise.studies.harness.statistics import difference, mean
from noisewise.studies.robust_early_learning.robust_early import accuracies, corruption

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORM = "ordering=tensor,compat_kth=true,biases=true"
CRITERIA = {"product": "A: |g w|", "sum": "B: |g| + |w|", "fixed": "C: fixed mask"}
STYLES = ("-", "--", ":")


def kept(tau: float, criterion: str) -> str:
    """CDR by a criterion, without the factor."""
    return f"cdr:tau={tau:g},{FORM},scale=false,criterion={criterion}"


def decayed(tau: float, l1: float) -> str:
    """CDR with the factor, and with a strength of L1."""
    return f"cdr:tau={tau:g},{FORM}" + (f",l1={l1:g}" if l1 else "")


def decays(scale: Scale) -> dict[str, dict[str, Any]]:
    """By name, the strength of L1 and the settings of a decay."""
    return {
        "L2": {"l1": 0.0, "weight_decay": scale.training["weight_decay"]},
        "L1": {"l1": scale.l1, "weight_decay": 0.0},
    }


def runs(scale: Scale) -> list[Task]:
    """Every criterion at every share on true labels; then both decays at every share on noisy ones."""
    shared = {"source": scale.source, "model": scale.model, "effective": scale.effective, **scale.training}
    seeds = range(scale.seeds)
    return [
        *(
            following(method=kept(tau, criterion), seed=seed, **shared)
            for seed in seeds
            for criterion in CRITERIA
            for tau in scale.shares
        ),
        *(
            following(
                corrupt=corruption(scale.rate),
                method=decayed(tau, given["l1"]),
                seed=seed,
                **{**shared, "weight_decay": given["weight_decay"]},
            )
            for seed in seeds
            for given in decays(scale).values()
            for tau in scale.taus
        ),
    ]


def histories(results: Results, tau: float, criterion: str, column: str) -> np.ndarray:
    """(seeds, epochs) a column of the histories on true labels."""
    chosen = results.where(corrupt=None, method=kept(tau, criterion))
    return np.array([item["history"][column].to_numpy(dtype=float) for item in chosen])


def ends(results: Results, column: str) -> dict[str, np.ndarray]:
    """(seeds, shares) a column in the last epoch on true labels, by criterion."""
    shares = results.scale.shares
    return {
        criterion: np.stack([histories(results, tau, criterion, column)[:, -1] for tau in shares], axis=1)
        for criterion in CRITERIA
    }


def by_decay(results: Results, decay: str, tau: float) -> dict[str, np.ndarray]:
    """(seeds,) the test accuracies `best` and `last` under noise."""
    given = decays(results.scale)[decay]
    chosen = results.where(
        corrupt=corruption(results.scale.rate), method=decayed(tau, given["l1"]), weight_decay=given["weight_decay"]
    )
    found = accuracies(chosen)
    return {name: found[name].to_numpy() for name in ("best", "last")}


def measured(results: Results) -> dict[str, Any]:
    """The note's statements about criteria, decays and the factor."""
    scale = results.scale
    left, accuracy = ends(results, "effective_parameters"), ends(results, "test_accuracy")
    levels = left["product"] / (1 - np.array(scale.shares))
    earlier = -1 - -(-scale.training["epochs"] // 5)
    series = [histories(results, tau, "product", "effective_parameters") for tau in scale.shares]
    falls = np.mean([1 - one[:, -1] / one[:, earlier] for one in series], axis=0)
    noisy = {name: [by_decay(results, name, tau) for tau in scale.taus] for name in decays(scale)}
    lost = {name: np.mean([one["best"] - one["last"] for one in found], axis=0) for name, found in noisy.items()}
    best = {name: np.mean([one["best"] for one in found], axis=0) for name, found in noisy.items()}
    high = [one["last"] for one, tau in zip(noisy["L2"], scale.taus, strict=True) if tau >= scale.high]
    return {
        **{f"level-{100 * tau:.0f}": mean(levels[:, at]) for at, tau in enumerate(scale.shares)},
        "level-lasts": mean(falls),
        "sum-falls-below": difference(left["product"].mean(axis=1), left["sum"].mean(axis=1)),
        "fixed-falls-below": difference(left["product"].mean(axis=1), left["fixed"].mean(axis=1)),
        "sum-less-accurate": difference(accuracy["product"][:, -1], accuracy["sum"][:, -1]),
        "fixed-collapses": difference(accuracy["product"][:, -1], accuracy["fixed"][:, -1]),
        "l1-memorises-less": difference(lost["L2"], lost["L1"]),
        "l1-lower-best": difference(best["L2"], best["L1"]),
        "factor-at-high-shares": difference(np.mean(high, axis=0), noisy["L2"][0]["last"]),
    }


def figure(results: Results) -> Figure:
    """Draw effective parameters and test accuracy over epochs by criterion; best and last accuracy by decay."""
    scale = results.scale
    drawn, panels = subplots(3, 3)
    drawn.set_size_inches(11.4, 9.6)
    for row, (column, label) in enumerate(
        {"effective_parameters": "parameters above 0.001, %", "test_accuracy": "test accuracy, %"}.items()
    ):
        for axes, (criterion, name) in zip(panels[row], CRITERIA.items(), strict=True):
            for tau, colour in zip(scale.shares, COLOURS, strict=False):
                runs = histories(results, tau, criterion, column)
                epochs = np.arange(1, runs.shape[1] + 1)
                draw_runs(axes, epochs, runs, scale=100, color=colour, label=f"tau = {tau:g}")
                if row == 0:
                    axes.axhline(100 * (1 - tau), color=colour, linewidth=0.9, linestyle=":")
            axes.set(xlabel="epoch", ylabel=label, title=f"{name}", ylim=(0, 102))
    panels[0][0].plot([], [], color=GREY, linewidth=0.9, linestyle=":", label="1 - tau")
    panels[0][0].legend(loc="upper right", fontsize=8)
    for axes, name in zip(panels[2], ("best", "last"), strict=False):
        for decay, colour in zip(decays(scale), COLOURS, strict=False):
            found = np.array([by_decay(results, decay, tau)[name] for tau in scale.taus]).T
            draw_runs(axes, scale.taus, found, "o-", scale=100, color=colour, label=f"{decay} decay")
        axes.set(
            xlabel="tau, the share held still",
            ylabel="test accuracy, %",
            title=f"{scale.rate:.0%} of the labels wrong: {name} epoch",
        )
        axes.legend(loc="lower left")
    low = min(axes.get_ylim()[0] for axes in panels[2][:2])
    for axes in panels[2][:2]:
        axes.set_ylim(low, 101)
    _curves(panels[2][2], results)
    return drawn


def _curves(axes: Any, results: Results) -> None:
    scale = results.scale
    for decay, style in zip(decays(scale), STYLES, strict=False):
        given = decays(scale)[decay]
        for tau, colour in zip((scale.taus[0], scale.taus[-1]), COLOURS, strict=False):
            chosen = results.where(
                corrupt=corruption(scale.rate), method=decayed(tau, given["l1"]), weight_decay=given["weight_decay"]
            )
            runs = [item["history"]["test_accuracy"].to_numpy(dtype=float) for item in chosen]
            epochs = np.arange(1, len(runs[0]) + 1)
            draw_runs(axes, epochs, runs, style, scale=100, color=colour, label=f"{decay}, tau = {tau:g}")
    axes.set(xlabel="epoch", ylabel="test accuracy, %", title=f"{scale.rate:.0%} of the labels wrong", ylim=(0, 101))
    axes.legend(loc="center right", fontsize=8, handlelength=4)


STUDY = Study.load(__file__, runs, measured, figure)
