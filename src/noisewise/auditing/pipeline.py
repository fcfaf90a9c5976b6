"""The audit: gather evidence, judge it, and collect the findings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from noisewise.auditing.detectors.detection import scores_of
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.findings import Findings
from noisewise.auditing.gate import gate
from noisewise.auditing.gathering.classifiers import is_named_or_classifier
from noisewise.auditing.gathering.engines import fold_engine
from noisewise.auditing.gathering.further import in_two
from noisewise.auditing.gathering.gather import gather
from noisewise.auditing.gathering.given import given
from noisewise.auditing.gathering.matched import of_classes, of_rows, with_notes
from noisewise.auditing.judgement.estimates import estimated_transition
from noisewise.auditing.judgement.judge import judge
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.judgement.recalibration import recalibrated
from noisewise.auditing.metrics import score_against_truth
from noisewise.auditing.plan import BUDGET, AuditPlan
from noisewise.auditing.progress import Progress
from noisewise.auditing.reviewed import reviewed_before
from noisewise.auditing.rows.conditions import find_conditions
from noisewise.bounds import FUNCTION, PATH, Bound, bounded, whole
from noisewise.compute import Engine
from noisewise.compute.engine import ENGINE
from noisewise.data import Dataset, subset
from noisewise.data.images.files import at_size
from noisewise.data.objects.memory import in_memory, name_of
from noisewise.data.readers.matrices import Matrix
from noisewise.data.sources import read
from noisewise.errors import BadInput, shown
from noisewise.models import side_of
from noisewise.noise import corrupt


@bounded(
    None,
    {
        "out": PATH | None,
        "on_progress": FUNCTION | None,
        "engine": Bound(
            "be serial, local, ray or an engine", lambda value: isinstance(value, str) or ENGINE.allows(value)
        ),
        "workers": whole(1) | None,
    },
)
def audit(
    data: Any,
    *,
    probs: Any = None,
    features: Any = None,
    out: str | Path | None = None,
    on_progress: Callable[[float], None] | None = None,
    engine: str | Engine = "local",
    workers: int | None = None,
    **plan: Any,
) -> Findings:
    """Find the wrong labels of a data set.

    Without `probs` and `features` a model is cross-fitted: the rows are split into folds, and each fold is predicted by
    a model that did not train on it. By default these are networks for images, whose in-training statistics are used as
    well, and scikit-learn classifiers for tables, vectors and texts (see `gather`).

    Example:
        `audit(data, model="mlp:128", epochs=20, lr=0.1)`; and again, from its summary:
        `audit(json.load(file)["plan"])`

    Args:
        data: a Dataset, a source (a name, a path, "hf:NAME"), or data in memory as for `load`: a DataFrame, (X, y), a
            torch Dataset, ...; or an AuditPlan, or the mapping under `plan` in `summary.json`, which states all that is
            otherwise under `plan`.
        probs: (n, K) out-of-sample probabilities by any other tool, an array, a tensor or a frame; nothing is trained.
            Columns of a frame are matched by the names of classes, rows by its index or a column of ids (see
            `gathering.matched`). Several tables in a list are stacked, each as a candidate.
        features: (n, d) embeddings, from which labels are predicted in place of the rows' own inputs.
        out: a folder to save the findings in.
        on_progress: called with the share of the work that is done.
        engine: where the networks of the folds are trained: "local", this machine, "ray", a cluster (needs the extra
            `ray`), or an `Engine`.
        workers: folds trained at a time; with "local" 1 is this process, and more are processes of one thread. By
            default long audits use processes (see `gathering.engines.suited`).
        **plan: fields of `AuditPlan` and of the networks' `Config`: how the source is read (`labels`, `text`,
            `columns`, `ignore`, `id`, `na`, `size`, `skip_broken`, `trusted`), `corrupt`, `model`, `method`, `epochs`,
            `folds`, `embed`, `budget`, `transition`, `detectors`, `conditions`, `rows`, `seed`, `data_dir`,
            `fail_above`, `fail_when_sure`, `lr`, `batch_size`, `device`, ...

    Returns:
        The findings: `noise_rate`, `interval`, `issues`, `save`, ...

    Raises:
        BadInput: an argument is not legal.
        Diverged: a training became infinite or NaN.
    """
    held = data if isinstance(data, Dataset) or in_memory(data) else None
    if isinstance(data, AuditPlan) or (held is None and isinstance(data, Mapping)):
        if plan:
            name, value = next(iter(plan.items()))
            raise BadInput(f"{name}={value!r} is given along with a plan, which states it already")
        planned = data if isinstance(data, AuditPlan) else AuditPlan.read(data)
    else:
        name = data.name if isinstance(data, Dataset) else data if held is None else name_of(data)
        planned = AuditPlan.of(name, plan)
    where = fold_engine(engine, workers, gpu=planned.config.device != "cpu")
    found = run_audit(
        planned,
        held,
        probs=probs,
        features=features,
        engine=where,
        progress=Progress(on_progress),
    )
    if out is not None:
        found.save(out)
    return found


def run_audit(
    plan: AuditPlan,
    data: Any = None,
    *,
    probs: Any = None,
    features: Any = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Carry out a plan: gather evidence, judge it, collect the findings.

    Args:
        plan: what to do.
        data: the rows, a Dataset or data in memory as for `load`; None loads the plan's source.
        probs: (n, K) out-of-sample probabilities by any other tool, an array, a tensor or a frame; nothing is trained.
            Columns of a frame are matched by the names of classes, rows by its index or a column of ids (see
            `gathering.matched`). Several tables in a list are stacked, each as a candidate. With m unlabelled rows an
            array may have n + m rows, in the order of the source.
        features: (n, d) embeddings, from which labels are predicted in place of the rows' own inputs.
        engine: where networks are trained and images embedded; None is this process, or processes if that takes long.
        progress: reports how much is done; None reports nothing.

    Raises:
        BadInput: whatever cannot be done as planned.
        Diverged: a training became infinite or NaN.
    """
    began = time.perf_counter()
    _refuse_what_is_not_used(plan, probs is not None, features is not None)
    _ = plan.config.torch_device  # refuses one that is not here, before anything is computed
    plan = _recorded(plan, data, probs is not None, features is not None)
    tables = _tables(probs)
    rows, arrays, features = _matched(_rows(plan, data), tables, features)
    if arrays:
        pairs = [in_two(one, rows) for one in arrays]
        known = [own for own, _ in pairs]
        features = None if features is None else in_two(features, rows)[0]
        evidence = given(known, rows.given, len(rows.classes), [more for _, more in pairs]).with_features(features)
    else:
        evidence = gather(rows.blind(), plan, engine, progress or Progress(), features)
    # Features that only detectors use must not change the judgement. `replace` rather than `with_features`, because
    # results of given seeds depend on the last bits of probabilities that are scaled twice.
    judged = evidence if features is not None else replace(evidence, features=None)
    judgement = judge(judged)
    if before := reviewed_before(rows):
        judgement = recalibrated(judgement, judged, before)
    # features of a network's last layer, which detectors ask for, hold what it learned from the labels
    embedded = features is not None or plan.embed is not None or not plan.last_layer
    space = evidence.features if embedded else None
    found = _findings(plan, rows, judged.with_features(evidence.features), judgement, space)
    estimates = {} if plan.transition is None else {plan.transition: estimated_transition(judged, plan.transition)}
    return replace(found, estimates=estimates, seconds=time.perf_counter() - began)


