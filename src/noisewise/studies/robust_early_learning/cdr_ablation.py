"""CDR part by part: the factor, the decay, the criterion, the ordering, and a threshold from a sample."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.methods.gradients.cdr import CDR
from noisewise.studies.frame.claim import slug
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.fit import following
from noisewise.studies.harness.statistics import difference, mean
from noisewise.studies.robust_early_learning.robust_early import accuracies, corruption, spec
from noisewise.training.batch import Batch, Clock, one_hot
from noisewise.training.method import LearningTask

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MANY, SAMPLED, TIMED = 0.8, 2000, 0.4
NO_DECAY: dict[str, Any] = {"weight_decay": 0.0}
# By name: the share held still (None: the noise rate), the options of CDR, and other settings.
VARIANTS: dict[str, tuple[float | None, str, dict[str, Any]]] = {
    "plain training": (0.0, "", {}),
    "plain, slower": (0.0, "", {"slower": True}),
    "CDR": (None, "", {}),
    "without the factor": (None, ",scale=false", {}),
    "L1 decay, 1e-4": (None, ",l1=0.0001", NO_DECAY),
    "L1 decay, 1e-3": (None, ",l1=0.001", NO_DECAY),
    "|g| + |w|": (None, ",criterion=sum", {}),
    "fixed random mask": (None, ",criterion=fixed", {}),
    "by tensor": (None, ",ordering=tensor", {}),
    "sampled threshold": (None, f",sampled={SAMPLED}", {}),
    "supplement's rule": (None, ",compat_supplement=true", {}),
    "80 % held still": (MANY, "", {}),
    "80 %, no factor": (MANY, ",scale=false", {}),
}
RULES: dict[str, dict[str, Any]] = {
    "exact": {},
    "sampled": {"sampled": SAMPLED},
    "supplement": {"compat_supplement": True},
}
REPEATS = 7
WIDTH = 100


def arm(scale: Scale, name: str, rate: float) -> dict[str, Any]:
    """The corruption, the method and the settings of a variant at a noise rate."""
    tau, options, changed = VARIANTS[name]
    slower = 1 - rate if changed.get("slower") else 1.0
    others = {key: value for key, value in changed.items() if key != "slower"}
    settings = {**scale.training, **others, "lr": round(slower * scale.training["lr"], 6)}
    return {"corrupt": corruption(rate), "method": f"{spec(rate if tau is None else tau)}{options}", **settings}


def rule_seconds(entries: int, rule: str, repeats: int, seed: int) -> dict[str, Any]:
    """Time CDR's gradient of one weight matrix, the seconds of every repeat, and the share of weights it keeps.

    Args:
        entries: number of entries of the matrix, 100 per row.
        rule: a name in `RULES`.
        repeats: how often to time it.
        seed: of weights and gradients.
    """
    rng = torch.Generator().manual_seed(seed)
    params, gradients = ({"weight": torch.randn(entries // WIDTH, WIDTH, generator=rng)} for _ in range(2))
    method = CDR(TIMED, **RULES[rule])
    method.prepare(LearningTask(2, 2, torch.zeros(2, dtype=torch.int64)))
    y, weights = one_hot(torch.zeros(2, dtype=torch.int64), 2), torch.ones(2)
    unused: Any = None  # CDR asks for no other gradient
    seconds, kept = [], 0.0
    for step in range(repeats):
        batch = Batch(torch.zeros(2, 1), y, None, weights, clock=Clock(step=step, steps=repeats, lr=0.01))
        started = time.perf_counter()
        found = method.gradient(gradients, params, unused, batch)
        seconds.append(time.perf_counter() - started)
        kept = float((found["weight"] != 0).double().mean())
    return {"seconds": seconds, "kept": kept}


def runs(scale: Scale) -> list[Task]:
    """Every variant under symmetric noise, over seeds; then every rule of the threshold on matrices."""
    return [
        *(
            following(seed=seed, source=scale.source, model=scale.model, **arm(scale, name, rate))
            for seed in range(scale.seeds)
            for rate in scale.rates
            for name in VARIANTS
        ),
        *(
            Task.of(rule_seconds, version=2, entries=entries, rule=rule, repeats=REPEATS, seed=0)
            for entries in scale.entries
            for rule in RULES
        ),
    ]


def variants(results: Results, rate: float) -> dict[str, Any]:
    """`best` and `last` test accuracy at a noise rate: a row per variant, a column per seed."""
    arms = {name: arm(results.scale, name, rate) for name in VARIANTS}
    runs = accuracies(results.where(corrupt=corruption(rate)))
    names = {(one["method"], one["lr"]): name for name, one in arms.items()}
    named = runs.assign(variant=[names[key] for key in zip(runs["method"], runs["lr"], strict=True)])
    return {epoch: named.pivot(index="variant", columns="seed", values=epoch) for epoch in ("best", "last")}


def measured(results: Results) -> dict[str, Any]:
    """The gain by each part, in the end and at the best epoch, and the time that a threshold from a sample saves."""
    found: dict[str, Any] = {}
    for rate in results.scale.rates:
        found |= {f"{claim}-{slug(f'{rate:g}')}": value for claim, value in _at(results, rate).items()}
    timed = results.of("rule_seconds").table
    spent = timed[timed["entries"] == results.scale.largest].set_index("rule")["seconds"].map(np.array)
    ratios = {rule: mean(spent["exact"] / np.maximum(spent[rule], 1e-9)) for rule in ("sampled", "supplement")}
    return found | {f"{rule}-speed": ratio for rule, ratio in ratios.items()}


def _at(results: Results, rate: float) -> dict[str, Any]:
    best, last = variants(results, rate).values()

    def ends(one: str, other: str) -> Any:
        return difference(last.loc[one], last.loc[other])

    weaker, stronger = last.loc["L1 decay, 1e-4"], last.loc["L1 decay, 1e-3"]
    sampled = (best + last).loc["sampled threshold"] - (best + last).loc["CDR"]
    supplement = (best + last).loc["without the factor"] - (best + last).loc["supplement's rule"]
    return {
        "more-than-slower": ends("CDR", "plain, slower"),
        "mask-alone": ends("without the factor", "plain training"),
        "factor-small": ends("CDR", "without the factor"),
        "factor-at-80": ends("80 % held still", "80 %, no factor"),
        "l1-later": difference(stronger if stronger.mean() > weaker.mean() else weaker, last.loc["CDR"]),
        "l1-best": difference(best.loc["CDR"], best.loc["L1 decay, 1e-3"]),
        "product-over-fixed": ends("CDR", "fixed random mask"),
        "product-over-sum": ends("CDR", "|g| + |w|"),
        "ordering": ends("CDR", "by tensor"),
        "sampled-accuracy": mean(sampled / 2),
        "supplement-accuracy": mean(supplement / 2),
    }


def figure(results: Results) -> Figure:
    """Draw best and last test accuracy by variant, a panel per noise rate; the time of a threshold by size."""
    rates = results.scale.rates
    drawn, axes = subplots(1, len(rates) + 1, width_ratios=(*[1.2] * len(rates), 1))
    drawn.set_size_inches(4.6 * len(rates) + 4.2, 4.6)
    for at, (panel, rate) in enumerate(zip(axes, rates, strict=False)):
        _points(panel, results, rate)
        panel.set_title(f"{'abc'[at]}: {rate:.0%} of the labels wrong")
    timed = results.of("rule_seconds").table.groupby("rule", sort=False)
    for (rule, some), colour in zip(timed, COLOURS, strict=False):
        axes[-1].loglog(some["entries"], 1000 * some["seconds"].map(min), "o-", color=colour, label=rule)
    axes[-1].set(xlabel="weights in the matrix", ylabel="milliseconds per step", title="Masking one matrix")
    axes[-1].legend(loc="upper left", title="threshold")
    return drawn


def _points(axes: Axes, results: Results, rate: float) -> None:
    best, last = (100 * found.loc[list(VARIANTS)] for found in variants(results, rate).values())
    rows = np.arange(len(last))
    axes.hlines(rows, last.min(axis=1), last.max(axis=1), color=COLOURS[0], linewidth=1.2, label="range of seeds")
    axes.plot(best.mean(axis=1), rows, "o", color=GREY, fillstyle="none", label="best epoch")
    axes.plot(last.mean(axis=1), rows, "o", color=COLOURS[0], label="last epoch")
    axes.set_yticks(rows, list(last.index))
    axes.vlines(last.loc["CDR"].mean(), -0.5, len(last) - 0.5, COLOURS[1], ":", linewidth=1, label="CDR, last epoch")
    axes.set(xlabel="test accuracy, %", ylabel="variant", ylim=(len(last) - 0.4, -2.2))
    axes.legend(loc="upper left", ncols=2, fontsize=8)


STUDY = Study.load(__file__, runs, measured, figure)
