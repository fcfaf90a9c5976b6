"""The Dataset: inputs, given labels and, separately, the true labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import pandas as pd

from noisewise.data.columns.column import Column
from noisewise.errors import BadInput, shown

if TYPE_CHECKING:
    from noisewise.data.columns.encoding import Encoding

Kind = Literal["image", "table", "text", "vector"]
SPLITS = ("test", "validation", "trusted", "unlabelled")
UNLABELLED = -1

LARGEST_INDEX = (1 << 31) - 1  # a memory per row has as many rows as the largest index


class Inputs(Protocol):
    """Inputs of a Dataset: an array, or a lazy reader that reads rows on access."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> Any: ...
    def __len__(self) -> int: ...
    def __getitem__(self, positions: Any, /) -> np.ndarray: ...


class Selection:
    """A lazy selection of rows of lazy inputs, in any order; rows are read on access.

    Args:
        base: the inputs.
        positions: (n,) positions of the selected rows, in order.
    """

    def __init__(self, base: Inputs, positions: np.ndarray) -> None:
        self.base, self.positions = base, positions

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, ...) of the selected rows."""
        return (len(self.positions), *self.base.shape[1:])

    @property
    def dtype(self) -> Any:
        """The type of an entry."""
        return self.base.dtype

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, positions: Any, /) -> np.ndarray:
        return self.base[self.positions[positions]]


def select(inputs: Inputs, positions: np.ndarray) -> Inputs:
    """The rows of `inputs` at integer positions (n,): a copy of an array, or a lazy selection of lazy inputs."""
    if isinstance(inputs, np.ndarray):
        return inputs[positions]
    if isinstance(inputs, Selection):
        return Selection(inputs.base, inputs.positions[positions])
    return Selection(inputs, positions)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A labelled data set. It is immutable: every change returns a new data set that shares the arrays.

    Axis letters: n rows, K classes.

    Attributes:
        inputs: (n, H, W, C) uint8 images, or (n, d) float32 vectors; an array or a lazy reader with the same indexing.
        given: (n,) int64, the labels as given in the data set; training and audit use these. Either every row has one,
            or none has: then all are -1.
        classes: K class names; label k means `classes[k]`. Characters that UTF-8 cannot encode become question marks.
        kind: "image", "table" (d encoded columns of a table), "text" (`Texts`, d hashed words) or "vector" (features,
            flattened or computed).
        index: (n,) int64, position of the row in the source. It is preserved by every split and selection, and is the
            key of all per-row memories.
        truth: (n,) int64 or None, the correct labels, known only if noise was added or experts checked the labels.
            Methods and detectors never see it: they receive `blind()` data.
        test: the test split, or None.
        validation: the validation split, as noisy as the training split, or None.
        trusted: a small split whose given labels are correct, or None.
        unlabelled: the rows of the source that have no label, or None. They can be predicted, but not judged.
        name: name of the source, for display.
        provenance: records of all processing steps, oldest first; plain data.
        described: (n rows) the rows in readable form (file names, or the columns of a table without its labels), for
            reports; or None.
        columns: what became of every column of a table; empty for other sources.
        ids: (n,) what people call each row, such as a patient or an order number; its name is that of its column. None
            where rows have only their position.
        encoding: how the columns of a table became features, to encode further rows in the same way; None of other
            sources, and in `blind()` data.
        weights: (n,) how much each row counts in a training, relative to the others, above 0; None for all alike.
        repeats: whether a row may occur more than once, as `take` draws it for resampling. Else `index` is unique.
    """

    inputs: Inputs
    given: np.ndarray
    classes: tuple[str, ...]
    kind: Kind = "vector"
    index: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    truth: np.ndarray | None = None
    test: Dataset | None = None
    validation: Dataset | None = None
    trusted: Dataset | None = None
    unlabelled: Dataset | None = None
    name: str = "data"
    provenance: tuple[dict[str, Any], ...] = ()
    described: pd.DataFrame | None = None
    columns: tuple[Column, ...] = ()
    ids: pd.Series | None = None
    weights: np.ndarray | None = None
    encoding: Encoding | None = None
    repeats: bool = False

    def __post_init__(self) -> None:
        n, k = _length("inputs", self.inputs, "an array of rows"), _length("classes", self.classes, "names")
        put = object.__setattr__
        put(self, "given", _labels("given", self.given, n, k))
        if self.truth is not None:
            put(self, "truth", _labels("truth", self.truth, n, k))
        index = np.asarray(self.index)
        put(self, "index", np.arange(n, dtype=np.int64) if index.shape == (0,) else _index(index, n, self.repeats))
        if self.described is not None and len(self.described) != n:
            raise BadInput(f"described has {len(self.described)} rows, inputs have {n}")
        if self.ids is not None:
            put(self, "ids", _names_of_rows(self.ids, n))
        if self.weights is not None:
            put(self, "weights", _weights(self.weights, n))
        if self.unlabelled is not None and self.unlabelled.labelled:
            raise BadInput(f"unlabelled has {len(self.unlabelled)} rows with labels, but its rows must have none")
        put(self, "classes", _classes(self.classes))

    def __len__(self) -> int:
        return len(self.given)

    def __repr__(self) -> str:
        known = "" if self.truth is None else f", {self.noise_rate:.1%} wrong"
        splits = [f", {name}={len(part)}" for name, part in self.parts.items()]
        rows = f"{len(self)} rows" if self.labelled else f"{len(self)} rows without labels"
        return f"Dataset({self.name}: {rows}, {len(self.classes)} classes{known}{''.join(splits)})"

    @property
    def parts(self) -> dict[str, Dataset]:
        """The splits other than the training rows that there are, by name."""
        return {name: part for name in SPLITS if (part := getattr(self, name)) is not None}

    @property
    def labelled(self) -> bool:
        """Whether the rows have labels."""
        return not len(self) or self.given[0] != UNLABELLED

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input: (H, W, C) for images, (d,) for vectors and tables."""
        return tuple(self.inputs.shape[1:])

    @property
    def capacity(self) -> int:
        """The largest index plus one: the number of rows that a per-row memory must hold."""
        return int(self.index.max()) + 1 if len(self) else 0

    @property
    def noise_rate(self) -> float | None:
        """Realised share of wrong given labels; None if the truth is not known."""
        return None if self.truth is None else float(np.mean(self.given != self.truth))

    @property
    def transition(self) -> np.ndarray | None:
        """(K, K) realised P(given = j | truth = i), NaN in rows of classes that do not occur; None without truth."""
        if self.truth is None:
            return None
        k = len(self.classes)
        counts = np.bincount(self.truth * k + self.given, minlength=k * k).reshape(k, k).astype(float)
        total = counts.sum(axis=1, keepdims=True)
        return np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader did that a person may want to know, in sentences."""
        return tuple(note for record in self.provenance for note in record.get("notes", ()))

    @property
    def skipped(self) -> int:
        """How many rows of the source were left out because they cannot be read."""
        return sum(len(record.get("skipped", ())) for record in self.provenance)

    def take(self, positions: Sequence[int] | np.ndarray) -> Dataset:
        """Select the rows at `positions` (integers or a mask over rows); other splits are kept, inputs stay lazy.

        A position may occur more than once; the result then has `repeats`.
        """
        chosen = np.asarray(positions)
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        return replace(
            self,
            repeats=self.repeats or len(np.unique(chosen)) < len(chosen),
            inputs=select(self.inputs, chosen),
            given=self.given[chosen],
            index=self.index[chosen],
            truth=None if self.truth is None else self.truth[chosen],
            described=None if self.described is None else self.described.iloc[chosen].reset_index(drop=True),
            ids=None if self.ids is None else self.ids.iloc[chosen],
            weights=None if self.weights is None else self.weights[chosen],
        )

    def alone(self) -> Dataset:
        """The same rows without the other splits."""
        return replace(self, test=None, validation=None, trusted=None, unlabelled=None)

    def with_labels(self, given: np.ndarray, record: dict[str, Any]) -> Dataset:
        """The same rows with new given labels; if there was no truth, the previous labels become the truth."""
        truth = self.given if self.truth is None else self.truth
        return replace(self, given=given, truth=truth, provenance=(*self.provenance, record))

    def blind(self) -> Dataset:
        """The same data set without the truth, in all splits, as methods and detectors receive it."""
        hidden: dict[str, Any] = {name: part.blind() for name, part in self.parts.items()}
        return replace(self, truth=None, encoding=None, **hidden)


