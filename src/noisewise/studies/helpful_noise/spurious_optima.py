"""Why noise helps: gradient descent is trapped in a spurious optimum, and annealed noise leads past it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.helpful_noise.descents import ARMS, STEPS, checked, reflected, trapped, turned, walked
from noisewise.theory.nonoverlapping import Teacher, loss, spurious, threshold

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMALL, LARGE = (4, 4), (25, 6)
RATIO = 1.0
SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"starts": 100, "steps": 100, "swept": 60, "draws": 400_000},
    "cpu": {"starts": 2000, "steps": STEPS, "swept": 500, "draws": 2_000_000},
    "paper": {"starts": 1000, "steps": STEPS, "swept": 1000, "draws": 6_000_000},
}
RATIOS = {
    "smoke": (4.0, 12.0),
    "cpu": (0.0, 0.25, 1.0, 2.0, 4.0, 6.0, 7.0, 8.0, 9.0, 12.0, 16.0),
    "paper": (0.0, 0.25, 1.0, 2.0, 4.0, 6.0, 7.0, 8.0, 9.0, 12.0, 16.0, 25.0),
}
PATCHES = {"smoke": (4, 25), "cpu": (2, 4, 9, 16, 25, 64), "paper": (2, 4, 9, 16, 25, 64, 100)}
POINTS = 4


def runs(scale: str, source: str | None, model: str | None) -> list[Task]:
    """The formulas, the point where stability turns, the arms, the sweep over ratios, reflections and paths."""
    size = SIZES[scale]
    small: dict[str, Any] = {"patches": SMALL[0], "inputs": SMALL[1], "ratio": RATIO}
    large: dict[str, Any] = {"patches": LARGE[0], "inputs": LARGE[1]}
    steps = size["steps"]
    return [
        Task.of(checked, **small, draws=size["draws"], points=POINTS, seed=0),
        *(Task.of(turned, patches=patches, inputs=SMALL[1]) for patches in PATCHES[scale]),
        *(Task.of(trapped, **small, count=size["starts"], steps=steps, arm=arm, seed=0) for arm in ARMS),
        *(
            Task.of(trapped, **large, ratio=ratio, count=size["swept"], steps=steps, arm=arm, seed=0)
            for ratio in RATIOS[scale]
            for arm in ("none", "annealed")
        ),
        Task.of(reflected, patches=SMALL[0], inputs=SMALL[1], points=12 if scale == "smoke" else 30, steps=steps),
        Task.of(walked, **small, steps=steps, seed=0),
    ]


def _arms(results: Results, name: str) -> dict[str, float]:
    """A number of the small network by arm."""
    small = results.of("trapped").where(patches=SMALL[0])
    return {arm: float(small.one(arm=arm)[name]) for arm in ARMS}


def swept(results: Results, arm: str) -> np.ndarray:
    """(ratios,) the share of starts of the large network that is trapped."""
    large = results.of("trapped").where(patches=LARGE[0], arm=arm)
    return large.numbers("trapped")


def claims(results: Results) -> list[Claim]:
    """What the theory says of the loss, and what descents do."""
    return [*_of_theory(results), *_of_arms(results), *_of_ratios(results)]


def _of_theory(results: Results) -> list[Claim]:
    sampled, points = results.of("checked").items[0], results.of("turned")
    turns = [float(item["ratio"]) / threshold(item.task.arguments["patches"]) for item in points]
    return [
        Claim(
            "closed-form",
            "The gradients in closed form lie within 1 % of means over drawn inputs.",
            float(max(sampled["by_filter"].max(), sampled["by_output"].max())),
            "<=",
            0.01,
        ),
        Claim(
            "critical",
            "The gradient vanishes at the spurious point.",
            float(points.numbers("gradient").max()),
            "<=",
            1e-12,
        ),
        Claim(
            "stability",
            "It stops attracting at (1 . a*)^2 / |a*|^2 = (k + pi - 1) / pi, to 1 % (the largest deviation over k).",
            float(np.abs(np.array(turns) - 1).max()),
            "<=",
            0.01,
        ),
    ]


def _of_arms(results: Results) -> list[Claim]:
    lost, found = _arms(results, "trapped"), _arms(results, "found")
    return [
        Claim("trapped", "Gradient descent is trapped from a quarter to a half of the starts.", lost["none"], "in",
              (0.25, 0.5)),
        Claim("annealed", "With annealed noise at most 3 % of the starts are trapped.", lost["annealed"], "<=", 0.03),
        Claim("accurate", "With it at least 97 % end within 0.1 of the truth.", found["annealed"], ">=", 0.97),
        Claim(
            "small-noise",
            "Small noise that stays traps within 3 points as many as none.",
            abs(lost["small, kept"] - lost["none"]),
            "<=",
            0.03,
        ),
        Claim("large-noise", "Large noise that stays lets at most 5 % end within 0.1 of the truth.",
              found["large, kept"], "<=", 0.05),
        Claim("filter-noise", "Annealed noise on the filter alone is enough: at most 5 % are trapped.",
              lost["annealed, filter only"], "<=", 0.05),
        Claim(
            "output-noise",
            "Annealed noise on the output layer alone traps within 5 points as many as none.",
            abs(lost["annealed, output only"] - lost["none"]),
            "<=",
            0.05,
        ),
    ]  # fmt: skip


def _of_ratios(results: Results) -> list[Claim]:
    ratios, plain = np.array(RATIOS[results.scale]), swept(results, "none")
    shares = results.of("reflected").items[0]["shares"]
    return [
        Claim(
            "falls",
            "The share that is trapped falls with the ratio: it rises nowhere by more than 2 points.",
            float(np.diff(plain).max()),
            "<=",
            0.02,
        ),
        Claim(
            "beyond",
            "Beyond the threshold none is trapped.",
            float(plain[ratios > threshold(LARGE[0])].max()),
            "<=",
            0.0,
        ),
        Claim(
            "annealed-everywhere",
            "Annealed noise traps at most 10 % at any ratio.",
            float(swept(results, "annealed").max()),
            "<=",
            0.1,
        ),
        Claim(
            "worst-case",
            "Where 1 . a* = 0 there are starts of which, with their reflections, three of four are trapped.",
            float(shares.max()),
            "==",
            0.75,
        ),
        Claim("never-all", "And none of which fewer than one of four is.", float(shares.min()), ">=", 0.25),
    ]


def figure(results: Results) -> Figure:
    """The landscape with paths; the arms; the share trapped by ratio; and by start, with its reflections."""
    drawn, panels = subplots(2, 2)
    _landscape(panels[0, 0], results)
    _bars(panels[0, 1], results)
    _ratios(panels[1, 0], results)
    _reflections(panels[1, 1], results)
    return drawn


def _landscape(axes: Axes, results: Results) -> None:
    """Contours of the loss over the angle and the place of a between both critical points, and paths."""
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
    axes.plot(0, 1, "*", color=COLOURS[2], markersize=13, clip_on=False, zorder=5)
    axes.plot(180, 0, "X", color=COLOURS[6], markersize=9, clip_on=False, zorder=5)
    axes.set(xlim=(0, 180), ylim=(-1.2, 1.8), xticks=(0, 45, 90, 135, 180), xlabel="angle between w and w* (degrees)",
             ylabel="a, from spurious (0) to true (1)", title="a: paths over the loss (star: truth)")  # fmt: skip
    axes.legend(loc="lower left")


def _bars(axes: Axes, results: Results) -> None:
    """Per arm the share that is trapped and the share that ends at the truth."""
    lost, found = _arms(results, "trapped"), _arms(results, "found")
    places = np.arange(len(ARMS))[::-1]
    axes.barh(places + 0.2, [lost[arm] for arm in ARMS], 0.38, color=COLOURS[1], label="trapped")
    axes.barh(places - 0.2, [found[arm] for arm in ARMS], 0.38, color=COLOURS[2], label="at the truth")
    axes.set_yticks(places, list(ARMS))
    axes.set(xlabel="share of starts", xlim=(0, 1), title=f"b: by noise (k = {SMALL[0]}, ratio {RATIO:g})")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


def _ratios(axes: Axes, results: Results) -> None:
    """The share that is trapped by ratio, without and with annealed noise."""
    for arm, colour in (("none", COLOURS[0]), ("annealed", COLOURS[1])):
        label = "no noise" if arm == "none" else "annealed noise"
        axes.plot(RATIOS[results.scale], swept(results, arm), "o-", color=colour, label=label)
    axes.axvline(threshold(LARGE[0]), color=GREY, linestyle="--", label="threshold")
    axes.set(xlabel="(1 . a*)$^2$ / |a*|$^2$", ylabel="share trapped", ylim=(-0.02, None),
             title=f"c: by ratio (k = {LARGE[0]})")  # fmt: skip
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.21), ncols=3, columnspacing=1.0, handlelength=1.5)


def _reflections(axes: Axes, results: Results) -> None:
    """How many of a start and its reflections are trapped, by angle and size."""
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


STUDY = Study(
    Card(
        name="spurious-optima",
        title="Noise that is large and then fades leads descent past a spurious optimum",
        shows="A convolutional network with one filter learns from another of its kind, on a loss in closed form with "
        "one spurious optimum. Gradient descent is trapped there from three of ten starts, with the paper's annealed "
        "noise from almost none; how often follows from the teacher's output layer.",
        paper="Zhou, Liu, Li, Lin, Zhou and Zhao, Toward Understanding the Importance of Noise in Training Neural "
        "Networks, ICML",
        year=2019,
        figure="Section 5, perturbed gradient descent",
        explanation="At w = -w* the output layer fits best what a wrong filter can give; its product with the true one "
        "decides whether the filter is drawn to the truth or away from it. A gradient at a random point nearby is that "
        "of a smoother loss. Under large noise the filter's direction is almost random, and the output layer is that "
        "for a random filter, which agrees with the true one: so the filter turns to the truth. What is left is to "
        "end the noise. Noise that stays keeps the solution from it; small noise does not reach out of the basin. That "
        "gradient descent is trapped from a quarter to three quarters of the starts comes from reflections: where "
        "1 . a* = 0, of (w, a), (-w, a), (w, -a) and (-w, -a) one is always trapped and one never.",
        departures="The rates, the noise and the 20 epochs of 400 steps are the paper's. The sizes k = 4, p = 4 with a "
        "ratio of 1 for the kinds of noise, and k = 25, p = 6 for the sweep, are our choice, as are the small noise of "
        "0.3 and the epoch, 10 of 20, after which large noise is dropped. The gradient is taken at the perturbed "
        "filter, scaled back to norm one: at that filter as it is descent in a diverges at the paper's rate and noise. "
        "Where 1 . a* = 0 the ball of the starts would be a point, and has the radius |a*| instead. Mini-batches of "
        "drawn inputs are not run. At smoke a quarter of the steps",
        scales={
            "smoke": "100 starts, 2,000 steps, 7 kinds of noise; 60 starts at 2 ratios",
            "cpu": "2,000 starts, 8,000 steps, 7 kinds of noise; 500 starts at 11 ratios",
            "paper": "1,000 starts, 8,000 steps, 12 ratios",
        },
        budget={"smoke": 15, "cpu": 100},
    ),
    runs,
    claims,
    figure,
)
