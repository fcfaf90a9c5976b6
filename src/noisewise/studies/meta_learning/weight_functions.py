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
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.weighting import draw_curves, slope
from noisewise.studies.meta_learning.meta_weight_net import learned, own, run_of
from noisewise.theory import self_paced

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THRESHOLD, FULL, POWER, GAMMA = 3.0, 0.5, 3.0, 2.0
FALLING = ("self-paced", "linear", "poly-soft", "mixture")
RISING = ("focal", "hard mining")
LARGEST, GROUPS = 8.0, 10
VARIANCE = "prediction-variance"


def forms(points: int, tried: int) -> dict[str, Any]:
    """Every closed form as the package's methods compute it, against the search for the best weight.

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
    ]
    penalties = [
        self_paced.self_paced(v, THRESHOLD),
        self_paced.linear(v, THRESHOLD),
        self_paced.polynomial(v, THRESHOLD, POWER),
        self_paced.mixture(v, THRESHOLD, FULL * THRESHOLD),
    ]
    found = [self_paced.lightest(losses, penalty, v) for penalty in penalties]
    risen = [self_paced.heaviest(losses, penalty, v) for penalty in (self_paced.focal(v), THRESHOLD * v)]
    offset = robust.detach().numpy() - found[FALLING.index("poly-soft")][1]
    return {
        "losses": losses,
        "weights": torch.stack(closed).numpy(),
        "best": np.array([*(best for best, _ in found), *risen]),
        "constant": float(np.ptp(offset)),
    }


def runs(scale: Scale) -> list[Task]:
    """The closed forms; trainings that learn a weight under noise and under a long tail, and one by variance."""
    weighing = own(scale).learned
    trainings = [("uniform", weighing), ("long tail", weighing), ("uniform", VARIANCE)]
    return [
        *(run_of(scale, case, method, seed) for case, method in trainings for seed in range(scale.seeds)),
        Task.of(forms, points=scale.points, tried=scale.tried),
    ]


def grouped(result: Result) -> tuple[np.ndarray, np.ndarray]:
    """(10,) mean losses and (10,) mean weights of ten groups of equally many rows, in the order of their losses."""
    order = np.argsort(result["losses"], kind="stable")
    parts = np.array_split(order, GROUPS)
    losses, weights = ([result[name][part].mean() for part in parts] for name in ("losses", "weights"))
    return np.array(losses), np.array(weights)


def hump(result: Result) -> float:
    """The largest mean weight of a group of rows between the easiest and the hardest, over the larger of those two."""
    _, weights = grouped(result)
    return float(weights[1:-1].max() / max(weights[0], weights[-1]))


def measured(results: Results) -> dict[str, float]:
    """Closed forms are best weights and fall or rise; learned ones fall under noise and rise under a long tail."""
    closed = results.of("forms").one()
    changes = np.diff(closed["weights"], axis=1)
    return {
        "best-weight": np.abs(closed["weights"] - closed["best"]).max(),
        "robust-loss": closed["constant"],
        "falls": changes[: len(FALLING)].max(),
        "rises": -changes[len(FALLING) :].min(),
        "learned-falls": np.max([slope(item) for item in learned(results, "uniform")]),
        "learned-rises": np.min([slope(item) for item in learned(results, "long tail")]),
        "variance-peaks": np.min([hump(item) for item in results.where(method=VARIANCE)]),
    }


def figure(results: Results) -> Figure:
    """Draw falling and rising closed forms with the search, the learned functions, and weights by variance."""
    drawn, ((falling, rising), (functions, varying)) = subplots(2, 2)
    closed = results.of("forms").one()
    for k, (name, colour) in enumerate(zip((*FALLING, *RISING), COLOURS, strict=False)):
        axes = falling if name in FALLING else rising
        axes.plot(closed["losses"], closed["weights"][k], color=colour, label=name)
        axes.plot(closed["losses"][20::40], closed["best"][k][20::40], "o", ms=3, color=colour)
    falling.set(xlabel="loss", ylabel="weight v", title="Best for the smallest v l + H(v)")
    rising.set(xlabel="loss", ylabel="weight v", title="Best for the largest v l - H(v)")
    falling.legend(loc="upper right")
    rising.legend(loc="lower right")
    cases = {"uniform noise": "uniform", "long tail": "long tail"}
    draw_curves(functions, {name: (learned(results, case), COLOURS[k]) for k, (name, case) in enumerate(cases.items())})
    for item, style in zip(results.where(method=VARIANCE), ("o-", "s--", "^:"), strict=False):
        varying.plot(*grouped(item), style, color=COLOURS[0], label=f"seed {item.task.arguments['seed']}")
    varying.axhline(1, color=GREY, linewidth=1, linestyle="--")
    varying.set(xlabel="loss (mean of a tenth of the rows)", ylabel="weight", title="Prediction variance, under noise")
    varying.legend(loc="best")
    return drawn


STUDY = Study.load(__file__, runs, measured, figure)
