"""Evidence: given labels and what models say about their rows. Never the truth."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from noisewise.auditing.candidate import Candidate
from noisewise.errors import BadInput

LEDGER_VECTORS = (
    "seen",
    "loss_mean",
    "loss_last",
    "margin_mean",
    "wrong_events",
    "forgetting",
    "agreement",
    "error_early",
    "sieve_mean",
    "gradient_norm",
    "tracin",
    "self_influence",
)
LEDGER_TABLES = ("probability_mean",)
WHOLE = 2**26  # probabilities up to which they are held in memory
BLOCK = 2**21  # probabilities read at a time beyond that
PIECE = 2**10  # scattered rows read from a file at a time


@dataclass(frozen=True, eq=False, repr=False)
class Evidence:
    """Given labels and what is known about their rows; every part except the labels may be missing.

    Attributes:
        labels: (n,) int64 given labels, 0..K-1.
        classes: K, at least 2.
        probabilities: (n, K) predictions by a model that did not train on the row; rows are scaled to sum to one. More
            than 67 million numbers stay as they are, for example a memory-mapped file (see `small`).
        features: (n, d) a representation in which similar rows are close to each other.
        ledger: in-training statistics, (n,) unless stated otherwise; further entries are ignored. `seen` observations,
            `loss_mean` and `loss_last` cross entropy with the given label, `margin_mean` mean of z_given - max other z,
            `wrong_events` observations in which another label was predicted, `forgetting` changes from right to wrong,
            `agreement` share of observations in which the given label was predicted, `error_early` mean over the early
            observations of ||p - onehot(given)||, `sieve_mean` mean of the cross entropy with the given label minus its
            mean over all classes, `probability_mean` (n, K); and, where the last layer was observed (see
            `gathering.last_layer`), `gradient_norm`, `tracin`, `self_influence`.
        candidates: the models that were compared for the probabilities, and their weights.
        further: (m, K) probabilities of m further rows, which have no label; None for none.

    Raises:
        BadInput: no rows, fewer than two classes, labels out of range, a shape that does not fit, values that are not
            finite, negative probabilities or a row of probabilities without mass.
    """

    labels: np.ndarray
    classes: int
    probabilities: np.ndarray | None = None
    features: np.ndarray | None = None
    ledger: Mapping[str, np.ndarray] | None = None
    candidates: tuple[Candidate, ...] = ()
    further: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise BadInput(f"classes={self.classes} must be at least 2")
        put = object.__setattr__
        put(self, "labels", _labels(self.labels, self.classes))
        shape = (len(self), self.classes)
        if self.probabilities is not None and self.small:
            put(self, "probabilities", _distributions("probabilities", self.probabilities, shape))
        elif self.probabilities is not None:
            _check_shape("probabilities", self.probabilities, shape)
        if self.features is not None:
            put(self, "features", _features(self.features, len(self)))
        if self.ledger is not None:
            put(self, "ledger", MappingProxyType(_ledger(self.ledger, shape)))

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Evidence({len(self):,} rows, {self.classes} classes; {', '.join(self.parts) or 'labels only'})"

    @property
    def parts(self) -> tuple[str, ...]:
        """Which of `probabilities`, `features` and `ledger` are present."""
        return tuple(name for name in ("probabilities", "features", "ledger") if getattr(self, name) is not None)

    @property
    def small(self) -> bool:
        """Whether the probabilities are held in memory; otherwise they stay where they are and are read in `blocks`."""
        return len(self) * self.classes <= WHOLE

    def with_features(self, features: np.ndarray | None) -> Evidence:
        """The same evidence with other features, (n, d), or none; all else stays as it is, to the bit."""
        return self._with("features", None if features is None else _features(features, len(self)))

    def with_candidates(self, candidates: tuple[Candidate, ...]) -> Evidence:
        """The same evidence with other candidates; all else stays as it is, to the bit."""
        return self._with("candidates", candidates)

    def with_further(self, further: np.ndarray | None) -> Evidence:
        """The same evidence with other predictions of rows without labels; all else stays as it is, to the bit."""
        return self._with("further", further)

    def _with(self, name: str, value: Any) -> Evidence:
        # `dataclasses.replace` would scale the probabilities to sum to one once more, which changes their last bits
        found = copy.copy(self)
        object.__setattr__(found, name, value)
        return found

    def take(self, rows: np.ndarray | slice) -> Evidence:
        """The evidence on some rows, whose probabilities are read and checked now.

        Raises:
            BadInput: a row of probabilities that is not finite, is negative or has no mass.
        """

        ledger = None if self.ledger is None else {name: values[rows] for name, values in self.ledger.items()}
        probabilities, features = (
            None if t is None else read_rows(t, rows) for t in (self.probabilities, self.features)
        )
        return Evidence(self.labels[rows], self.classes, probabilities, features, ledger, self.candidates)

    def blocks(self) -> Iterator[tuple[slice, Evidence]]:
        """The rows in order, about two million probabilities at a time.

        Raises:
            BadInput: as `take`, with the row's position among all rows.
        """
        size = max(BLOCK // self.classes, 1)
        if len(self) <= size or self.small:
            yield slice(0, len(self)), self
            return
        for start in range(0, len(self), size):
            rows = slice(start, min(start + size, len(self)))
            try:
                yield rows, self.take(rows)
            except BadInput as error:
                raise BadInput(f"in the rows from {start}: {error}") from error

    def statistic(self, name: str) -> np.ndarray:
        """The ledger's entry `name`.

        Raises:
            BadInput: there is no ledger, or it has no such entry.
        """
        if self.ledger is None:
            raise BadInput(f"the statistic {name!r} is in the ledger, but this evidence has no ledger")
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


def _numbers(name: str, values: np.ndarray) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise BadInput(f"{name} must be numbers, not {array.dtype}")
    return array


def _finite(name: str, values: np.ndarray) -> np.ndarray:
    array = _numbers(name, values)
    bad = ~np.isfinite(array)
    if bad.any():
        raise BadInput(f"{name} must be finite, but row {int(np.argwhere(bad)[0][0])} has {array[bad][0]}")
    return array


def read_rows(table: np.ndarray, rows: np.ndarray | slice) -> np.ndarray:
    """The rows of the table, read through a mapping of their own where the table is a file.

    A mapping that ends frees the memory of what was read through it. Scattered rows are read in pieces, since each one
    also loads the rows around it into memory.
    """
    if not (isinstance(table, np.memmap) and table.filename is not None and table.flags.c_contiguous):
        return np.array(table[rows])
    if isinstance(rows, slice) or rows.dtype == bool:
        return np.array(_mapped(table)[rows])
    pieces = [_mapped(table)[rows[start : start + PIECE]] for start in range(0, len(rows), PIECE)]
    return np.concatenate(pieces) if pieces else np.array(table[:0])


def _mapped(table: np.memmap) -> np.ndarray:
    assert table.filename is not None  # a mapping of a file
    return np.memmap(table.filename, table.dtype, "r", table.offset, table.shape)


def _check_shape(name: str, values: np.ndarray, shape: tuple[int, ...]) -> None:
    if np.shape(values) != shape:
        raise BadInput(f"{name} have shape {np.shape(values)}, but must be {shape}: a row per label")


def _shaped(name: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    _check_shape(name, values, shape)
    return _finite(name, values).astype(np.float64, copy=False)


def _distributions(name: str, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    _check_shape(name, values, shape)
    mass = _numbers(name, values).astype(np.float64, copy=False)
    total = mass.sum(axis=1, keepdims=True)
    if not np.isfinite(total).all():
        _finite(name, mass)
    if mass.min() < 0:
        raise BadInput(f"{name} must not be negative, but row {int(np.argwhere(mass < 0)[0][0])} has {mass.min():g}")
    if (total <= 0).any():
        raise BadInput(f"{name} must have a positive sum, but row {int(np.argmin(total))} sums to 0")
    own = not np.shares_memory(mass, values)  # a copy as float64, which may be overwritten
    return np.divide(mass, total, out=mass if own else None)


def _features(values: np.ndarray, n: int) -> np.ndarray:
    features = np.asarray(values)
    if features.ndim != 2 or len(features) != n or not features.shape[1]:
        raise BadInput(f"features have shape {features.shape}, but must be ({n}, d): a row per label")
    return _finite("features", features).astype(np.float32, copy=False)


def _ledger(values: Mapping[str, np.ndarray], shape: tuple[int, int]) -> dict[str, np.ndarray]:
    vectors = {n: _shaped(f"ledger {n!r}", values[n], shape[:1]) for n in LEDGER_VECTORS if n in values}
    tables = {n: _distributions(f"ledger {n!r}", values[n], shape) for n in LEDGER_TABLES if n in values}
    return vectors | tables