def _length(name: str, value: Any, must: str) -> int:
    try:
        return len(value)
    except TypeError as error:
        raise BadInput(f"{name}={shown(value)} must be {must}") from error


def _labels(name: str, values: np.ndarray, n: int, k: int) -> np.ndarray:
    labels = np.asarray(values)
    if labels.shape != (n,):
        raise BadInput(f"{name} labels have shape {labels.shape}, but there are {n} rows of inputs")
    if labels.dtype.kind not in "iub":
        raise BadInput(f"{name} labels must be integers from 0 to {k - 1}, not {labels.dtype}")
    if n and name == "given" and bool((labels == UNLABELLED).all()):
        return labels.astype(np.int64, copy=False)
    if n and (labels.min() < 0 or labels.max() >= k):
        bad = labels[(labels < 0) | (labels >= k)][0]
        raise BadInput(f"{name} labels must lie in 0..{k - 1} ({k} classes), but {int(bad)} occurs")
    return labels.astype(np.int64, copy=False)


def _weights(values: np.ndarray, n: int) -> np.ndarray:
    found = np.asarray(values)
    if found.shape != (n,) or found.dtype.kind not in "iuf" or not (np.isfinite(found) & (found > 0)).all():
        raise BadInput(f"weights must be {n} finite numbers above 0, one per row")
    return found.astype(np.float32)


def _index(index: np.ndarray, n: int, repeats: bool) -> np.ndarray:
    if index.ndim == 1 and len(index) != n:
        raise BadInput(f"index has {len(index)} rows, inputs have {n}")
    if index.ndim != 1 or index.dtype.kind not in "iu":
        raise BadInput(f"index must be (n,) whole numbers, not {index.dtype} of shape {index.shape}")
    if len(index) and (index.min() < 0 or index.max() > LARGEST_INDEX):
        bad = index[(index < 0) | (index > LARGEST_INDEX)][0]
        raise BadInput(f"index must lie in 0..{LARGEST_INDEX}, but {int(bad)} occurs")
    index = index.astype(np.int64, copy=False)
    rising = len(index) < 2 or bool((np.diff(index) > 0).all())
    if not (repeats or rising) and not (known := pd.Index(index)).is_unique:
        raise BadInput(f"index must name every row once, but {known[known.duplicated()][0]} occurs more than once")
    return index


def _classes(names: Sequence[Any]) -> tuple[str, ...]:
    found = tuple(str(name).encode("utf-8", "replace").decode("utf-8") for name in names)
    if len(set(found)) < len(found):
        again = next(name for at, name in enumerate(found) if name in found[:at])
        raise BadInput(f"the class {again!r} is named more than once: names of classes must differ")
    return found


def _names_of_rows(values: Any, n: int) -> pd.Series:
    found = values if isinstance(values, pd.Series) else pd.Series(list(values))
    if len(found) != n:
        raise BadInput(f"ids has {len(found)} rows, inputs have {n}")
    name = "id" if found.name is None else str(found.name)
    return found.reset_index(drop=True).rename(name)
