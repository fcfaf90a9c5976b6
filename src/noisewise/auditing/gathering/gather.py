"""Evidence from a plan: which model is cross-fitted, after pretrained embeddings where they were requested."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from noisewise.auditing.candidate import guessing, scored
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.gathering import classifiers
from noisewise.auditing.gathering.crossfit import CrossFit, cross_fit
from noisewise.auditing.gathering.last_layer import FEATURES
from noisewise.auditing.judgement.calibration import tempered
from noisewise.auditing.judgement.judge import voted
from noisewise.auditing.plan import AuditPlan
from noisewise.auditing.progress import SILENT, Progress
from noisewise.compute import Engine
from noisewise.data import Dataset
from noisewise.data.readers.folders import LARGEST, own_size
from noisewise.errors import BadInput
from noisewise.models import DEFAULTS

FOLDS, SPARED = 3, 0.2
PACKAGED = "efficientnet-lite0"
SHARE_OF_EMBEDDING = 0.8  # of the time that embedding and cross-fitting take together
MOST_FITTED = 2**29
SCORED = 2**23  # probabilities on which those in a large file are scored


def compared(evidence: Evidence, name: str, began: float | None = None) -> Evidence:
    """The evidence with its one candidate beside guessing.

    Args:
        evidence: with probabilities of any size; of large ones every k-th row is scored.
        name: of the candidate that predicted them.
        began: when its work began, by `time.perf_counter`.
    """
    seconds = 0.0 if began is None else time.perf_counter() - began
    part = (
        evidence
        if evidence.small
        else evidence.take(slice(None, None, max(1, len(evidence) * evidence.classes // SCORED)))
    )
    assert part.probabilities is not None  # predicted by the candidate
    found = scored(name, part.probabilities, part.labels, seconds, weight=1.0)
    return evidence.with_candidates((guessing(evidence.labels, evidence.classes), found))


def gather(data: Dataset, plan: AuditPlan, engine: Engine | None = None, progress: Progress = SILENT) -> Evidence:
    """The evidence on the labels of n rows by cross-fitting.

    Photographs are embedded by the packaged encoder (see `encoder_of`), and a regression is cross-fitted to that. Where
    the plan names no model, rows of numbers and texts are cross-fitted by classifiers (see
    `default_classifier`), unless it asks for something that only networks have: a method, epochs, a setting of the
    training, or a detector that observes a network's last layer. Networks are cross-fitted in 3 folds, each trained on
    60 % of the rows (see `CrossFit.spared`), classifiers in 5, unless the plan says otherwise.

    Args:
        data: without truth.
        plan: which model, how it is trained, and in how many folds.
        engine: where networks are trained; classifiers, which take seconds, are fitted in this process.
        progress: reports how much is done.

    Raises:
        BadInput: whatever cannot be done as planned.
    """
    if data.shape == (0,):
        raise BadInput(f"{data.name} has labels alone, and nothing to learn from: give probs or features")
    began = time.perf_counter()
    features, encoder = None, encoder_of(data, plan)
    if encoder is not None:
        from noisewise.data.embeddings import embed

        embedding = progress.part(0, SHARE_OF_EMBEDDING)
        features = embed(data, encoder, device=plan.config.torch_device, on_progress=embedding)
        data = replace(data, inputs=features, kind="vector")
        progress = progress.part(SHARE_OF_EMBEDDING, 1 - SHARE_OF_EMBEDDING)
    last_layer = plan.last_layer - ({FEATURES} if features is not None else set())
    model = plan.model
    if encoder == PACKAGED:
        model = classifiers.strong_linear(plan.seed)
    if features is not None and model is None and not plan.for_networks and not last_layer:
        return compared(from_features(data, features, plan.seed, plan.folds, progress), "features", began)
    if model is None:
        simple = classifiers.default_classifier(data)
        model = DEFAULTS[data.kind] if plan.for_networks or last_layer or simple is None else simple
    if not classifiers.is_named_or_classifier(model):
        count, spared = (FOLDS, SPARED) if plan.folds is None else (plan.folds, 0.0)
        fit = CrossFit(model, plan.method or "ce", plan.config, count, spared, last_layer)
        found = cross_fit(data, fit, engine, progress)
    else:
        _refuse_what_networks_have(model, plan, last_layer)
        count = classifiers.FOLDS if plan.folds is None else plan.folds
        found = classifiers.cross_fit_classifier(data, model, count, plan.seed, progress)
    name = (
        "embeddings"
        if encoder == PACKAGED
        else model
        if isinstance(model, str)
        else getattr(model, "__qualname__", type(model).__name__)
    )
    return compared(found if features is None else replace(found, features=features), name, began)


def encoder_of(data: Dataset, plan: AuditPlan) -> str | None:
    """The pretrained model by whose embeddings the rows are judged: the plan's, or the packaged one for photographs.

    Photographs are images of more than 64 pixels on the shorter side, where the plan names no model and asks for
    nothing that only networks have.
    """
    if plan.embed is not None or data.kind != "image":
        return plan.embed
    asked = plan.model is not None or plan.for_networks or plan.last_layer
    return None if asked or min(own_size(data.inputs)) <= LARGEST else PACKAGED


def from_features(
    data: Dataset, features: np.ndarray, seed: int = 0, folds: int | None = None, progress: Progress = SILENT
) -> Evidence:
    """The evidence that features of the rows give.

    Probabilities are the mean of two calibrated predictions that do not use the row's own label: the shares of labels
    among its nearest neighbours, and a cross-fitted logistic regression. Which of the two is better depends on the
    features; on most, their mean is better than both. Beyond half a billion features times classes the neighbours alone
    predict.

    Args:
        data: n rows without truth; their inputs are not read.
        features: (n, d) embeddings.
        seed: random seed of the folds.
        folds: of the cross-fitting; None is 5.
        progress: reports how much is done.

    Raises:
        BadInput: features that are not (n, d) finite numbers.
    """
    votes = voted(Evidence(data.given, len(data.classes), features=features))
    count = classifiers.FOLDS if folds is None else folds
    if np.size(features) * len(data.classes) > MOST_FITTED or len(data) < count:
        return votes
    assert votes.features is not None  # they were given
    vectors = replace(data, inputs=votes.features, kind="vector", described=None)
    linear = classifiers.cross_fit_classifier(vectors, "linear", count, seed, progress)
    both = [tempered(part.probabilities, data.given) for part in (votes, linear) if part.probabilities is not None]
    return replace(votes, probabilities=np.mean(both, axis=0))


def _refuse_what_networks_have(model: Any, plan: AuditPlan, last_layer: Collection[str]) -> None:
    name = model if isinstance(model, str) else type(model).__name__
    if plan.for_networks:
        key, value = next(iter(plan.for_networks.items()))
        raise BadInput(f"{key}={value!r} is for networks, but model={name!r} is a classifier: leave out one of the two")
    if last_layer:
        raise BadInput(
            f"the requested detectors observe a network, but model={name!r} is a classifier: leave out one of the two"
        )
