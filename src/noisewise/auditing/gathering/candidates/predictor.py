"""What every candidate is: a cost that is known beforehand, and held-out predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.gathering.copies import copies
from noisewise.auditing.plan import AuditPlan
from noisewise.auditing.progress import Progress
from noisewise.compute import Engine
from noisewise.data import Dataset, folds
from noisewise.errors import BadInput
from noisewise.training.config import seeded

FOLDS = 5


@dataclass(frozen=True, eq=False, repr=False)
class Task:
    """What all candidates of an audit predict: the labels of n rows, each from the other rows.

    Attributes:
        data: n rows of K classes, without truth.
        plan: of the audit.
        engine: where networks are trained; None is this process.
        features: (n, d) features that take the place of the inputs; None for none.
        further_features: (m, d) likewise of the m rows without labels.
    """

    data: Dataset
    plan: AuditPlan
    engine: Engine | None = None
    features: np.ndarray | None = None
    further_features: np.ndarray | None = None

    def __repr__(self) -> str:
        return f"Task({self.data.name}: {len(self):,} rows, {self.classes} classes, {self.folds} folds)"

    def __len__(self) -> int:
        return len(self.data)

    @property
    def labels(self) -> np.ndarray:
        """(n,) given labels."""
        return self.data.given

    @property
    def classes(self) -> int:
        """K."""
        return len(self.data.classes)

    @cached_property
    def seed(self) -> int:
        """The seed of folds and classifiers, below 2**31."""
        return seeded(self.plan.seed, "classifiers") % 2**31

    @property
    def folds(self) -> int:
        """Number of folds: as planned, else 5, or n where there are fewer rows.

        Raises:
            BadInput: fewer than 2 folds, or fewer rows than folds.
        """
        count = min(FOLDS, len(self)) if self.plan.folds is None else self.plan.folds
        if not 2 <= count <= len(self):
            raise BadInput(f"folds={count} must lie between 2 and the number of rows, {len(self)}")
        return count

    @cached_property
    def groups(self) -> np.ndarray | None:
        """(n,) equal numbers for copies of a row (see `copies`)."""
        return copies(self.data)

    @cached_property
    def fold(self) -> np.ndarray:
        """(n,) the fold in which each row is held out; copies share one."""
        return folds(self.labels, self.folds, self.seed, self.groups)


@dataclass(frozen=True, eq=False, repr=False)
class Predicted:
    """The held-out predictions of one candidate.

    Attributes:
        probabilities: (n, K); a row's own label is not used.
        note: the settings that held-out loss chose.
        evidence: what the candidate observed besides, such as the statistics of networks; None for nothing.
        further: (m, K) probabilities of m rows without labels by a model of all n rows, from the view of n + m rows, of
            which the labelled ones are the first; None where the candidate predicts none.
    """

    probabilities: np.ndarray
    note: str = ""
    evidence: Evidence | None = None
    further: Callable[[Any], np.ndarray] | None = None

    def __repr__(self) -> str:
        n, classes = self.probabilities.shape
        return f"Predicted({n:,} rows, {classes} classes{self.note and '; ' + self.note})"


@dataclass(frozen=True, eq=False)
class Trial:
    """A part of the work of a costly candidate that shows whether the rest is worth its cost.

    Attributes:
        rows: (n,) bool, the rows that are predicted so far.
        probabilities: (rows, K) held-out predictions of them.
        finish: does the rest.
    """

    rows: np.ndarray
    probabilities: np.ndarray
    finish: Callable[[Progress], Predicted]


def refusal(entry: object) -> str | None:
    """What an object of another package must be to be a candidate; None where it is one."""
    return None if isinstance(entry, Predictor) else "a Predictor: Predictor(views, cost, predict)"


@dataclass(frozen=True)
class Predictor:
    """One kind of candidate.

    Attributes:
        views: names of the views of the rows (see `views`) that it learns from; each makes a candidate.
        cost: of its predictions, in seconds on one core, counted from (n, d), K and the number of folds. It is counted
            rather than timed, so that the same plan computes the same anywhere.
        predict: held-out predictions from a view. A costly candidate returns a trial first.
        fewest: rows that it needs.
    """

    views: tuple[str, ...]
    cost: Callable[[tuple[int, int], int, int], float]
    predict: Callable[[Any, Task, Progress], Predicted | Trial]
    fewest: int = 2
