"""The audit from source to findings: evidence by cross-fitting (or from files), one judgement, findings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from noisewise.auditing.detectors.detection import EVERY, asked, scores_of
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.findings import Findings
from noisewise.auditing.gate import check_limit, gate
from noisewise.auditing.gathering.classifiers import Classifier
from noisewise.auditing.gathering.engines import fold_engine
from noisewise.auditing.gathering.gather import from_features, gather
from noisewise.auditing.gathering.last_layer import needed
from noisewise.auditing.judgement.estimates import estimated_transition
from noisewise.auditing.judgement.judge import judge
from noisewise.auditing.metrics import score_against_truth
from noisewise.auditing.rows.conditions import find_conditions
from noisewise.compute import Engine
from noisewise.data import Dataset, load, subset
from noisewise.errors import BadInput
from noisewise.methods.transition.estimators import ESTIMATORS
from noisewise.noise import corrupt as apply_corruption
from noisewise.training import Method


def audit(
    data: Dataset | str | Path,
    *,
    labels: str | None = None,
    text: str | None = None,
    corrupt: str | None = None,
    model: str | nn.Module | Callable[..., nn.Module] | Classifier | None = None,
    method: str | Method | None = None,
    epochs: int | None = None,
    folds: int | None = None,
    probs: np.ndarray | None = None,
    features: np.ndarray | None = None,
    embed: str | None = None,
    transition: str | None = None,
    detectors: str | Iterable[str] | None = None,
    conditions: bool = True,
    rows: int | None = None,
    seed: int = 0,
    data_dir: str | Path | None = None,
    out: str | Path | None = None,
    fail_above: float | None = None,
    fail_when_sure: bool = False,
    on_progress: Callable[[float], None] | None = None,
    engine: str | Engine = "local",
    workers: int | None = None,
    **settings: Any,
) -> Findings:
    """Find the wrong labels of a data set.

    Without `probs` and `features` the model is cross-fitted: the rows are split into folds, and each fold is
    predicted by a model that did not train on it. By default these are networks for images, whose in-training
    statistics are used beside, and classifiers of scikit-learn for tables, vectors and texts (see `gathering`).

    Args:
        data: a Dataset, or a source (a name, a path, "hf:NAME").
        labels: label column of a table. text: the column of a table whose texts are the inputs.
        corrupt: a corruption spec to inject first; the findings are then measured against the injected truth.
        model: as for `train`, or a classifier: "blend", "forest", "boosting", "linear" or any object of scikit-learn
            with `fit` and `predict_proba`; by default one that fits the kind of data.
        method, epochs: how each network trains; by default "ce" and 10.
        folds: of the cross-fitting; by default 3 for networks and 5 for classifiers.
        probs: (n, K) out-of-sample probabilities from any other tool; nothing is trained.
        features: (n, d) embeddings; nothing is trained.
        embed: a pretrained model, by its folder or its name on the hub, whose embeddings of texts or images are
            cross-fitted; needs the extra `pretrained`.
        transition: a further estimator of the transition matrix (anchor, anchor-mean, dual-t, hoc), whose matrix is
            reported beside the judgement's own.
        detectors: whose scores to report beside the judgement: names of `DETECTORS`, as a collection or with commas
            between them; "all"; None for those that cost nothing extra. They change nothing about the judgement of one
            and the same model.
        conditions: also look for duplicates, outliers and ambiguous rows, which are reported apart from the issues.
        rows: audit a stratified random subset of so many rows.
        seed: of everything random. data_dir: a folder to look for named sources in.
        out: a folder to save the findings in.
        fail_above: a limit on the noise rate; the findings' `gate` says whether they pass. fail_when_sure: compare the
            lower end of the rate's interval instead.
        on_progress: told the share of the work that is done.
        engine: what trains the networks of the folds: "local", this machine, "ray", a cluster (needs the extra `ray`),
            or an object (see `engines`). workers: folds at a time; 1 for "local" by default, in processes where more.
        settings: further fields of `Config`.

    Raises:
        BadInput: whatever cannot be done as asked. Diverged: a training became infinite or NaN.
    """
    began = time.perf_counter()
    check_limit(fail_above, fail_when_sure)
    if embed is not None and (probs is not None or features is not None):
        raise BadInput(f"embed={embed!r} computes features: leave it out, or probs and features")
    if transition is not None:
        ESTIMATORS.check(transition)
    names, trains = asked(detectors), fold_engine(engine, workers, gpu=settings.get("device") != "cpu")
    source = data if isinstance(data, Dataset) else load(data, labels=labels, text=text, data_dir=data_dir)
    if rows is not None:
        source = subset(source, rows, seed)
    if corrupt:
        source = apply_corruption(source, corrupt, seed=seed)
    if probs is not None and np.ndim(probs) == 2 and source.shape == (0,):
        source = replace(source, classes=tuple(map(str, range(max(len(source.classes), np.shape(probs)[1])))))
    if probs is not None:
        evidence = Evidence(source.given, len(source.classes), probabilities=probs, features=features)
    elif features is not None:
        evidence = from_features(source.blind(), features, seed)
    else:
        evidence = gather(
            source.blind(),
            model=model,
            method=method,
            epochs=epochs,
            folds=folds,
            embed=embed,
            seed=seed,
            settings=settings,
            looks=needed(names or ()),
            on_progress=on_progress,
            engine=trains,
        )
    judged = evidence if features is not None else replace(evidence, features=None)
    found = judge(judged, seed=seed)
    others = None
    if conditions:
        space = None if features is None and embed is None else evidence.features
        known = evidence.probabilities if evidence.small else None
        others = find_conditions(source, found.is_issue, probabilities=known, features=space)
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
        scores=scores_of(evidence, detectors if detectors == EVERY else names),
        probabilities=evidence.probabilities,
        explanation=found.explanation,
        seconds=time.perf_counter() - began,
        metrics=metrics,
        conditions=others,
        gate=gate(found.noise_rate, found.interval, fail_above, fail_when_sure),
        estimates={} if transition is None else {transition: estimated_transition(judged, transition)},
    )
    if out is not None:
        findings.save(out)
    return findings
