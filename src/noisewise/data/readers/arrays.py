"""Make a Dataset from plain arrays: recognise images and vectors, and reject invalid arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from noisewise.data.dataset import Dataset, Kind
from noisewise.data.readers.labels import encode, number_labels
from noisewise.errors import BadInput

_COLOURS = (1, 3, 4)
LABELLED = ("test", "validation", "trusted")


def from_arrays(where: str, name: str, arrays: Mapping[str, Any], record: dict[str, Any]) -> Dataset:
    """Make a Dataset from arrays by role.

    Args:
        where: the file of the arrays, for error messages.
        name: name of the data set.
        arrays: `inputs` and `given`; optionally `truth`, `test_inputs` with `test_given`, likewise for the splits
            validation and trusted, and `classes` (K names).
        record: the first provenance record.

    Raises:
        BadInput: inputs or labels are invalid, or differ in their numbers of rows, or splits differ in shape.
    """
    inputs, kind = as_inputs(where, arrays["inputs"])
    roles = ["given", "truth", *(f"{split}_given" for split in LABELLED)]
    labels, classes = _labels(where, {role: arrays[role] for role in roles if role in arrays}, arrays.get("classes"))
    parts: dict[str, Any] = {}
    start = len(inputs)
    for split in (split for split in LABELLED if f"{split}_inputs" in arrays):
        held, _ = as_inputs(where, arrays[f"{split}_inputs"])
        if held.shape[1:] != inputs.shape[1:]:
            raise BadInput(
                f"{where} has {split} rows of shape {held.shape[1:]}, but training rows of {inputs.shape[1:]}"
            )
        given = labels[f"{split}_given"]
        _match(where, f"{split} ", held, given)
        # rows of a training need an index of their own, since memories per row go by it
        index = np.arange(len(held)) + (0 if split == "test" else start)
        start += 0 if split == "test" else len(held)
        parts[split] = Dataset(held, given, classes, kind, index=index, name=name)
    _match(where, "", inputs, labels["given"])
    given, truth = labels["given"], labels.get("truth")
    return Dataset(inputs, given, classes, kind, truth=truth, name=name, provenance=(record,), **parts)


def as_inputs(where: str, values: Any) -> tuple[np.ndarray, Kind]:
    """(n, H, W, C) uint8 images or (n, d) float32 vectors, and which of the two.

    Images may have the shape (n, H, W), or the channels first or last, with whole numbers in 0..255 or numbers in 0..1;
    the latter are multiplied by 255 and rounded.

    Raises:
        BadInput: there are no rows, values are not numbers, not finite or out of range, or the shape is neither.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise BadInput(f"the inputs of {where} must be numbers, not {array.dtype}")
    if array.ndim not in (2, 3, 4) or not array.size:
        legal = "(n, d), (n, H, W) or (n, H, W, C) with at least one row"
        raise BadInput(f"the inputs of {where} have shape {array.shape}, but must be {legal}")
    if array.ndim == 2:
        with np.errstate(over="ignore"):  # what is too large is not finite afterwards
            return _finite(where, array.astype(np.float32)), "vector"
    return _bytes(where, _channels_last(where, array)), "image"


def _labels(where: str, columns: Mapping[str, Any], names: Any) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    described = f"the labels of {where}"
    if names is None:
        encoded, classes = encode(described, *columns.values())
        return dict(zip(columns, encoded, strict=True)), classes
    classes = tuple(map(str, np.asarray(names).reshape(-1)))
    return {role: number_labels(described, values, classes) for role, values in columns.items()}, classes


def _match(where: str, split: str, inputs: np.ndarray, labels: np.ndarray) -> None:
    if len(inputs) != len(labels):
        raise BadInput(f"{where} has {len(inputs)} {split}inputs but {len(labels)} {split}labels")


def _channels_last(where: str, array: np.ndarray) -> np.ndarray:
    if array.ndim == 3:
        return array[..., None]
    if array.shape[3] in _COLOURS:
        return array
    if array.shape[1] in _COLOURS:
        return np.ascontiguousarray(array.transpose(0, 2, 3, 1))
    raise BadInput(
        f"the images of {where} have shape {array.shape}, but the first or last axis of one must be 1, 3 or 4 channels"
    )


def _bytes(where: str, array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    low, high = _finite(where, array).min(), array.max()
    whole = array.dtype.kind in "biu" or (high > 1 and bool((array == np.round(array)).all()))
    if low < 0 or high > (255 if whole else 1):
        raise BadInput(
            f"the images of {where} have values from {low:g} to {high:g}, but must be whole and in 0..255, or in 0..1"
        )
    return array.astype(np.uint8) if whole else np.round(array * 255).astype(np.uint8)


def _finite(where: str, array: np.ndarray) -> np.ndarray:
    bad = array.size - int(np.isfinite(array).sum())
    if bad:
        raise BadInput(f"the inputs of {where} hold {bad} number(s) that are not finite")
    return array
