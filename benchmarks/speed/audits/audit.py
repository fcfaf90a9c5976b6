"""An audit by three networks beside cleanlab on five folds, at equal epochs: CPU seconds and average precision."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.metrics import average_precision_score

from noisewise.auditing.gathering.candidates.networks import fit_of
from noisewise.auditing.gathering.crossfit import cross_fit
from noisewise.auditing.pipeline import run_audit
from noisewise.auditing.plan import AuditPlan
from noisewise.compute import SerialEngine
from noisewise.data import Dataset, load, subset
from noisewise.noise import corrupt

from ..row import Row
from ..turns import Spread

COMMAND = "python -m benchmarks.speed audit"
NOISE, ROWS = "symmetric:0.2", 3000
FOLDS = 5
EPOCHS, SEEDS = (3, 10), (0, 1, 2)


def measure(quick: bool) -> list[Row]:
    found = []
    for epochs in (1,) if quick else EPOCHS:
        seconds, gains = [], []
        for seed in SEEDS[:1] if quick else SEEDS:
            source = "digits" if quick else "fashion-mnist"
            data = corrupt(subset(load(source), 300 if quick else ROWS, seed), NOISE, seed=seed)
            plan = AuditPlan.of(data.name, {"method": "ce", "epochs": epochs, "seed": seed})
            arms = [ours, cleanlab] if seed % 2 else [cleanlab, ours]
            taken = {arm: timed(arm, data, plan) for arm in arms}
            seconds.append(taken[ours][0] / taken[cleanlab][0])
            gains.append(taken[ours][1] - taken[cleanlab][1])
        size = f"{len(data):,} rows of {source}, {NOISE}, {epochs} epochs"
        said = "with conditions, without the report; the same network and recipe; turns are seeds"
        what = f"{size}: an audit by three networks / cleanlab's five folds"
        found.append(Row.of(what, "<= 0.5", Spread.of(seconds), command=COMMAND, note=said))
        what = f"{size}: average precision, ours - cleanlab's"
        found.append(Row.of(what, ">= 0", Spread.of(gains), command=COMMAND))
    return found


def timed(arm: Callable[[Dataset, AuditPlan], np.ndarray], data: Dataset, plan: AuditPlan) -> tuple[float, float]:
    """CPU seconds of one audit, and the average precision of its scores."""
    began = time.thread_time()
    scores = arm(data, plan)
    seconds = time.thread_time() - began
    assert data.truth is not None  # it was corrupted here
    return seconds, float(average_precision_score(data.given != data.truth, scores))


def ours(data: Dataset, plan: AuditPlan) -> np.ndarray:
    """(n,) suspicions of an audit."""
    return run_audit(plan, replace(data, truth=None), engine=SerialEngine()).suspicion


def cleanlab(data: Dataset, plan: AuditPlan) -> np.ndarray:
    """(n,) minus the label quality, by the same networks on five folds; its issues are found too."""
    fit = replace(fit_of(data, plan), folds=FOLDS, spared=0.0)
    probabilities = cross_fit(data.blind(), fit).probabilities
    find_label_issues(data.given, probabilities, n_jobs=1)
    return -np.asarray(get_label_quality_scores(data.given, probabilities))