def _tables(probs: Any) -> list[Matrix]:
    """The tables of probabilities that were given, as a list.

    Raises:
        BadInput: something other than arrays with rows and columns.
    """
    tables = list(probs) if isinstance(probs, list | tuple) else [] if probs is None else [probs]
    if (probs is not None and not tables) or not all(Matrix.fits(one) for one in tables):
        raise BadInput(f"probs={shown(probs)} must be an (n, K) array of probabilities, or a list of such arrays")
    return [Matrix.of(one) for one in tables]


def _refuse_what_is_not_used(plan: AuditPlan, probs: bool, features: bool) -> None:
    """Refuse settings that given arrays would make void.

    Raises:
        BadInput: such a setting.
    """
    if plan.embed is not None and (probs or features):
        raise BadInput(f"embed={plan.embed!r} computes features: leave out either it, or probs and features")
    if probs:
        budget = None if plan.budget == BUDGET else plan.budget
        trained = {"model": plan.model, **plan.for_no_classifier, "folds": plan.folds, "budget": budget}
        for name, value in trained.items():
            if value is not None:
                raise BadInput(f"{name}={value!r} is for training, but with probs nothing is trained: leave out one")


def _recorded(plan: AuditPlan, data: Any, probs: bool, features: bool) -> AuditPlan:
    """The plan with what it was carried out along with.

    Raises:
        BadInput: the plan was carried out along with other things before.
    """
    given = "+".join(name for name, is_given in (("probs", probs), ("features", features)) if is_given) or None
    if plan.given not in (None, given):
        names = plan.given.replace("+", " and ")
        raise BadInput(f"the plan is of an audit with {names}, which it does not hold: give {names}, and nothing else")
    if data is None and plan.in_memory:
        raise BadInput(f"the plan is of rows in memory, {plan.source!r}, which it does not hold: give the Dataset")
    if data is None and not plan.source:
        raise BadInput("the plan names no source: give one, or a Dataset")
    return replace(plan, given=given, in_memory=data is not None)


