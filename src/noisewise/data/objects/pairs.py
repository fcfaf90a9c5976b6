"""Inputs and labels that are arrays, tensors, frames or lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from noisewise.data.dataset import UNLABELLED, Dataset
from noisewise.data.readers.arrays import as_inputs, from_arrays
from noisewise.data.readers.tables import from_frame, unlabelled_rows
from noisewise.data.reading import Reading
from noisewise.errors import BadInput

_SEVERAL = "{0} gives pairs with {1} parts, but each must be an input and its label"
_BYTE = 255
_DENSE = 1 << 28  # numbers


def of_pair(inputs: Any, labels: Any, name: str, reading: Reading) -> Dataset:
    """The data set of n inputs, a frame, an array, a tensor or texts, and their n labels; see `from_memory`.

    Raises:
        BadInput: they cannot be used, or differ in their number.
    """
    inputs = _dense(inputs, name)
    if len(inputs) != len(labels):
        raise BadInput(f"{name} has {len(inputs)} inputs but {len(labels)} labels")
    if not isinstance(inputs, pd.DataFrame) and hasattr(inputs, "to_pandas"):
        inputs = inputs.to_pandas()
    if isinstance(inputs, pd.Series) or _are_texts(inputs):
        inputs = pd.Series(inputs, dtype=object, name="text").to_frame()
    if not isinstance(inputs, pd.DataFrame):
        return of_arrays(_as_array(inputs, name), labels, name, reading)
    column = str(getattr(labels, "name", None) or "label")
    if reading.labels is not None or column in map(str, inputs.columns):
        said = f"labels={reading.labels!r}" if reading.labels is not None else f"the column {column!r} of X"
        raise BadInput(f"{said} is given along with y, which holds the labels of {name}: leave out one")
    given, notes = _beside(inputs, labels, name)
    stated = {field: value for field, value in reading.stated().items() if field != "labels"}
    return from_frame(inputs.assign(**{column: given}), name, name, Reading(labels=column, **stated), notes)


def _beside(inputs: pd.DataFrame, labels: Any, name: str) -> tuple[Any, list[str]]:
    """The labels in the order of the inputs, and a note if they are matched by the index rather than by position."""
    if isinstance(labels, pd.DataFrame):
        if labels.shape[1] != 1:
            raise BadInput(f"y of {name} has {labels.shape[1]} columns, but each row must have one label")
        labels = labels.iloc[:, 0]
    if not isinstance(labels, pd.Series):
        return _as_labels(labels), []
    if labels.index.equals(inputs.index):
        return labels.array, []
    plain = isinstance(labels.index, pd.RangeIndex) or isinstance(inputs.index, pd.RangeIndex)
    if labels.index.is_unique and inputs.index.is_unique and not labels.index.symmetric_difference(inputs.index).size:
        return labels.reindex(inputs.index).array, ["labels are matched to rows by their index, not by their position"]
    if plain:
        return labels.array, []
    raise BadInput(f"X and y of {name} have different indices: reset one of them, or give y as an array")


def of_arrays(inputs: np.ndarray, labels: Any, name: str, reading: Reading, classes: Any = None) -> Dataset:
    """The data set of n vectors or images and their n labels.

    Args:
        inputs: (n, d), (n, H, W), (n, H, W, C) or (n, C, H, W).
        labels: n labels of any kind.
        name: of the data set.
        reading: how; only `na` is of use, which says which rows have no label.
        classes: names of numbered classes, or None.

    Raises:
        BadInput: they cannot be used, or differ in their number.
    """
    reading.refuse(f"arrays such as {name}", but=("na", "trusted"))
    every = _as_labels(labels)
    known = _known(every, reading)
    given = every if known.all() else pd.Series(list(every[known])).infer_objects().to_numpy()
    record: dict[str, Any] = {"step": "load", "source": name, "format": "memory"}
    pixels, notes = _as_pixels(inputs)
    if not known.all():
        notes = [*notes, unlabelled_rows(int((~known).sum()))]
    arrays = {"inputs": pixels[known], "given": given}
    numbers = given.dtype.kind in "iu" and given.size and given.min() >= 0
    if classes is not None and numbers and given.max() < len(classes):
        arrays["classes"] = np.asarray([str(one) for one in classes])
    data = from_arrays(name, name, arrays, {**record, **({"notes": notes} if notes else {})})
    if known.all():
        return data
    rest, kind = as_inputs(name, pixels[~known])
    gaps = np.full(len(rest), UNLABELLED)
    unlabelled = Dataset(rest, gaps, data.classes, kind, index=np.flatnonzero(~known), name=name)
    return replace(data, index=np.flatnonzero(known), unlabelled=unlabelled)


def _known(labels: np.ndarray, reading: Reading) -> np.ndarray:
    """(n,) whether a row has a label; all have one unless `na` says what a missing one is."""
    if not reading.na or labels.ndim != 1:
        return np.ones(len(labels), dtype=bool)
    texts = {text.strip() for text in reading.na}
    return np.array([not (pd.isna(label) or str(label).strip() in texts) for label in labels], dtype=bool)


def _dense(inputs: Any, name: str) -> Any:
    """A sparse matrix as an array.

    Raises:
        BadInput: it is too large for that.
    """
    if not sparse.issparse(inputs):
        return inputs
    if int(np.prod(inputs.shape)) > _DENSE:
        raise BadInput(
            f"{name} has a sparse X of shape {inputs.shape}, which is too large for an array: reduce it first"
        )
    return inputs.toarray()


def _as_pixels(inputs: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Images as they are, or, where they were normalised, mapped to 0..1; and a note if so."""
    if inputs.ndim < 3 or inputs.dtype.kind != "f" or not np.isfinite(inputs).all():
        return inputs, []
    low, high = float(inputs.min()), float(inputs.max())
    whole = high <= _BYTE and bool((inputs == np.round(inputs)).all())
    if low >= 0 and (high <= 1 or whole):
        return inputs, []
    scaled = (inputs - low) / ((high - low) or 1.0)
    return scaled, [f"the images hold numbers from {low:.3g} to {high:.3g}, which are mapped to 0 to 255"]


