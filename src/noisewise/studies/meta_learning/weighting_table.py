"""The comparison that Meta-Weight-Net was published with: twelve methods under uniform noise and under flips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import COLOURS, subplots
from noisewise.studies.frame.claim import slug
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.fine_tuning import FINE_TUNING
from noisewise.studies.harness.statistics import Estimate, difference, mean, spearman
from noisewise.studies.harness.weighting import weighing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNTRUSTED = {
    "ce": "plain",
    "bootstrap-hard": "Reed",
    "s-model": "S-model",
    "self-paced": "self-paced",
    "focal": "focal loss",
    "coteaching": "co-teaching",
    "d2l": "D2L",
}
TRUSTED = {
    "fine-tuning": "fine-tuning",
    "mentornet": "MentorNet",
    "l2rw": "L2RW",
    "glc": "GLC",
    "meta-weight-net": "Meta-Weight-Net",
}
NAMES = {**UNTRUSTED, **TRUSTED}
LEARNED, SHOWN, FLIPS = "meta-weight-net", "uniform:0.4", "pair:0.4"
KINDS = {"uniform": "uniform", "pair": "flip"}
SPREAD = 15  # points of lead at which the colour ends


def specs(scale: Scale) -> dict[str, str]:
    """The specs of the methods by name; the two learned weights as the scale says."""
    others = {"fine-tuning": FINE_TUNING, "mentornet": "mentornet:curriculum=data-driven", "glc": "glc:first=1"}
    return {name: others.get(name, name) for name in NAMES} | {"l2rw": scale.reweighted, LEARNED: scale.learned}


def runs(scale: Scale) -> list[Task]:
    """Every method under every noise; the same tasks as those of the study meta-weight-net where settings agree."""
    return [
        weighing(source=source, method=spec, corrupt=noise, seed=seed, **scale.trained[noise.partition(":")[0]])
        for source in scale.sources
        for noise in scale.noises
        for spec in specs(scale).values()
        for seed in range(scale.seeds)
    ]


def ends(results: Results) -> pd.DataFrame:
    """One row per run: `name`, `noise`, `seed`, `source`, `last` test accuracy and its `fall` from the best epoch."""
    names = {spec: name for name, spec in specs(results.scale).items()}
    runs = results.table
    fall = runs["test_best"] - runs["test_accuracy"]
    found = runs.assign(name=runs["method"].map(names), noise=runs["corrupt"], last=runs["test_accuracy"], fall=fall)
    return found[["name", "noise", "seed", "source", "last", "fall"]]


def by_seed(found: pd.DataFrame, column: str = "last") -> pd.DataFrame:
    """A column by seed, averaged over noises and sources: a row per seed, a column per method."""
    return found.pivot_table(column, "seed", "name", aggfunc=lambda values: values.mean(skipna=False))


def measured(results: Results) -> dict[str, Estimate]:
    """Where Meta-Weight-Net leads, which accuracies fall, and whether the order is the published one."""
    scale, found = results.scale, ends(results)
    flips, falls = by_seed(found[found["noise"] == FLIPS]), by_seed(found[found["noise"] == SHOWN], "fall")
    overall, steady = by_seed(found), [name for name in TRUSTED if name != "fine-tuning"]
    cells = {noise: by_seed(found[found["noise"] == noise]) for noise in scale.noises}
    return {
        **{slug(f"above-plain-{noise}"): difference(cell[LEARNED], cell["ce"]) for noise, cell in cells.items()},
        "above-untrusted": _above(found, [*UNTRUSTED]),
        "above-all": _above(found, [name for name in NAMES if name != LEARNED]),
        "glc-flips": difference(flips["glc"], flips[LEARNED]),
        "fine-tuning": difference(overall["fine-tuning"], overall["ce"]),
        "plain-falls": mean(falls["ce"]),
        "learned-stays": difference(falls[LEARNED], falls["ce"]),
        "trusted-stay": difference(
            falls[steady].mean(axis=1, skipna=False), falls[[*UNTRUSTED]].mean(axis=1, skipna=False)
        ),
        "order": _order(cells, scale.published),
    }


def _above(found: pd.DataFrame, others: list[str]) -> Estimate:
    """How far Meta-Weight-Net is above the best of the others under uniform noise: per rate and seed, then means."""
    uniform = found[found["noise"].str.startswith("uniform")]
    cells = uniform.pivot_table("last", ["seed", "source", "noise"], "name")
    lead = cells[LEARNED] - cells[others].max(axis=1, skipna=False)
    return mean(lead.groupby("seed").mean())


def _order(cells: dict[str, pd.DataFrame], published: dict[str, dict[str, float]]) -> Estimate:
    """The rank correlation with the published accuracies by seed, averaged over noises."""
    ranked: list[Any] = []
    for noise, cell in cells.items():
        names = [name for name in NAMES if noise in published[name]]
        table = np.array([published[name][noise] for name in names])
        ranked.append([spearman(table, row.to_numpy()) for _, row in cell[names].iterrows()])
    return mean(np.mean(ranked, axis=0))


def figure(results: Results) -> Figure:
    """Draw the table, test accuracy by epoch of both groups of methods, and the published accuracies beside ours."""
    scale, found = results.scale, ends(results)
    drawn, ((table, first), (against, second)) = subplots(2, 2)
    drawn.set_size_inches(11.5, 9.5)
    _draw_table(table, found, scale)
    _draw_curves(first, results, UNTRUSTED)
    first.set_title(f"Without trusted rows ({said(SHOWN)})")
    _draw_curves(second, results, TRUSTED)
    second.set_title(f"With trusted rows ({said(SHOWN)})")
    low = min(axes.get_ylim()[0] for axes in (first, second))
    high = max(axes.get_ylim()[1] for axes in (first, second))
    for axes in (first, second):
        axes.set_ylim(low, high)
    _draw_against(against, found, scale)
    return drawn


def _draw_table(axes: Axes, found: pd.DataFrame, scale: Scale) -> None:
    cells = 100 * found.pivot_table("last", "name", "noise").reindex(index=[*NAMES], columns=scale.noises)
    values, lead = cells.to_numpy(), (cells - cells.loc["ce"]).to_numpy()
    axes.imshow(lead, cmap="PuOr", vmin=-SPREAD, vmax=SPREAD, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        bold = "bold" if value == np.nanmax(values[:, column]) else "normal"
        dark = abs(lead[row, column]) > 0.7 * SPREAD
        style: dict[str, Any] = {"weight": bold, "color": "white" if dark else "#1d1e20", "size": 9}
        axes.text(column, row, f"{value:.1f}", ha="center", va="center", **style)
    axes.set_xticks(range(len(scale.noises)), [said(noise) for noise in scale.noises])
    axes.set_yticks(range(len(NAMES)), [*NAMES.values()])
    axes.set(ylabel="method", title="Last epoch, % (colour: above plain)")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def said(noise: str) -> str:
    """A noise in words, as "uniform 40%"."""
    kind, _, rate = noise.partition(":")
    return f"{KINDS.get(kind, kind)} {float(rate):.0%}"


def _draw_curves(axes: Axes, results: Results, names: dict[str, str]) -> None:
    all_specs, source = specs(results.scale), results.scale.sources[0]
    for (name, label), colour in zip(names.items(), COLOURS, strict=False):
        found = results.where(method=all_specs[name], corrupt=SHOWN, source=source)
        curves = [item["history"]["test_accuracy"] for item in found]
        draw_runs(axes, np.arange(1, len(curves[0]) + 1), curves, scale=100, color=colour, label=label)
    axes.set(xlabel="epoch (fine-tuning goes on with trusted rows)" if names is TRUSTED else "epoch")
    axes.set_ylabel("test accuracy (%)")
    axes.locator_params(axis="x", integer=True)
    axes.legend(loc="lower right", fontsize=8, ncols=2)


def _draw_against(axes: Axes, found: pd.DataFrame, scale: Scale) -> None:
    cells = 100 * found.pivot_table("last", "name", "noise")
    for noise, colour in zip(scale.noises, COLOURS, strict=False):
        names = [name for name in NAMES if noise in scale.published[name]]
        table = [scale.published[name][noise] for name in names]
        axes.plot(table, cells.loc[names, noise], "o", color=colour, ms=5, label=said(noise))
        learned = scale.published[LEARNED][noise], cells.loc[LEARNED, noise]
        axes.plot(*learned, "o", color=colour, ms=11, fillstyle="none")
    axes.set(xlabel="published accuracy on CIFAR-10 (%)", ylabel="accuracy here (%)", title="Ringed: Meta-Weight-Net")
    axes.legend(loc="lower right", fontsize=8)


STUDY = Study.load(__file__, runs, measured, figure)
