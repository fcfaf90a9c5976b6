"""Evidence from a plan: which candidates are compared, or which model alone is cross-fitted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.gathering.candidates.catalogue import PREDICTORS
from noisewise.auditing.gathering.candidates.classifier import cross_fitted
from noisewise.auditing.gathering.candidates.networks import cost as networks_cost
from noisewise.auditing.gathering.candidates.networks import cross_fitted_networks
from noisewise.auditing.gathering.candidates.predictor import Predictor, Task
from noisewise.auditing.gathering.candidates.views import ROWS, embeddings, view_of_named, views_of
from noisewise.auditing.gathering.classifiers import BLEND, is_candidate, is_named_or_classifier
from noisewise.auditing.gathering.compare import Entry, allowed, compare, entries
from noisewise.auditing.gathering.further import in_two, without_labels
from noisewise.auditing.gathering.last_layer import FEATURES
from noisewise.auditing.plan import AuditPlan
from noisewise.auditing.progress import SILENT, Progress
from noisewise.compute import Engine
from noisewise.data import Dataset
from noisewise.errors import BadInput

MOST_BOOSTED = 20  # classes up to which boosted trees, one per class and round, belong to the blend
SHARE_OF_EMBEDDING = 0.8  # of the time that embedding and cross-fitting networks take together
LARGEST = 1e15  # of features: squares and sums of such numbers are still float32


def gather(
    data: Dataset,
    plan: AuditPlan,
    engine: Engine | None = None,
    progress: Progress = SILENT,
    features: np.ndarray | None = None,
) -> Evidence:
    """The evidence on the labels of n rows by cross-fitting.

    Where the plan names no model, candidates are compared (see `compare`), unless it asks for something that only
    networks have: a method, epochs, a setting of the training, or a detector that observes a network's last layer.
    A named model is the only candidate; "blend" is a forest, boosted trees and a regression.

    Args:
        data: without truth.
        plan: which model, how it is trained, and in how many folds.
        engine: where networks are trained; classifiers are fitted in this process.
        progress: reports how much is done.
        features: (n, d) features that take the place of the inputs; or (n + m, d), with those of m unlabelled rows, in
            the order of the source.

    Raises:
        BadInput: whatever cannot be done as planned.
    """
    if not data.labelled:
        raise BadInput(f"{data.name} has no labels to judge; `noisewise predict` predicts such rows")
    if data.shape == (0,) and features is None:
        raise BadInput(f"{data.name} has labels alone, and nothing to learn from: give probs or features")
    if len(data) < 2:
        raise BadInput(f"{data.name} has one row, but a model that predicts it needs others to learn from")
    if features is not None:
        own, further = in_two(features, data)
        checked = Evidence(data.given, len(data.classes), features=own).features
        if checked is not None and (largest := float(np.abs(checked).max(initial=0))) > LARGEST:
            raise BadInput(f"features must lie within ±{LARGEST:g}, but {largest:g} occurs")
        task = Task(data, plan, engine, checked, further)
    else:
        task = Task(data, plan, engine)
    embedded = features is not None or plan.embed is not None
    last_layer = plan.last_layer - ({FEATURES} if embedded else set())
    # features are compared whatever detectors ask for: these say themselves what they lack
    if plan.model is None and not plan.for_networks and (not last_layer or features is not None):
        return compare(task, entries(task), allowed(task), progress)
    if plan.model is None or not is_named_or_classifier(plan.model):
        return _by_networks(task, last_layer, progress)
    _refuse_what_networks_have(plan.model, plan, last_layer)
    return compare(task, _named(task), np.inf, progress)


def _by_networks(task: Task, last_layer: Collection[str], progress: Progress) -> Evidence:
    features = task.features
    if features is None and task.plan.embed is not None:
        features = embeddings(task, progress.part(0, SHARE_OF_EMBEDDING))
        progress = progress.part(SHARE_OF_EMBEDDING, 1 - SHARE_OF_EMBEDDING)
    if features is not None:
        rest, further = without_labels(task.data), task.further_features
        if rest is not None and task.plan.embed is not None:
            further = embeddings(replace(task, data=rest), SILENT)
        known = None if rest is None or further is None else _as_vectors(rest, np.asarray(further, dtype=np.float32))
        task = replace(task, data=replace(_as_vectors(task.data, features), unlabelled=known))
    predictor = Predictor((ROWS.name,), networks_cost, partial(cross_fitted_networks, last_layer=last_layer))
    found = compare(task, [Entry("networks", predictor, ROWS)], np.inf, progress)
    return found if features is None else found.with_features(features)


def _as_vectors(data: Dataset, features: np.ndarray) -> Dataset:
    return replace(data, inputs=features, kind="vector", described=None)


def _named(task: Task) -> list[Entry]:
    """The candidates of a classifier that the plan names."""
    model = task.plan.model
    if not isinstance(model, str):
        predictor = Predictor((), _no_cost, partial(cross_fitted, model))
        return [Entry(type(model).__name__, predictor, view_of_named(task, model))]
    if is_candidate(model):
        return _from_elsewhere(task, model)
    boosted = task.data.kind != "text" and task.classes <= MOST_BOOSTED
    names = [name for name in BLEND if boosted or name != "boosting"] if model == "blend" else [model]
    predictors = [PREDICTORS["regression" if name == "linear" else name] for name in names]
    return [Entry(name, one, view_of_named(task, name)) for name, one in zip(names, predictors, strict=True)]


def _from_elsewhere(task: Task, model: str) -> list[Entry]:
    """A candidate of another package, with each view that it learns from."""
    predictor, views = PREDICTORS[model], views_of(task)
    found = [Entry(f"{model} on {view.name}", predictor, view) for view in views if view.name in predictor.views]
    if not found:
        has = ", ".join(view.name for view in views)
        raise BadInput(f"model={model!r} learns from {', '.join(predictor.views)}, but {task.data.name} has {has}")
    return found


def _no_cost(shape: tuple[int, int], classes: int, folds: int) -> float:
    return 0.0


def _refuse_what_networks_have(model: Any, plan: AuditPlan, last_layer: Collection[str]) -> None:
    name = model if isinstance(model, str) else type(model).__name__
    if plan.for_no_classifier:
        key, value = next(iter(plan.for_no_classifier.items()))
        raise BadInput(f"{key}={value!r} is for networks, but model={name!r} is a classifier: leave out one of the two")
    if last_layer:
        raise BadInput(
            f"the requested detectors observe a network, but model={name!r} is a classifier: leave out one of the two"
        )
