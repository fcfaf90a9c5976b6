"""The audit from source to findings: evidence by cross-fitting (or from files), one judgement, findings."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from noisewise.auditing.estimates import estimated_transition
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.findings import Findings
from noisewise.auditing.judge import judge
from noisewise.auditing.metrics import score_against_truth
from noisewise.data import Dataset, folds, load, subset
from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.methods.estimators import ESTIMATORS
from noisewise.models import DEFAULTS
from noisewise.noise import corrupt as apply_corruption
from noisewise.training import Config, Method, Training
from noisewise.training.config import configured, seeded

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


def cross_fit(
    data: Dataset,
    model: str | nn.Module | Callable[..., nn.Module],
    method: str | Method,
    config: Config,
    count: int,
    on_progress: Callable[[float], None] | None = None,
) -> Evidence:
    """Out-of-fold probabilities and in-training statistics of every row.

    Row i's probability is predicted by the network of its fold, which never trained on it, averaged over the epochs
    of the second half of the training; its statistics are averaged over the other folds' trainings.

    Raises:
        BadInput: fewer than 2 folds, or fewer rows than folds.
    """
    if not 2 <= count <= len(data):
        raise BadInput(f"folds={count} must lie between 2 and the number of rows, {len(data)}")
    numbers = folds(data.given, count, config.seed)
    probabilities = np.zeros((len(data), len(data.classes)))
    totals: dict[str, np.ndarray] = {}
    for fold in range(count):
        held = numbers == fold
        parts = replace(data.take(~held), validation=data.take(held), test=None, trusted=None)
        progress = None if on_progress is None else _Share(on_progress, fold, count, config.epochs)
        held_out = HeldOut(config.epochs)
        settings = replace(config, seed=seeded(config.seed, fold) % 2**31)
        training = Training(parts, model, settings, witness=held_out, on_progress=progress)
        build(method if isinstance(method, str) else copy.deepcopy(method))(training)
        probabilities[held] = held_out.probabilities
        for name, values in training.ledger.statistics().items():
            totals.setdefault(name, np.zeros((len(data), *values.shape[1:])))[~held] += values[data.index[~held]]
    statistics = {name: total / (count - 1) for name, total in totals.items()}
    return Evidence(data.given, len(data.classes), probabilities=probabilities, ledger=statistics)


class HeldOut:
    """A witness that averages the predictions for the held-out rows over the later half of the epochs.

    The ledger sums the predictions of every evaluation: the sum at the end less that at half time is all it takes. A
    training that stops before half time counts whole.
    """

    def __init__(self, epochs: int) -> None:
        self.half = epochs // 2
        self.before: torch.Tensor | float = 0.0
        self.total: torch.Tensor | None = None
        self.count = 0

    def __call__(self, training: Training, method: Method) -> dict[str, Any]:
        held = training.ledger.probability_sum[training.split("validation").index].double()
        done = len(training.history) + 1
        if done == self.half:
            self.before = held
        self.total, self.count = held, done
        return {}

    @property
    def probabilities(self) -> np.ndarray:
        """(held-out rows, K) averaged probabilities."""
        assert self.total is not None  # no training ends without a recorded epoch
        if self.count <= self.half:  # stopped early
            return (self.total / self.count).cpu().numpy()
        return ((self.total - self.before) / (self.count - self.half)).cpu().numpy()


class _Share:
    """From the share of an epoch that is done to the share of the whole cross-fitting."""

    def __init__(self, tell: Callable[[float], None], fold: int, count: int, epochs: int) -> None:
        self.tell, self.fold, self.count, self.epochs = tell, fold, count, epochs
        self.epoch = 0

    def __call__(self, share: float) -> None:
        self.tell((self.fold + (self.epoch + share) / self.epochs) / self.count)
        self.epoch += share >= 1
