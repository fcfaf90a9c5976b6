"""CDR part by part: the factor, the decay, the criterion, the ordering, and a threshold from a sample."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.methods.gradients.cdr import CDR
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.fit import following
from noisewise.studies.robust_early_learning.robust_early import PLAIN, accuracies, corruption, spec
from noisewise.training.batch import Batch, Clock, one_hot
from noisewise.training.method import LearningTask

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATE, MANY, SAMPLED = 0.4, 0.8, 2000
CORE, HIGH = spec(RATE), spec(MANY)
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
RULES: dict[str, dict[str, Any]] = {
    "exact": {},
    "sampled": {"sampled": SAMPLED},
    "supplement": {"compat_supplement": True},
}
REPEATS = 7
WIDTH = 100


def settings(scale: Scale, name: str) -> dict[str, Any]:
    """The settings of a variant at a scale."""
    changed = dict(VARIANTS[name][1])
    slower = changed.pop("slower", 1.0)
    return {**scale.training, **changed, "lr": round(slower * scale.training["lr"], 6)}


def rule_seconds(entries: int, rule: str, repeats: int, seed: int) -> dict[str, Any]:
    """Time CDR's gradient of one weight matrix, the least seconds of some repeats, and the share of weights it keeps.

    Args:
        entries: number of entries of the matrix, 100 per row.
        rule: a name in `RULES`.
        repeats: how often to time it.
        seed: of weights and gradients.
    """
    rng = torch.Generator().manual_seed(seed)
    params, gradients = ({"weight": torch.randn(entries // WIDTH, WIDTH, generator=rng)} for _ in range(2))
    method = CDR(RATE, **RULES[rule])
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
    return {"least": min(seconds), "kept": kept}


def runs(scale: Scale) -> list[Task]:
    """Every variant under symmetric noise, over seeds; then every rule of the threshold on matrices."""
    shared = {"source": scale.source, "model": scale.model, "corrupt": corruption(RATE)}
    return [
        *(
            following(method=method, seed=seed, **shared, **settings(scale, name))
            for seed in range(scale.seeds)
            for name, (method, _) in VARIANTS.items()
        ),
        *(
            Task.of(rule_seconds, entries=entries, rule=rule, repeats=REPEATS, seed=0)
            for entries in scale.entries
            for rule in RULES
        ),
    ]


def variants(results: Results) -> pd.DataFrame:
    """`best` and `last` test accuracy by variant, averaged over seeds."""
    names = {(method, settings(results.scale, name)["lr"]): name for name, (method, _) in VARIANTS.items()}
    runs = accuracies(results)
    named = [names[key] for key in zip(runs["method"], runs["lr"], strict=True)]
    return means(runs.assign(variant=named), "variant", ["best", "last"])


def measured(results: Results) -> dict[str, Any]:
    """The gain by each part, in the end and at the best epoch, and the time that a threshold from a sample saves."""
    found: Any = variants(results)
    best, last = found["best"], found["last"]
    timed = results.of("rule_seconds").table
    spent = timed[timed["entries"] == results.scale.largest].set_index("rule")["least"].clip(lower=1e-9)
    sampled = (found.loc["CDR"] - found.loc["sampled threshold"]).abs().max(skipna=False)
    supplement = (found.loc["without the factor"] - found.loc["supplement's rule"]).max(skipna=False)
    return {
        "more-than-slower": last["CDR"] - last["plain, slower"],
        "mask-alone": last["without the factor"] - last["plain training"],
        "factor-small": round(abs(last["CDR"] - last["without the factor"]), 6),
        "factor-at-80": last["80 % held still"] - last["80 %, no factor"],
        "l1-later": max(last["L1 decay, 1e-4"], last["L1 decay, 1e-3"]) - last["CDR"],
        "l1-best": best["CDR"] - best["L1 decay, 1e-3"],
        "product-over-fixed": last["CDR"] - last["fixed random mask"],
        "product-over-sum": last["CDR"] - last["|g| + |w|"],
        "ordering": round(abs(last["CDR"] - last["by tensor"]), 6),
        "sampled-accuracy": round(sampled, 6),
        "supplement-accuracy": round(supplement, 6),
        "sampled-speed": spent["exact"] / spent["sampled"],
        "supplement-speed": spent["exact"] / spent["supplement"],
    }


def figure(results: Results) -> Figure:
    """Draw best and last test accuracy by variant; the time of a threshold by the number of weights."""
    drawn, (left, right) = subplots(1, 2, width_ratios=(1.5, 1))
    drawn.set_size_inches(10.4, 4.4)
    _points(left, results)
    timed = results.of("rule_seconds").table.groupby("rule", sort=False)
    for (rule, some), colour in zip(timed, COLOURS, strict=False):
        right.loglog(some["entries"], 1000 * some["least"], "o-", color=colour, label=rule)
    right.set(xlabel="weights in the matrix", ylabel="milliseconds per step", title="b: masking one matrix")
    right.legend(loc="upper left", title="threshold")
    return drawn


def _points(axes: Axes, results: Results) -> None:
    found: Any = 100 * variants(results).loc[list(VARIANTS)]
    rows = np.arange(len(found))
    axes.hlines(rows, found.min(axis=1), found.max(axis=1), color=GREY, linewidth=1.2)
    axes.plot(found["best"], rows, "o", color=COLOURS[0], fillstyle="none", label="best epoch")
    axes.plot(found["last"], rows, "o", color=COLOURS[0], label="last epoch")
    axes.set_yticks(rows, list(found.index))
    axes.axvline(found.loc["CDR", "last"], color=COLOURS[1], linewidth=1, linestyle=":")
    axes.set(
        xlabel="test accuracy, %",
        ylabel="arm",
        title=f"a: {RATE:.0%} of the labels wrong",
        ylim=(len(found) - 0.4, -1.6),
    )
    axes.legend(loc="upper left", ncols=2)


STUDY = Study.load(__file__, runs, measured, figure)
