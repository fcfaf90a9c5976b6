"""CDR part by part: the factor, the decay, the criterion, the ordering, and a threshold from a sample."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.methods.gradients.cdr import CDR
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.robust_early_learning.robust_early import PLAIN, SIZES, best_of, last_of, spec, trained
from noisewise.training.batch import Batch, Clock, one_hot
from noisewise.training.method import Task as Trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATE, MANY, SAMPLED = 0.4, 0.8, 2000
CORE, HIGH = spec(RATE), spec(MANY)
NOTE: dict[str, Any] = {"batch_size": 128, "schedule": "constant"}
NO_DECAY: dict[str, Any] = {"weight_decay": 0.0}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain training": (PLAIN, {}),
    "plain, slower": (PLAIN, {"slower": 1 - RATE}),
    "CDR": (CORE, {}),
    "without the factor": (f"{CORE},scale=false", {}),
    "L1 decay, 1e-4": (f"{CORE},l1=0.0001", NO_DECAY),
    "L1 decay, 1e-3": (f"{CORE},l1=0.001", NO_DECAY),
    "|g| + |w|": (f"{CORE},criterion=sum", {}),
    "fixed random mask": (f"{CORE},criterion=fixed", {}),
    "by tensor": (f"{CORE},ordering=tensor", {}),
    "sampled threshold": (f"{CORE},sampled={SAMPLED}", {}),
    "supplement's rule": (f"{CORE},compat_supplement=true", {}),
    "80 % held still": (HIGH, {}),
    "80 %, no factor": (f"{HIGH},scale=false", {}),
}
SEEDS = {"smoke": 1, "cpu": 3, "paper": 2}
RULES: dict[str, dict[str, Any]] = {
    "exact": {},
    "sampled": {"sampled": SAMPLED},
    "supplement": {"compat_supplement": True},
}
ENTRIES = {"smoke": (10_000, 100_000), "cpu": (10_000, 100_000, 1_000_000), "paper": (100_000, 1_000_000, 10_000_000)}
REPEATS = 7
WIDTH = 100


def settings(scale: str, name: str) -> dict[str, Any]:
    """The settings of a variant that differ from those of the scale, and its learning rate."""
    changed = {**(NOTE if scale == "paper" else {}), **VARIANTS[name][1]}
    slower = changed.pop("slower", 1.0)
    return {**changed, "lr": round(slower * SIZES[scale]["lr"], 6)}


def rule_seconds(entries: int, rule: str, repeats: int, seed: int) -> dict[str, Any]:
    """The seconds that CDR's gradient of one weight matrix takes, the least of some repeats, and the share it keeps.

    Args:
        entries: of the matrix, whose rows have 100. rule: a name in RULES. repeats: how often.
        seed: of weights and gradients.
    """
    rng = torch.Generator().manual_seed(seed)
    params, gradients = ({"weight": torch.randn(entries // WIDTH, WIDTH, generator=rng)} for _ in range(2))
    method = CDR(RATE, **RULES[rule])
    method.prepare(Trained(2, 2, torch.zeros(2, dtype=torch.int64)))
    y, weights = one_hot(torch.zeros(2, dtype=torch.int64), 2), torch.ones(2)
    seconds, kept = [], 0.0
    for step in range(repeats):
        batch = Batch(torch.zeros(2, 1), y, None, weights, clock=Clock(step=step, steps=repeats, lr=0.01))
        started = time.perf_counter()
        found = method.gradient(gradients, params, lambda *_: gradients, batch)
        seconds.append(time.perf_counter() - started)
        kept = float((found["weight"] != 0).double().mean())
    return {"least": min(seconds), "kept": kept}


def runs(scale: str, source: str | None, model: str | None) -> list[Task]:
    """Every variant under symmetric noise, over seeds; then every rule of the threshold on matrices."""
    nets = [
        trained(scale, RATE, method, seed, source, model, **settings(scale, name))
        for seed in range(SEEDS[scale])
        for name, (method, _) in VARIANTS.items()
    ]
    timed = [
        Task.of(rule_seconds, entries=entries, rule=rule, repeats=REPEATS, seed=0)
        for entries in ENTRIES[scale]
        for rule in RULES
    ]
    return nets + timed


def of(results: Results, name: str) -> Results:
    """The runs of a variant, over seeds."""
    method, _ = VARIANTS[name]
    return results.of("curve").where(method=method, lr=settings(results.scale, name)["lr"])


def claims(results: Results) -> list[Claim]:
    """What each part is worth, in the end and at the best epoch, and what a threshold from a sample saves."""
    best = {name: best_of(of(results, name)) for name in VARIANTS}
    last = {name: last_of(of(results, name)) for name in VARIANTS}
    large = max(ENTRIES[results.scale])
    spent = {rule: results.of("rule_seconds").one(entries=large, rule=rule)["least"] for rule in RULES}
    return [*_about_parts(best, last), *_about_thresholds(best, last, spent, large)]


def _about_parts(best: dict[str, float], last: dict[str, float]) -> list[Claim]:
    return [
        Claim(
            "more-than-slower",
            "CDR ends above plain training whose learning rate is smaller by the same factor.",
            last["CDR"] - last["plain, slower"],
            ">",
            0.0,
        ),
        Claim(
            "mask-alone",
            "Without the factor it still ends above plain training.",
            last["without the factor"] - last["plain training"],
            ">",
            0.0,
        ),
        Claim(
            "factor-small",
            "With 40 % held still the factor changes the last test accuracy by at most 2 points.",
            round(abs(last["CDR"] - last["without the factor"]), 6),
            "<=",
            0.02,
        ),
        Claim(
            "factor-at-80",
            "With 80 % held still the factor raises the last test accuracy.",
            last["80 % held still"] - last["80 %, no factor"],
            ">",
            0.0,
        ),
        Claim(
            "l1-later",
            "The better of two strengths of L1 decay ends above L2.",
            max(last["L1 decay, 1e-4"], last["L1 decay, 1e-3"]) - last["CDR"],
            ">",
            0.0,
        ),
        Claim(
            "l1-best",
            "The stronger L1 decay lowers the best epoch's test accuracy.",
            best["CDR"] - best["L1 decay, 1e-3"],
            ">",
            0.0,
        ),
        Claim(
            "product-over-fixed",
            "The criterion |g w| ends above a fixed random mask.",
            last["CDR"] - last["fixed random mask"],
            ">",
            0.0,
        ),
        Claim(
            "product-over-sum",
            "It ends above the criterion |g| + |w|.",
            last["CDR"] - last["|g| + |w|"],
            ">",
            0.0,
        ),
        Claim(
            "ordering",
            "Ordering by tensor and over all weights end within 2 points of each other.",
            round(abs(last["CDR"] - last["by tensor"]), 6),
            "<=",
            0.02,
        ),
    ]


def _about_thresholds(
    best: dict[str, float], last: dict[str, float], spent: dict[str, float], large: int
) -> list[Claim]:
    gaps = [table["CDR"] - table["sampled threshold"] for table in (best, last)]
    rule = [table["without the factor"] - table["supplement's rule"] for table in (best, last)]
    return [
        Claim(
            "sampled-accuracy",
            f"A threshold from {SAMPLED:,} random entries changes best and last test accuracy by at most 1 point.",
            round(float(np.abs(gaps).max()), 6),
            "<=",
            0.01,
        ),
        Claim(
            "supplement-accuracy",
            "The supplement's rule loses at most 1 point, of best and last, against the exact one without the factor.",
            round(float(max(rule)), 6),
            "<=",
            0.01,
        ),
        Claim(
            "sampled-speed",
            f"On {large:,} weights the sampled threshold is at least twice as fast as the exact one.",
            spent["exact"] / max(spent["sampled"], 1e-9),
            ">=",
            2.0,
        ),
        Claim(
            "supplement-speed",
            "So is the supplement's rule.",
            spent["exact"] / max(spent["supplement"], 1e-9),
            ">=",
            2.0,
        ),
    ]


def figure(results: Results) -> Figure:
    """Best and last test accuracy by variant; the time of a threshold by the number of weights."""
    drawn, (left, right) = subplots(1, 2, width_ratios=(1.5, 1))
    drawn.set_size_inches(10.4, 4.4)
    _points(left, results)
    timed = results.of("rule_seconds")
    for rule, colour in zip(RULES, COLOURS, strict=False):
        one = timed.where(rule=rule)
        right.loglog(one.choices("entries"), 1000 * one.numbers("least"), "o-", color=colour, label=rule)
    right.set(xlabel="weights in the matrix", ylabel="milliseconds per step", title="b: masking one matrix")
    right.legend(loc="upper left", title="threshold")
    return drawn


def _points(axes: Axes, results: Results) -> None:
    for row, name in enumerate(VARIANTS):
        cell = of(results, name)
        ends = 100 * best_of(cell), 100 * last_of(cell)
        axes.plot(ends, (row, row), "-", color=GREY, linewidth=1.2)
        axes.plot(ends[0], row, "o", color=COLOURS[0], fillstyle="none", label="best epoch" if row == 0 else None)
        axes.plot(ends[1], row, "o", color=COLOURS[0], label="last epoch" if row == 0 else None)
    axes.set_yticks(range(len(VARIANTS)), list(VARIANTS))
    axes.axvline(100 * last_of(of(results, "CDR")), color=COLOURS[1], linewidth=1, linestyle=":")
    axes.set(xlabel="test accuracy, %", title=f"a: {RATE:.0%} of the labels wrong", ylim=(len(VARIANTS) - 0.4, -1.6))
    axes.legend(loc="upper left", ncols=2)


STUDY = Study(
    Card(
        name="cdr-ablation",
        title="What CDR gains with 40 % of its weights held still, a smaller learning rate gains as well",
        shows="CDR is varied one part at a time under 40 % symmetric noise: without the factor 1 - tau, with L1 decay, "
        "with other criteria of what is critical, ordered by tensor, and with thresholds that look at a part of the "
        "weights. Plain training is shown at its own learning rate and at one smaller by the factor.",
        paper="Xia, Liu, Han, Gong, Wang, Ge and Chang, Robust Early-Learning, ICLR, and a practitioner's note of 2021 "
        "that varied it",
        year=2021,
        figure="Equations 3 to 6; the note's variants of criterion, factor and decay, and its supplement",
        explanation="The factor is a smaller learning rate for the weights. The mask is what is particular to CDR: in "
        "every step it lets through the part of the gradient that acts on large weights, which is where labels that "
        "agree should have built something. Little of that shows at cpu: without the factor CDR ends where plain "
        "training does, with it 0.6 points below plain training at a learning rate smaller by the factor, and other "
        "criteria and a fixed random mask, which is only a smaller network, end within a point of it; probably because "
        "in 25 epochs the size of the steps decides how much is memorised as long as 60 % of the weights move. With 80 "
        "% held still the mask alone ends 4 points above plain training, and there the factor costs 2.7 points, "
        "probably since so small steps learn too little. The threshold need not be exact, since the weights near it "
        "matter neither way.",
        departures="The note trains on MNIST for 100 epochs; at cpu it is 1,200 rows of Fashion-MNIST for 25 epochs, "
        "with a learning rate that falls as a cosine; rows, epochs and schedule were chosen after pilot runs on "
        "Fashion-MNIST, so that plain training memorises. Its strengths of L1 are not stated; 1e-4 and 1e-3 are ours. "
        "The mask is of weight matrices and convolutions alone, as in the authors' code; the note masks biases too. "
        f"Plain training at a smaller rate and the threshold from {SAMPLED:,} random entries are ours. The note's "
        "parameters above 0.001 in size are followed elsewhere",
        scales={
            "smoke": "digits, 300 rows, a perceptron: 13 variants; matrices of up to 100,000 weights",
            "cpu": "Fashion-MNIST, 1,200 rows, LeNet: 13 variants, three seeds; matrices of up to 1,000,000 weights",
            "paper": "MNIST whole, LeNet, 100 epochs, the note's settings: 13 variants, two seeds",
        },
        budget={"smoke": 50, "cpu": 300},
        takes=("source", "model"),
    ),
    runs,
    claims,
    figure,
)
