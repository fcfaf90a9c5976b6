"""Why noise helps: gradient descent is trapped in a spurious optimum, and annealed noise leads past it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.claim import Estimate
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.statistics import exact, gap, mean, share
from noisewise.studies.helpful_noise.descents import ARMS, BATCHED, batched, checked, reflected, trapped, turned, walked
from noisewise.theory.nonoverlapping import Teacher, loss, spurious, threshold

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMALL, LARGE = (4, 4), (25, 6)
RATIO = 1.0


def runs(scale: Scale) -> list[Task]:
    """The formulas, the point where stability turns, the arms, the sweep over ratios, reflections and paths."""
    small: dict[str, Any] = {"patches": SMALL[0], "inputs": SMALL[1], "ratio": RATIO}
    large: dict[str, Any] = {"patches": LARGE[0], "inputs": LARGE[1]}
    steps = scale.steps
    return [
        Task.of(checked, **small, draws=scale.draws, points=scale.points, seed=0),
        *(Task.of(turned, patches=patches, inputs=SMALL[1]) for patches in scale.patches),
        *(Task.of(trapped, **small, count=scale.starts, steps=steps, arm=arm, seed=0) for arm in ARMS),
        *(Task.of(batched, **small, **scale.batches, steps=steps, arm=arm, seed=0) for arm in BATCHED),
        *(
            Task.of(trapped, **large, ratio=ratio, count=scale.swept, steps=steps, arm=arm, seed=0)
            for ratio in scale.ratios
            for arm in ("none", "annealed")
        ),
        Task.of(reflected, patches=SMALL[0], inputs=SMALL[1], points=scale.reflections, steps=steps),
        Task.of(walked, **small, steps=steps, seed=0),
    ]


def arms(results: Results) -> pd.DataFrame:
    """Results of the small network, one row per arm."""
    small = results.of("trapped").where(patches=SMALL[0])
    return small.table.set_index("arm")


def swept(results: Results) -> pd.DataFrame:
    """The share of starts of the large network that is trapped: a row per ratio, a column per arm."""
    large = results.of("trapped").where(patches=LARGE[0])
    return large.table.pivot(index="ratio", columns="arm", values="trapped")


def measured(results: Results) -> dict[str, Estimate]:
    """The theory's statements about the loss, and where descents end."""
    sampled, turns = results.of("checked").items[0], results.of("turned").table
    table, batches = arms(results), results.of("batched").table.set_index("arm")
    lost, count = table["trapped"], results.scale.starts
    shares, by_ratio, swept_count = results.of("reflected").items[0]["shares"], swept(results), results.scale.swept
    none, above = by_ratio["none"].to_numpy(), by_ratio.index > threshold(LARGE[0])
    rise = int(np.diff(none).argmax())
    off = np.maximum(sampled["by_filter"], sampled["by_output"])

    def part(value: float, number: int = count) -> Estimate:
        return share(value * number, number)

    return {
        "closed-form": mean(off),
        "critical": exact(turns["gradient"].max(skipna=False)),
        "stability": exact((turns["ratio"] / turns["patches"].map(threshold) - 1).abs().max(skipna=False)),
        "trapped": part(lost["none"]),
        "annealed": part(lost["annealed"]),
        "accurate": part(table["found"]["annealed"]),
        "small-noise": gap(lost["small, kept"], lost["none"], count),
        "large-noise": part(table["found"]["large, kept"]),
        "filter-noise": part(lost["annealed, filter only"]),
        "output-noise": gap(lost["annealed, output only"], lost["none"], count),
        "batches-alone": gap(batches["trapped"]["none"], lost["none"], results.scale.batches["count"]),
        "batches-annealed": part(batches["trapped"]["annealed"], results.scale.batches["count"]),
        "falls": gap(none[rise + 1], none[rise], swept_count),
        "beyond": part(by_ratio["none"][above].max(skipna=False), swept_count),
        "annealed-everywhere": part(by_ratio["annealed"].max(skipna=False), swept_count),
        "worst-case": exact(shares.max()),
        "never-all": exact(shares.min()),
    }


def figure(results: Results) -> Figure:
    """Draw the landscape with paths; the arms; the share trapped by ratio; and by start, with its reflections."""
    drawn, panels = subplots(2, 2)
    _landscape(panels[0, 0], results)
    _bars(panels[0, 1], results)
    _ratios(panels[1, 0], results)
    _reflections(panels[1, 1], results)
    return drawn


