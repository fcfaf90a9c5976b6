"""The audit from source to findings: evidence by cross-fitting (or from files), one judgement, findings."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from noisewise.auditing.crossfit import cross_fit
from noisewise.auditing.estimates import estimated_transition
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.findings import Findings
from noisewise.auditing.judge import judge
from noisewise.auditing.metrics import score_against_truth
from noisewise.data import Dataset, load, subset
from noisewise.methods.estimators import ESTIMATORS
from noisewise.models import DEFAULTS
from noisewise.noise import corrupt as apply_corruption
from noisewise.training import Method
from noisewise.training.config import configured

DEFAULT_FOLDS = 3
DEFAULT_EPOCHS = 10


def audit(
    data: Dataset | str | Path,
    *,
    labels: str | None = None,
    corrupt: str | None = None,
    model: str | nn.Module | Callable[..., nn.Module] | None = None,
    method: str | Method = "ce",
    epochs: int = DEFAULT_EPOCHS,
    folds: int = DEFAULT_FOLDS,
    probs: np.ndarray | None = None,
    features: np.ndarray | None = None,
    transition: str | None = None,
    rows: int | None = None,
    seed: int = 0,
    data_dir: str | Path | None = None,
    out: str | Path | None = None,
    on_progress: Callable[[float], None] | None = None,
    **settings: Any,
) -> Findings:
    """Find the wrong labels of a data set.

    Without `probs` and `features` the model is cross-fitted: the rows are split into folds, and each fold is
    predicted by a network that did not train on it. In-training statistics of the other folds' networks are used
    beside.

    Args:
        data: a Dataset, or a source (a name, a path, "hf:NAME").
        labels: label column of a table.
        corrupt: a corruption spec to inject first; the findings are then measured against the injected truth.
        model: as for `train`; by default one that fits the kind of data.
        method: how each network trains.
        epochs, folds: of the cross-fitting.
        probs: (n, K) out-of-sample probabilities from any other tool; nothing is trained.
        features: (n, d) embeddings; nothing is trained.
        transition: a further estimator of the transition matrix (anchor, anchor-mean, dual-t, hoc), whose matrix is
            reported beside the judgement's own.
        rows: audit a stratified random subset of so many rows.
        seed: of everything random. data_dir: a folder to look for named sources in.
        out: a folder to save the findings in.
        on_progress: told the share of the work that is done.
        settings: further fields of `Config`.

    Raises:
        BadInput: whatever cannot be done as asked. Diverged: a training became infinite or NaN.
    """
    began = time.perf_counter()
    if transition is not None:
        ESTIMATORS.check(transition)
    source = data if isinstance(data, Dataset) else load(data, labels=labels, data_dir=data_dir)
    if rows is not None:
        source = subset(source, rows, seed)
    if corrupt:
        source = apply_corruption(source, corrupt, seed=seed)
    if probs is not None or features is not None:
        evidence = Evidence(source.given, len(source.classes), probabilities=probs, features=features)
    else:
        config = configured(epochs, seed, settings)
        chosen = model if model is not None else DEFAULTS[source.kind]
        evidence = cross_fit(source.blind(), chosen, method, config, folds, on_progress)
    found = judge(evidence, seed=seed)
    metrics = {}
    if source.truth is not None:
        metrics = score_against_truth(found.suspicion, found.is_issue, found.suggested, source.given, source.truth)
    findings = Findings(
        source,
        suspicion=found.suspicion,
        suggested=found.suggested,
        is_issue=found.is_issue,
        noise_rate=found.noise_rate,
        interval=found.interval,
        transition=found.transition,
        threshold=found.threshold,
        scores=found.scores,
        probabilities=evidence.probabilities,
        explanation=found.explanation,
        seconds=time.perf_counter() - began,
        metrics=metrics,
        estimates={} if transition is None else {transition: estimated_transition(evidence, transition)},
    )
    if out is not None:
        findings.save(out)
    return findings
