"""How much a row of a given loss counts: weights in closed form, and the one that Meta-Weight-Net learns."""

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
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.weighting import draw_curves, slope
from noisewise.studies.meta_learning.meta_weight_net import CASES, LEARNED, run_of
from noisewise.theory import self_paced

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THRESHOLD, FULL, POWER, GAMMA = 3.0, 0.5, 3.0, 2.0
FALLING = ("self-paced", "linear", "poly-soft", "mixture")
RISING = ("focal", "hard mining")
LARGEST, POINTS, TRIED = 8.0, 800, 2001
VARIANCE = "prediction-variance"
GROUPS = 10
SEEDS = {"smoke": 1, "cpu": 2, "paper": 3}


def forms(points: int, tried: int) -> dict[str, Any]:
    """Every closed form as the package's methods compute it, against the search for the best weight.

    Args:
        points: losses between 0 and 8, none of which is a threshold. tried: weights between 0 and 1.

    Returns:
        `losses` (points,); `weights` and `best`, (functions, points) in the order of `FALLING` and `RISING`: closed
        form and search; `constant`, by how much the poly-soft loss less the smallest v l + H(v) varies over losses.
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


def runs(scale: str, source: str | None, model: str | None) -> list[Task]:
    """The closed forms; trainings that learn a weight under noise and under a long tail, and one by variance."""
    trainings = [("uniform", LEARNED[scale]), ("long tail", LEARNED[scale]), ("uniform", VARIANCE)]
    return [
        *(run_of(scale, case, method, k, source, model) for case, method in trainings for k in range(SEEDS[scale])),
        Task.of(forms, points=POINTS, tried=TRIED),
    ]


def _learned(results: Results, case: str) -> Results:
    return results.of("weighted").where(corrupt=CASES[case], method=LEARNED[results.scale])


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


def claims(results: Results) -> list[Claim]:
    """Closed forms are best weights and fall or rise; learned ones fall under noise and rise under a long tail."""
    closed = results.of("forms").one()
    changes = np.diff(closed["weights"], axis=1)
    varying = results.of("weighted").where(method=VARIANCE)
    return [
        Claim(
            "best-weight",
            "Every closed form is the weight in [0, 1] that makes v l + H(v) smallest, or for rising ones v l - H(v) "
            "largest (largest difference from a search; the search has steps of 0.0005).",
            float(np.abs(closed["weights"] - closed["best"]).max()),
            "<=",
            0.0005,
        ),
        Claim(
            "robust-loss",
            "The poly-soft loss is that smallest value, up to a constant (by how much their difference varies).",
            float(closed["constant"]),
            "<=",
            1e-5,
        ),
        Claim(
            "falls",
            "Self-paced, linear, mixture and poly-soft weights never rise with the loss (largest rise).",
            float(changes[: len(FALLING)].max()),
            "<=",
            1e-12,
        ),
        Claim(
            "rises",
            "Focal and hard mining weights never fall (largest fall).",
            float(-changes[len(FALLING) :].min()),
            "<=",
            1e-12,
        ),
        Claim(
            "learned-falls",
            "Under noise the weight that Meta-Weight-Net learns falls with the loss (rank correlation over the rows, "
            "largest over seeds).",
            max(slope(item) for item in _learned(results, "uniform")),
            "<=",
            -0.9,
        ),
        Claim(
            "learned-rises",
            "Under a long tail it rises (least over seeds).",
            min(slope(item) for item in _learned(results, "long tail")),
            ">=",
            0.9,
        ),
        Claim(
            "variance-peaks",
            "Under noise weights by prediction variance are largest between the easiest and the hardest tenth of the "
            "rows (largest mean weight of a tenth there over the larger of these two, least over seeds).",
            min(hump(item) for item in varying),
            ">",
            1.0,
        ),
    ]


def figure(results: Results) -> Figure:
    """Falling and rising closed forms with the search, the learned functions, and weights by variance."""
    drawn, ((falling, rising), (learned, varying)) = subplots(2, 2)
    closed = results.of("forms").one()
    for k, name in enumerate((*FALLING, *RISING)):
        axes = falling if name in FALLING else rising
        colour = COLOURS[k]
        axes.plot(closed["losses"], closed["weights"][k], color=colour, label=name)
        axes.plot(closed["losses"][20::40], closed["best"][k][20::40], "o", ms=3, color=colour)
    falling.set(title="Best for the smallest v l + H(v)")
    rising.set(title="Best for the largest v l - H(v)")
    for axes in (falling, rising):
        axes.set(xlabel="loss", ylabel="weight v")
    falling.legend(loc="upper right")
    rising.legend(loc="lower right")
    cases = {"uniform noise": "uniform", "long tail": "long tail"}
    draw_curves(learned, {name: (_learned(results, case), COLOURS[k]) for k, (name, case) in enumerate(cases.items())})
    for item, style in zip(results.of("weighted").where(method=VARIANCE), ("o-", "s--", "^:"), strict=False):
        varying.plot(*grouped(item), style, color=COLOURS[0], label=f"seed {item.task.arguments['seed']}")
    varying.axhline(1, color=GREY, linewidth=1, linestyle="--")
    varying.set(xlabel="loss (mean of a tenth of the rows)", ylabel="weight", title="Prediction variance, under noise")
    varying.legend(loc="best")
    return drawn


STUDY = Study(
    Card(
        name="weight-functions",
        title="Weights that fall with the loss are for noise, weights that rise are for rare classes; one is learned",
        shows="The weight of a row as a function of its loss: self-paced, linear, poly-soft, mixture, focal, hard "
        "mining, prediction variance. Each closed form is held against a search for the best weight, and next to them "
        "is what Meta-Weight-Net learns under noise and under a long tail.",
        paper="Shu, Xie, Yi, Zhao, Zhou, Xu and Meng, Meta-Weight-Net: Learning an Explicit Mapping For Sample "
        "Weighting, NeurIPS",
        year=2019,
        figure="Figure 1",
        explanation="Minimising v l + H(v) with a convex penalty H gives a weight that can only fall with the loss: "
        "the price of a row is its loss, and H says what leaving it out costs. What remains after minimising is a loss "
        "that levels off, which is why weighting and robust losses are one thing; poly-soft is written as such a loss. "
        "Maximising v l - H(v) gives weights that can only rise. Which of both helps depends on what large losses are: "
        "wrong labels, or rows of rare classes. Meta-Weight-Net asks trusted rows. Prediction variance is no function "
        "of the loss alone: it was made to prefer rows between the easy and the hard. That did not come out: at cpu "
        "the rows that were learned count most, and those of large loss, which were not, count least, probably because "
        "the history of a row holds its rise while it was learned.",
        departures="Closed forms at one threshold of 3, d = 3 and gamma = 2. Learned functions are those of the "
        "study meta-weight-net, with its departures. Prediction variance and poly-soft are not in the paper's figure.",
        scales={
            "smoke": "800 losses; digits: 600 rows under noise, a long tail of 1,000, a perceptron, 10 epochs",
            "cpu": "800 losses; Fashion-MNIST: 4,000 rows under noise, a long tail of 20,000, MLP 1x128, two seeds",
            "paper": "800 losses; CIFAR-10 whole: ResNet-32, three seeds",
        },
        budget={"smoke": 30, "cpu": 120},
        takes=("source", "model"),
    ),
    runs,
    claims,
    figure,
)