def _landscape(axes: Axes, results: Results) -> None:
    """Draw contours of the loss over the angle and the place of a between both critical points, and paths."""
    item = results.of("walked").items[0]
    teacher = Teacher.of_ratio(*SMALL, RATIO)
    base = spurious(teacher)[1]
    turns, places = np.linspace(0, np.pi, 91), np.linspace(-1.2, 1.8, 91)
    phi, t = (grid.ravel() for grid in np.meshgrid(turns, places, indexing="ij"))
    w = np.zeros((len(phi), SMALL[1]))
    w[:, 0], w[:, 1] = np.cos(phi), np.sin(phi)
    a = base + t[:, None] * (teacher.output - base)
    heights = np.log10(np.maximum(loss(w, a, teacher), 1e-4)).reshape(len(turns), len(places))
    axes.contourf(np.degrees(turns), places, heights.T, levels=np.linspace(-3, 0.3, 12), cmap="Greys", alpha=0.35,
                  extend="both")  # fmt: skip
    for arm, colour, label in (("annealed", COLOURS[1], "annealed noise"), ("none", COLOURS[0], "no noise")):
        for k, path in enumerate(np.asarray(item[arm])):
            if arm == "annealed" and k:
                continue
            axes.plot(np.degrees(path[:, 0]), path[:, 1], color=colour, linewidth=1.4 if arm == "none" else 0.6,
                      alpha=0.9, label=label if not k else None)  # fmt: skip
            axes.plot(np.degrees(path[0, 0]), path[0, 1], "o", color=colour, markersize=4)
    axes.grid(visible=False)
    axes.plot(
        0, 1, "*", color=COLOURS[2], markersize=13, linestyle="none", label="true optimum", clip_on=False, zorder=5
    )
    axes.plot(
        180, 0, "X", color=COLOURS[6], markersize=9, linestyle="none", label="spurious optimum", clip_on=False, zorder=5
    )
    axes.set(xlim=(0, 180), ylim=(-1.2, 1.8), xticks=(0, 45, 90, 135, 180), xlabel="angle between w and w* (degrees)",
             ylabel="a, from spurious (0) to true (1)", title="a: paths over the loss (dots: starts)")  # fmt: skip
    axes.legend(loc="lower left", fontsize=8)


def _bars(axes: Axes, results: Results) -> None:
    """Draw per arm the share that is trapped and the share that ends at the truth."""
    batches = results.of("batched").table.set_index("arm").rename(lambda arm: f"mini-batches, {arm}")
    shares = pd.concat([arms(results), batches])
    places = np.arange(len(shares))[::-1]
    axes.barh(places + 0.2, shares["trapped"], 0.38, color=COLOURS[1], label="trapped")
    axes.barh(places - 0.2, shares["found"], 0.38, color=COLOURS[2], label="at the truth")
    axes.set_yticks(places, list(shares.index))
    axes.set(
        xlabel="share of starts (rest: neither)",
        ylabel="noise",
        xlim=(0, 1),
        title=f"b: by noise (k = {SMALL[0]}, ratio {RATIO:g})",
    )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


def _ratios(axes: Axes, results: Results) -> None:
    """Draw the share that is trapped by ratio, without and with annealed noise."""
    by_ratio = swept(results)
    for arm, label, colour in (("none", "no noise", COLOURS[0]), ("annealed", "annealed noise", COLOURS[1])):
        axes.plot(by_ratio[arm], "o-", color=colour, label=label)
    axes.axvline(threshold(LARGE[0]), color=GREY, linestyle="--", label="threshold")
    axes.set(xlabel="(1 . a*)$^2$ / |a*|$^2$", ylabel="share trapped", ylim=(-0.02, None))
    axes.set(title=f"c: by ratio, theory's threshold (k = {LARGE[0]})")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.21), ncols=3, columnspacing=1.0, handlelength=1.5)


def _reflections(axes: Axes, results: Results) -> None:
    """Draw how many of a start and its reflections are trapped, by angle and size."""
    item = results.of("reflected").items[0]
    shades = axes.pcolormesh(np.degrees(item["angles"]), item["sizes"], 4 * item["shares"].T, vmin=0.5, vmax=3.5,
                             cmap=_three(), shading="nearest")  # fmt: skip
    axes.figure.colorbar(shades, ax=axes, ticks=(1, 2, 3), label="trapped, of four reflections")
    axes.grid(visible=False)
    axes.set(xlabel="angle between w and w* (degrees)", ylabel="|a| / |a*| of the start", title="d: without noise, "
             "ratio 0")  # fmt: skip


def _three() -> Any:
    from matplotlib.colors import ListedColormap

    return ListedColormap(["#ffffff", "#c9c6c0", COLOURS[1]])


STUDY = Study.load(__file__, runs, measured, figure)