def _matched(rows: Dataset, tables: list[Matrix], features: Any) -> tuple[Dataset, list[np.ndarray], np.ndarray | None]:
    """The rows, the probabilities and the features, matched by the names of rows and classes."""
    notes: list[str] = []
    for at, table in enumerate(tables):
        tables[at], said = of_rows(table, rows, "probs" if len(tables) == 1 else f"probs {at + 1}")
        notes += said
    if features is not None:
        found, said = of_rows(Matrix.of(features), rows, "features")
        features, notes = found.values, notes + said
    rows = with_notes(rows, notes)
    return (*of_classes(rows, tables), features) if tables else (rows, [], features)


def _rows(plan: AuditPlan, data: Any) -> Dataset:
    """The rows that are audited: loaded, drawn and corrupted as planned."""
    source = plan.source if data is None else data
    rows = read(source, plan.reading, data_dir=plan.data_dir)
    side = None if is_named_or_classifier(plan.model) else side_of(plan.model)
    if side is not None:
        rows = at_size(rows, side, stated=False)
    if plan.rows is not None:
        rows = subset(rows, plan.rows, plan.seed)
    if plan.corrupt:
        rows = corrupt(rows, plan.corrupt, seed=plan.seed)
    return rows


def _findings(
    plan: AuditPlan, rows: Dataset, evidence: Evidence, judgement: Judgement, space: np.ndarray | None
) -> Findings:
    """The judgement with what is reported along with it.

    Args:
        plan: what to report.
        rows: n rows, with their truth where it is known.
        evidence: on their labels.
        judgement: of the evidence.
        space: (n, d) a representation in which duplicates and outliers are sought; None uses the inputs.
    """
    conditions = None
    if plan.conditions:
        known = evidence.probabilities if evidence.small else None
        conditions = find_conditions(rows, judgement.is_issue, probabilities=known, features=space)
    metrics = {}
    if rows.truth is not None:
        found = (judgement.suspicion, judgement.is_issue, judgement.suggested)
        metrics = score_against_truth(*found, rows.given, rows.truth)
    return Findings(
        rows,
        judgement,
        scores=scores_of(evidence, plan.detectors),
        probabilities=evidence.probabilities,
        metrics=metrics,
        candidates=evidence.candidates,
        gate=gate(judgement.noise_rate, judgement.interval, plan.fail_above, plan.fail_when_sure),
        conditions=conditions,
        plan=plan,
        further=evidence.further,
    )
