"""What a judgement rests on: given labels, and what models made of the rows. Never the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from noisewise.errors import BadInput

LEDGER_VECTORS = ("seen", "loss_mean", "loss_last", "margin_mean", "wrong_events", "forgetting", "agreement")
LEDGER_TABLES = ("probability_mean",)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Given labels and what is known about their rows; every part but the labels may be missing.

    Attributes:
        labels: (n,) int64 given labels, 0..K-1.
        classes: K, at least 2.
        probabilities: (n, K) predictions of a model that did not train on the row; rows are scaled to sum to one.
        features: (n, d) a representation of the rows in which neighbours are alike.
        ledger: in-training statistics, of which a detector asks for those it needs; (n,) unless said:
            `seen` observations, `loss_mean` and `loss_last` cross entropy with the given label, `margin_mean` mean of
            z_given - max other z, `wrong_events` observations in which another label was predicted, `forgetting`
            changes from right to wrong, `agreement` share of observations in which the given label was predicted,
            `probability_mean` (n, K). Further entries are ignored.

    Raises:
        BadInput: no rows, fewer than two classes, labels out of range, a shape that does not fit, values that are not
            finite, negative probabilities or a row of probabilities without mass.
    """

    labels: np.ndarray
    classes: int
    probabilities: np.ndarray | None = None
    features: np.ndarray | None = None
    ledger: Mapping[str, np.ndarray] | None = None

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise BadInput(f"classes={self.classes} must be at least 2")
        put = object.__setattr__
        put(self, "labels", _labels(self.labels, self.classes))
        shape = (len(self), self.classes)
        if self.probabilities is not None:
            put(self, "probabilities", _distributions("probabilities", self.probabilities, shape))
        if self.features is not None:
            put(self, "features", _features(self.features, len(self)))
        if self.ledger is not None:
            put(self, "ledger", MappingProxyType(_ledger(self.ledger, shape)))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def parts(self) -> tuple[str, ...]:
        """Which of `probabilities`, `features` and `ledger` there are."""
        return tuple(name for name in ("probabilities", "features", "ledger") if getattr(self, name) is not None)

    def statistic(self, name: str) -> np.ndarray:
        """The ledger's entry `name`.

        Raises:
            BadInput: there is no ledger, or it has no such entry.
        """
        if self.ledger is None:
            raise BadInput(f"the ledger statistic {name!r} is asked for, but this evidence has no ledger")
        if name not in self.ledger:
            raise BadInput(f"the ledger has no {name!r}; it has {', '.join(sorted(self.ledger)) or 'nothing'}")
        return self.ledger[name]


def _labels(values: np.ndarray, classes: int) -> np.ndarray:
    labels = np.asarray(values)
    if labels.ndim != 1 or not len(labels):
        raise BadInput(f"labels have shape {labels.shape}, but must be (n,) with at least one row")
    if labels.dtype.kind not in "iub":
        raise BadInput(f"labels must be integers from 0 to {classes - 1}, not {labels.dtype}")
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        raise BadInput(f"labels must lie in 0..{classes - 1}, but {int(labels[outside][0])} occurs")
    return labels.astype(np.int64, copy=False)


def _finite(name: str, values: np.ndarray) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise BadInput(f"{name} must be numbers, not {array.dtype}")
    bad = ~np.isfinite(array)
    if bad.any():
        raise BadInput(f"{name} must be finite, but row {int(np.argwhere(bad)[0][0])} has {array[bad][0]}")
    return array


def _shaped(name: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if np.shape(values) != shape:
        raise BadInput(f"{name} have shape {np.shape(values)}, but must be {shape}: a row per label")
    return _finite(name, values).astype(np.float64, copy=False)


def _distributions(name: str, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    mass = _shaped(name, values, shape)
    if (mass < 0).any():
        raise BadInput(f"{name} must not be negative, but row {int(np.argwhere(mass < 0)[0][0])} has {mass.min():g}")
    total = mass.sum(axis=1, keepdims=True)
    if (total <= 0).any():
        raise BadInput(f"{name} must have a positive sum, but row {int(np.argmin(total))} sums to 0")
    return mass / total


def _features(values: np.ndarray, n: int) -> np.ndarray:
    features = np.asarray(values)
    if features.ndim != 2 or len(features) != n or not features.shape[1]:
        raise BadInput(f"features have shape {features.shape}, but must be ({n}, d): a row per label")
    return _finite("features", features).astype(np.float32, copy=False)


def _ledger(values: Mapping[str, np.ndarray], shape: tuple[int, int]) -> dict[str, np.ndarray]:
    vectors = {n: _shaped(f"ledger {n!r}", values[n], shape[:1]) for n in LEDGER_VECTORS if n in values}
    tables = {n: _distributions(f"ledger {n!r}", values[n], shape) for n in LEDGER_TABLES if n in values}
    return vectors | tables
