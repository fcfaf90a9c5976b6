"""The candidates of an audit: listed, run within a budget, and stacked by held-out loss."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from noisewise.auditing.candidate import Candidate, accuracy, guessing
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.gathering.candidates.catalogue import PREDICTORS
from noisewise.auditing.gathering.candidates.predictor import Predicted, Predictor, Task, Trial
from noisewise.auditing.gathering.candidates.views import EMBEDDINGS, FEATURES, ROWS, View, views_of
from noisewise.auditing.gathering.further import joined, mixed, without_labels
from noisewise.auditing.gathering.stack import stacked
from noisewise.auditing.progress import SILENT, Progress
from noisewise.data import Dataset
from noisewise.errors import BadInput

# Counted seconds on one core that all candidates together may take, and those that are added per row.
ALLOWED = {"quick": (20.0, 0.0), "default": (200.0, 0.02), "thorough": (np.inf, 0.0)}
SMALLEST = 0.01  # counted seconds that every candidate takes
MAJORITY = 0.5  # of the weight, from which on in-training predictions of networks belong to the evidence


@dataclass(frozen=True, eq=False)
class Entry:
    """A candidate before it is run.

    Attributes:
        name: of the predictor and the view.
        predictor: how the labels are predicted.
        view: from what.
    """

    name: str
    predictor: Predictor
    view: View

    def cost(self, task: Task) -> float:
        """Counted seconds on one core, without making the view; at least a hundredth."""
        return SMALLEST + self.predictor.cost((len(task), self.view.width(task)), task.classes, task.folds)


@dataclass(frozen=True, eq=False)
class _Done:
    entry: Entry
    predicted: Predicted
    seconds: float


def entries(task: Task) -> list[Entry]:
    """Every candidate of a task: each predictor of noisewise with each view that it learns from."""
    views = views_of(task)
    return [
        Entry(name if view.name == "rows" else f"{name} on {view.name}", PREDICTORS[name], view)
        for name in PREDICTORS.own
        for view in views
        if view.name in PREDICTORS[name].views
    ]


def allowed(task: Task) -> float:
    """Counted seconds on one core that the candidates of a task may take."""
    seconds, per_row = ALLOWED[task.plan.budget]
    return seconds + per_row * len(task)


def compare(task: Task, listed: Sequence[Entry], limit: float, progress: Progress = SILENT) -> Evidence:
    """Run candidates from cheap to costly, and stack what they predict.

    A candidate is run while the counted cost of all that were run stays within the limit; the cheapest is always run.
    One that shows a part of its work first goes on only if that part gets a weight. Nothing depends on the clock.

    Args:
        task: which labels to predict.
        listed: the candidates.
        limit: counted seconds on one core.
        progress: reports how much is done.

    Returns:
        The stacked predictions with all candidates: guessing first, then by weight and loss, then those not run.
        Embeddings are the features; statistics of networks are the ledger where these have a weight.

    Raises:
        BadInput: no candidate predicts finite probabilities.
    """
    chosen, skipped = within(task, listed, limit)
    made = {entry.view.name: entry.view for entry in reversed(chosen)}
    whole = sum(entry.cost(task) for entry in chosen) + sum(view.cost(task) for view in made.values())
    spent = 0.0
    views: dict[str, tuple[Any, float]] = {}
    done: list[_Done] = []

    def part(cost: float) -> Progress:
        nonlocal spent
        found = progress.part(min(spent / whole, 1.0), min(cost / whole, 1.0 - spent / whole))
        spent = min(spent + cost, whole)
        return found

    for entry in chosen:
        view = entry.view
        if view.name not in views:
            began = time.perf_counter()
            values = view.make(task, part(view.cost(task)))
            views[view.name] = (values, time.perf_counter() - began)
        rivals = [one.predicted.probabilities for one in done]
        found = _run(task, entry, views[view.name], rivals, part(entry.cost(task)))
        if isinstance(found, Candidate):
            skipped.append(found)
        else:
            done.append(found)
        progress(spent / whole)
    if not done:
        raise BadInput(f"no model of {task.data.name} predicts finite probabilities: are its values extremely large?")
    return _merged(task, done, skipped, views)


def within(task: Task, listed: Sequence[Entry], limit: float) -> tuple[list[Entry], list[Candidate]]:
    """Which candidates a budget pays for.

    Args:
        task: which labels to predict.
        listed: the candidates.
        limit: counted seconds on one core.

    Returns:
        Those to run, from cheap to costly; and those not to run, with the reason.
    """
    making = [0.0 if entry.view.required(task) else entry.view.cost(task) for entry in listed]
    chosen: list[Entry] = []
    skipped: list[Candidate] = []
    left, made = limit, set()
    for at in np.argsort([entry.cost(task) + more for entry, more in zip(listed, making, strict=True)], kind="stable"):
        entry = listed[at]
        cost = entry.cost(task) + (0.0 if entry.view.name in made else making[at])
        if len(task) < entry.predictor.fewest:
            note = f"not run: it needs at least {entry.predictor.fewest} rows"
            skipped.append(Candidate(entry.name, note=note))
        elif chosen and cost > left:
            note = f"not run: about {cost:,.0f} s on one core, and the budget has {max(left, 0):,.0f} s left"
            skipped.append(Candidate(entry.name, note=note))
        else:
            chosen.append(entry)
            made.add(entry.view.name)
            left -= cost
    return chosen, skipped


def _run(
    task: Task, entry: Entry, view: tuple[Any, float], rivals: Sequence[np.ndarray], progress: Progress
) -> _Done | Candidate:
    """Run one candidate, or a part of it that earns no weight beside its rivals."""
    values, making = view
    began = time.perf_counter()
    found = entry.predictor.predict(values, task, progress)
    if isinstance(found, Trial):
        parts = [*(rival[found.rows] for rival in rivals), found.probabilities]
        if not stacked(parts, task.labels[found.rows]).weights[-1]:
            note = "stopped: no weight on the rows of its first fold"
            return Candidate(entry.name, seconds=time.perf_counter() - began, note=note)
        found = found.finish(progress)
    if not np.isfinite(found.probabilities).all():
        note = "left out: its predictions are not all finite"
        return Candidate(entry.name, seconds=time.perf_counter() - began, note=note)
    return _Done(entry, found, making + time.perf_counter() - began)


def _merged(
    task: Task, done: Sequence[_Done], skipped: Sequence[Candidate], views: dict[str, tuple[Any, float]]
) -> Evidence:
    known = [one.predicted.probabilities for one in done]
    stack = stacked(known, task.labels)
    run = [
        Candidate(
            one.entry.name,
            loss,
            accuracy(one.predicted.probabilities, task.labels),
            one.seconds,
            weight,
            one.predicted.note,
        )
        for one, weight, loss in zip(done, stack.weights, stack.losses, strict=True)
    ]
    run.sort(key=lambda one: (-one.weight, one.loss))
    observed = [
        (one.predicted.evidence, weight)
        for one, weight in zip(done, stack.weights, strict=True)
        if one.predicted.evidence
    ]
    ledger, features = None, None
    for evidence, weight in observed:
        if weight and evidence.ledger is not None:
            ledger = {k: v for k, v in evidence.ledger.items() if weight >= MAJORITY or k != "probability_mean"}
        features = evidence.features
    for name in (EMBEDDINGS.name, FEATURES.name):
        if name in views:
            features = np.asarray(views[name][0])
    found = Evidence(task.labels, task.classes, stack.probabilities, features, ledger)
    if (rest := without_labels(task.data)) is not None:
        pairs = zip(done, stack.weights, strict=True)
        further = [_further(task, rest, one, views) if weight else None for one, weight in pairs]
        found = found.with_further(mixed(stack, known, task.labels, further))
    return found.with_candidates((guessing(task.labels, task.classes), *run, *skipped))


def _further(task: Task, rest: Dataset, one: _Done, views: dict[str, tuple[Any, float]]) -> np.ndarray | None:
    """(m, K) what a candidate predicts of the rows without labels; None where it predicts none."""
    view, predict = one.entry.view, one.predicted.further
    if predict is None or (task.features is not None and task.further_features is None):
        return None
    if view.name == ROWS.name:
        return predict(None)
    if view.by_row:
        alone = replace(task, data=rest, features=task.further_features, further_features=None)
        return predict(np.concatenate([views[view.name][0], view.make(alone, SILENT)]))
    # made of all rows at once, for one scale, and again: the labelled rows are judged as without the others
    return predict(view.make(replace(task, data=joined(task.data.alone(), rest)), SILENT))