def items_of(source: Any, name: str) -> tuple[np.ndarray, Any]:
    """The inputs and labels of a torch Dataset, read item by item.

    Raises:
        BadInput: it has no rows or no length, or an item is not an input and its label, or inputs differ in shape.
    """
    if not hasattr(source, "__len__") or not hasattr(source, "__getitem__"):
        raise BadInput(f"{name} cannot be indexed: give a torch Dataset with a length")
    if not len(source):
        raise BadInput(f"{name} has no rows")
    tensors = getattr(source, "tensors", None)
    if isinstance(tensors, tuple) and tensors:
        if len(tensors) != 2:
            raise BadInput(_SEVERAL.format(name, len(tensors)))
        return _as_array(tensors[0], name), tensors[1]
    inputs, labels = [], []
    for at in range(len(source)):
        item = source[at]
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            parts = len(item) if isinstance(item, (tuple, list)) else 1
            raise BadInput(_SEVERAL.format(name, parts))
        inputs.append(_as_array(item[0], name))
        labels.append(item[1].item() if hasattr(item[1], "item") else item[1])
    shapes = {one.shape for one in inputs}
    if len(shapes) > 1:
        some = " and ".join(str(shape) for shape in sorted(shapes)[:2])
        raise BadInput(f"the inputs of {name} have shapes such as {some}, but must have one: resize them")
    return np.stack(inputs), labels


def _as_array(values: Any, name: str) -> np.ndarray:
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values  # which NumPy does not know
    try:
        found = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise BadInput(f"the inputs of {name} are no array: {' '.join(str(error).split())}") from error
    if found.dtype == object:
        raise BadInput(f"the inputs of {name} must be numbers of one shape, texts, or a frame")
    return found


def _as_labels(labels: Any) -> np.ndarray:
    labels = labels.detach().cpu() if hasattr(labels, "detach") else labels
    if isinstance(labels, (pd.Series, pd.Index)):
        return labels.to_numpy()
    if isinstance(labels, (list, tuple)):  # an array of a list would make text of all of [1, "a"]
        held = np.empty(len(labels), dtype=object)
        held[:] = [one.item() if hasattr(one, "item") else one for one in labels]
        return pd.Series(held).infer_objects().to_numpy()
    return np.asarray(labels)


def _are_texts(values: Any) -> bool:
    if isinstance(values, np.ndarray):
        return values.ndim == 1 and values.dtype.kind in "OUT"
    return isinstance(values, Sequence) and all(isinstance(value, str) for value in values)
