"""Networks trained from scratch, as a candidate: the first of their folds shows whether the others are worth it."""

from __future__ import annotations

from collections.abc import Collection

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.gathering.candidates.predictor import Predicted, Predictor, Task, Trial
from noisewise.auditing.gathering.crossfit import CrossFit, cross_fit, train_folds
from noisewise.auditing.gathering.fold import gathered
from noisewise.auditing.plan import AuditPlan
from noisewise.auditing.progress import Progress
from noisewise.data import Dataset
from noisewise.models import DEFAULTS

FOLDS, SPARED = 3, 0.2
FEWEST = 30  # rows
# Seconds per input number and row of an epoch: a pixel takes `IMAGES` 2.1e-7 s in bf16, half as long again in fp32.
NUMBER = 3e-7
ROW = 3e-5  # seconds per row of an epoch
EPOCHS = 10
IMAGES = "speedy:width=16"  # chosen by held-out loss, by benchmarks/pool/audit_networks.py


def network_of(data: Dataset) -> str:
    """The network that is trained from scratch on rows where nobody names one, by their kind."""
    return IMAGES if data.kind == "image" else DEFAULTS[data.kind]


def fit_of(data: Dataset, plan: AuditPlan, last_layer: Collection[str] = ()) -> CrossFit:
    """How the networks of a plan are cross-fitted: 3, each trained on 60 % of the rows, unless it says otherwise.

    Args:
        data: the rows.
        plan: which model, how it is trained, and in how many folds.
        last_layer: what is observed of the last layers.
    """
    count, spared = (FOLDS, SPARED) if plan.folds is None else (plan.folds, 0.0)
    model = network_of(data) if plan.model is None else plan.model
    return CrossFit(model, plan.method or "ce", plan.config, count, spared, frozenset(last_layer))


def cross_fitted_networks(view: Dataset, task: Task, progress: Progress, last_layer: Collection[str] = ()) -> Predicted:
    """Held-out predictions by networks that are trained as the plan says, with their in-training statistics.

    Args:
        view: the rows.
        task: which labels to predict.
        progress: reports how much is done.
        last_layer: what is observed of the last layers.
    """
    fit = fit_of(view, task.plan, last_layer)
    return _predicted(fit, cross_fit(view, fit, task.engine, progress))


def networks(view: Dataset, task: Task, progress: Progress) -> Trial:
    """The first network, and a way to train the others.

    Args:
        view: the rows.
        task: which labels to predict.
        progress: reports how much is done.
    """
    fit = fit_of(view, task.plan)
    first = train_folds(view, fit, [0], task.engine, progress)

    def finish(progress: Progress) -> Predicted:
        others = train_folds(view, fit, range(1, fit.folds), task.engine, progress)
        return _predicted(fit, gathered(view, first + others))

    return Trial(first[0].held, first[0].probabilities, finish)


def _predicted(fit: CrossFit, found: Evidence) -> Predicted:
    assert found.probabilities is not None  # every row is held out
    name = fit.model if isinstance(fit.model, str) else getattr(fit.model, "__qualname__", type(fit.model).__name__)
    further = found.further
    return Predicted(found.probabilities, name, found, None if further is None else lambda every: further)


def cost(shape: tuple[int, int], classes: int, folds: int) -> float:
    """Counted seconds on one core."""
    n, width = shape
    return FOLDS * EPOCHS * (1 - SPARED) * 0.75 * n * (ROW + NUMBER * width)


NETWORKS = Predictor(("rows",), cost, networks, FEWEST)
