"""The weight of a row as a function of its loss: closed forms, and the one that Meta-Weight-Net learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from noisewise.compute import Result, Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.methods.losses.poly_soft import poly_soft
from noisewise.methods.weights.focal_weighting import focal_weights
from noisewise.methods.weights.hard_mining import hard_mining_weights
from noisewise.methods.weights.linear_weighting import linear_weights
from noisewise.methods.weights.mixture_weighting import mixture_weights
from noisewise.methods.weights.self_paced import self_paced_weights
from noisewise.studies.frame.estimate import Estimate
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.statistics import difference, exact, mean
from noisewise.studies.harness.weighting import GRID, balanced, curve, explained, grouped, slope, tail
from noisewise.studies.meta_learning.meta_weight_net import CASES, own, run_of
from noisewise.theory import self_paced

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

THRESHOLD, FULL, POWER, GAMMA = 3.0, 0.5, 3.0, 2.0
FALLING = ("self-paced", "linear", "poly-soft", "mixture")
RISING = ("focal", "hard mining", "boosting")
LARGEST = 8.0
NOISE, TAIL = "uniform", "long tail"
TRAINED = {
    "ce": "plain",
    "self-paced": "self-paced",
    "focal-weighting": "focal",
    "prediction-variance": "prediction variance",
    "reweighted": "L2RW",
    "authors": "Meta-Weight-Net",
    "learned": "the same, divided",
}
WEIGHTED, FORMS = tuple(TRAINED)[1:], ("authors", "learned")


def forms(points: int, tried: int) -> dict[str, Any]:
    """Every closed form as the package's methods compute it, against the search for the best weight.

    The weights of boosting are divided by that of the largest loss.

    Args:
        points: Number of losses between 0 and 8, none of which is a threshold.
        tried: Number of weights between 0 and 1.

    Returns:
        `losses` (points,); `weights` and `best`, (functions, points) in the order of `FALLING` and `RISING`: closed
        forms and what the search finds; `constant`, by how much the poly-soft loss minus the smallest v l + H(v)
        varies over losses.
    """
    losses = (np.arange(points) + 0.5) * (LARGEST / points)
    v = np.linspace(0.0, 1.0, tried)
    x = torch.as_tensor(losses)
    level = torch.full_like(x, THRESHOLD)
    highest = self_paced.boosting_weights(np.array(LARGEST))
    soft = x.clone().requires_grad_()
    robust = poly_soft(soft, THRESHOLD, POWER)
    (poly,) = torch.autograd.grad(robust.sum(), soft)
    closed = [
        self_paced_weights(x, level),
        linear_weights(x, level),
        poly,
        mixture_weights(x, level, FULL),
        focal_weights(x, GAMMA),
        hard_mining_weights(x, level),
        torch.as_tensor(self_paced.boosting_weights(losses) / highest),
    ]
    penalties = [
        self_paced.self_paced(v, THRESHOLD),
        self_paced.linear(v, THRESHOLD),
        self_paced.polynomial(v, THRESHOLD, POWER),
        self_paced.mixture(v, THRESHOLD, FULL * THRESHOLD),
    ]
    increasing = [self_paced.focal(v), THRESHOLD * v, self_paced.boosting(highest * v) / highest]
    found = [self_paced.lightest(losses, penalty, v) for penalty in penalties]
    risen = [self_paced.heaviest(losses, penalty, v) for penalty in increasing]
    offset = robust.detach().numpy() - found[FALLING.index("poly-soft")][1]
    return {
        "losses": losses,
        "weights": torch.stack(closed).numpy(),
        "best": np.array([*(best for best, _ in found), *risen]),
        "constant": float(np.ptp(offset)),
    }


def spec(name: str, scale: Scale) -> str:
    """The method of a name at a scale."""
    shared = own(scale)
    if name == "authors":  # undivided, as in the equation
        return str(shared.settings.get("penalty", shared.learned))
    return str(getattr(shared, name)) if name in ("learned", "reweighted") else name


def runs(scale: Scale) -> list[Task]:
    """Trainings by every weight under noise and under a long tail; the closed forms."""
    return [
        *(
            run_of(scale, case, spec(name, scale), seed)
            for case in (NOISE, TAIL)
            for name in TRAINED
            for seed in range(scale.seeds)
        ),
        Task.of(forms, version=2, points=scale.points, tried=scale.tried),
    ]


def trained(results: Results, case: str, name: str) -> Results:
    """The runs by a weight under a case, in the order of the seeds."""
    return results.of("weighted").where(corrupt=CASES[case], method=spec(name, results.scale))


def ends(results: Results, case: str, name: str) -> list[float]:
    """(seeds,) the balanced accuracy after the last epoch."""
    return [balanced(item) for item in trained(results, case, name)]


def hump(result: Result) -> float:
    """The largest mean weight of a group of rows between the easiest and the hardest, over the larger of those two."""
    _, weights = grouped(result)
    return float(weights[1:-1].max() / max(weights[0], weights[-1]))


def measured(results: Results) -> dict[str, Estimate]:
    """Closed forms are best weights and fall or rise; which of both helps; what learned weights depend on."""
    closed = results.of("forms").one()
    changes = np.diff(closed["weights"], axis=1)
    rarest = {name: [tail(item) for item in trained(results, TAIL, name)] for name in ("focal-weighting", "ce")}
    plain = ends(results, NOISE, "ce")
    return {
        "best-weight": exact(np.abs(closed["weights"] - closed["best"]).max()),
        "robust-loss": exact(closed["constant"]),
        "falls": exact(changes[: len(FALLING)].max()),
        "rises": exact(-changes[len(FALLING) :].min()),
        "falling-under-noise": difference(ends(results, NOISE, "self-paced"), plain),
        "rising-under-noise": difference(ends(results, NOISE, "focal-weighting"), plain),
        "rising-under-tail": difference(rarest["focal-weighting"], rarest["ce"]),
        **{f"{form}-falls": mean([slope(item) for item in trained(results, NOISE, form)]) for form in FORMS},
        **{f"{form}-rises": mean([slope(item) for item in trained(results, TAIL, form)]) for form in FORMS},
        "of-loss": mean([explained(item) for item in trained(results, NOISE, "authors")]),
        "not-of-loss": mean([explained(item) for item in trained(results, NOISE, "reweighted")]),
        "variance-peaks": mean([hump(item) for item in trained(results, NOISE, "prediction-variance")]),
    }


def figure(results: Results) -> Figure:
    """Draw closed forms with the search, learned functions, weights as trained with, and what each ends at."""
    drawn, ((falling, rising, functions), (noisy, tailed, scores)) = subplots(2, 3)
    closed = results.of("forms").one()
    for k, (name, colour) in enumerate(zip((*FALLING, *RISING), COLOURS, strict=True)):
        axes = falling if name in FALLING else rising
        axes.plot(closed["losses"], closed["weights"][k], color=colour, label=name)
        axes.plot(closed["losses"][20::40], closed["best"][k][20::40], "o", ms=3, color=colour)
    falling.set(xlabel="loss", ylabel="weight v", title="Best for the smallest v l + H(v)")
    rising.set(xlabel="loss", ylabel="weight v", title="Best for the largest v l - H(v)")
    falling.legend(loc="upper right")
    rising.legend(loc="center", bbox_to_anchor=(0.58, 0.62), fontsize=8)
    _draw_learned(functions, results)
    _draw_weights(noisy, results, NOISE, f"As trained with, noise ({CASES[NOISE]})")
    _draw_weights(tailed, results, TAIL, f"As trained with, long tail ({CASES[TAIL]})")
    tailed.set_yscale("symlog", linthresh=0.1, subs=range(2, 10))
    tailed.set_yticks([0, 0.1, 1, 10], ["0", "0.1", "1", "10"])
    noisy.legend(loc="best", fontsize=7.5)
    _draw_scores(scores, results)
    return drawn


def _draw_learned(axes: Axes, results: Results) -> None:
    for case, colour, where in ((NOISE, COLOURS[0], "noise"), (TAIL, COLOURS[1], "long tail")):
        for form, style, how in (("authors", "-", "not divided"), ("learned", "--", "divided")):
            found = curve(trained(results, case, form))
            axes.plot(GRID, found, style, color=colour, label=f"{where}, {how}")
    axes.set(xlabel="loss", ylabel="weight v", ylim=(-0.03, 1.03), title="Learned by Meta-Weight-Net")
    axes.legend(loc="best", fontsize=7.5)


def _draw_weights(axes: Axes, results: Results, case: str, title: str) -> None:
    for name, colour in zip(WEIGHTED, COLOURS, strict=False):
        found = [grouped(item)[1] for item in trained(results, case, name)]
        draw_runs(axes, np.arange(1, len(found[0]) + 1), found, "o-", ms=4, color=colour, label=TRAINED[name])
    axes.axhline(1, color=GREY, linewidth=1, linestyle="--")
    axes.set(xlabel="tenth of the rows, from small to large loss", ylabel="mean weight", ylim=(0, None), title=title)


def _draw_scores(axes: Axes, results: Results) -> None:
    places = np.arange(len(TRAINED))[::-1]
    for case, colour, shift in ((NOISE, COLOURS[0], 0.2), (TAIL, COLOURS[1], -0.2)):
        found = [np.mean(ends(results, case, name)) for name in TRAINED]
        axes.barh(places + shift, found, 0.38, color=colour, label=case)
        axes.axvline(float(found[0]), color=colour, linewidth=0.9, linestyle="--")
    axes.set_yticks(places, [*TRAINED.values()], fontsize=8)
    axes.set(
        xlabel="balanced test accuracy (dashed: plain)", ylabel="weight", xlim=(0, 1.3), title="After the last epoch"
    )
    axes.legend(loc="upper right", fontsize=8)
    axes.grid(visible=False, axis="y")


STUDY = Study.load(__file__, runs, measured, figure)
