"""Convert labels of any form (text, numbers, truth values) to class numbers and class names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from noisewise.data.columns.numbers import parse_numbers
from noisewise.errors import BadInput, nearest, shown

LABELS = ("label", "labels", "target", "class", "y")
_WHOLE = re.compile(r"0|-?[1-9]\d{0,999}")
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
_GAPS = ("nan", "na", "n/a", "none", "null", "<na>", "#n/a", "?", "-", "unknown", "missing")
_MOST_UNREPEATED = 64  # classes, above which half of the rows must share theirs with another row
_LARGEST = 2.0**53
_LONGEST = 1000  # characters of a class, which stands in every row of every list


def clean_labels(where: str, column: pd.Series) -> np.ndarray:
    """(n,) labels: text as it is written, without white space around it; empty text is a missing label.

    Args:
        where: origin of the labels, for error messages.
        column: n labels.

    Raises:
        BadInput: a label is a list or the like.
    """
    values = column.to_numpy(dtype=object)
    if pd.api.types.infer_dtype(values, skipna=True) == "string":
        codes, levels = pd.factorize(values)
        _check_lengths(where, levels)
        return np.array([*(level.strip() or None for level in levels), None], dtype=object)[codes]
    odd = next((value for value in values if isinstance(value, (list, tuple, dict, set, np.ndarray))), None)
    if odd is not None:
        raise BadInput(f"{where} has the label {str(odd)[:40]}, but each row must have one label")
    if not any(isinstance(value, str) for value in values):
        return column.to_numpy()
    _check_lengths(where, [value for value in values if isinstance(value, str)])
    gaps = pd.isna(values)
    return np.array(
        [None if gap else str(v).strip() or None for v, gap in zip(values, gaps, strict=True)], dtype=object
    )


def _check_lengths(where: str, names: Iterable[str]) -> None:
    longest = max(names, key=len)
    if len(longest) > _LONGEST:
        raise BadInput(
            f"{where} has a label of {len(longest):,} characters, {longest[:20]!r}...: a class has a name of at most "
            f"{_LONGEST:,}"
        )


def like_missing(classes: Sequence[str]) -> list[str]:
    """A sentence that names classes which may be meant as missing labels."""
    found = [name for name in classes if name.lower() in _GAPS]
    if not found:
        return []
    one, are = (f"--na {found[0]!r}", "is a class") if len(found) == 1 else ("--na", "are classes")
    return [f"{', '.join(map(repr, found))} among the labels {are} like any other; {one} makes a missing label of it"]


def similar_classes(classes: Sequence[str]) -> list[str]:
    """Sentences that name classes that are probably the same, written differently."""
    groups: dict[str, list[str]] = {}
    for name in classes:
        groups.setdefault(_alike(name), []).append(name)
    return [
        f"the classes {' and '.join(map(repr, names))} are probably the same, written differently"
        for names in groups.values()
        if len(names) > 1
    ]


def _alike(name: str) -> str:
    if _NUMBER.fullmatch(name):
        return re.sub(r"\.0+$", "", name)
    return re.sub(r"[\s_-]+", " ", name).casefold().strip()


def encode(where: str, *columns: Any) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Convert labels to class numbers; the K classes are the distinct labels of all columns, sorted.

    Whole numbers are sorted by value, everything else as text.

    Args:
        where: origin of the labels, for error messages ("column 'species' of table.csv").
        columns: arrays of labels that share their classes, such as those of the training and the test split.

    Returns:
        For every column its (n,) int64 class numbers, and K class names.

    Raises:
        BadInput: a label is missing or not a whole number, or all labels are the same.
    """
    plain = [_plain(where, np.asarray(column)) for column in columns]
    if len({values.dtype.kind for values in plain}) > 1:
        plain = [values.astype(str) for values in plain]
    classes, numbers = _distinct(np.concatenate(plain))
    if classes.dtype.kind == "U" and all(_WHOLE.fullmatch(name) for name in classes):
        order = np.array(sorted(range(len(classes)), key=lambda at: int(classes[at])), dtype=np.int64)
        classes, numbers = classes[order], np.argsort(order)[numbers]
    if classes.dtype.kind == "U" and 2 * len(classes) > len(numbers):
        _refuse_quantities(where, classes)
    if len(classes) > _MOST_UNREPEATED and 2 * len(classes) > len(numbers):
        raise BadInput(
            f"{where} has {len(classes):,} different labels in {len(numbers):,} rows: these are names or quantities, "
            "not classes"
        )
    if len(classes) < 2:
        found = f"only the class {str(classes[0])!r}" if len(classes) else "no labels"
        raise BadInput(f"{where} has {found}, but at least 2 classes are needed")
    ends = np.cumsum([len(values) for values in plain])
    return np.split(numbers.reshape(-1).astype(np.int64), ends[:-1]), tuple(map(str, classes))


def _distinct(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values, sorted, and the place of each value among them; texts are hashed before they are sorted."""
    if values.dtype.kind != "U":
        return np.unique(values, return_inverse=True)
    codes, levels = pd.factorize(values.astype(object))
    classes, places = np.unique(levels.astype(values.dtype), return_inverse=True)
    return classes, places[codes]


def _refuse_quantities(where: str, classes: np.ndarray) -> None:
    broken = [name for name in classes if "." in name]
    if broken and all(map(_NUMBER.fullmatch, classes)):
        raise BadInput(f"{where} has the label {broken[0]}, but numbers as labels must be whole, or repeat")


def number_labels(where: str, values: Any, classes: tuple[str, ...]) -> np.ndarray:
    """(n,) int64 class numbers of labels that are names, or numbers, of the given K classes.

    Args:
        where: origin of the labels, for error messages.
        values: (n,) labels.
        classes: K class names.

    Raises:
        BadInput: a label does not belong to the classes.
    """
    labels = _decoded(where, np.asarray(values))
    if labels.dtype.kind in "iu":
        if len(labels) and (labels.min() < 0 or labels.max() >= len(classes)):
            bad = labels[(labels < 0) | (labels >= len(classes))][0]
            raise BadInput(f"{where} has the label {int(bad)}, but there are {len(classes)} classes, from 0")
        return labels.astype(np.int64)
    found = pd.Index(classes).get_indexer(pd.Index(labels.astype(str)))
    if (found < 0).any():
        raise BadInput(
            f"{where} has the label {str(labels[found < 0][0])!r}, which is not one of its {len(classes)} classes"
        )
    return found.astype(np.int64)


def _plain(where: str, labels: np.ndarray) -> np.ndarray:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise BadInput(f"{where} must be one label per row, but has shape {labels.shape}")
    if labels.dtype.kind not in "biufOUSTMm":
        raise BadInput(f"{where} must be text or numbers, not {labels.dtype}")
    missing = int(pd.isna(labels).sum())
    if missing:
        raise BadInput(f"{where} has {missing} missing label(s) in {len(labels)} rows: fill them in or remove the rows")
    labels = _decoded(where, labels)
    if labels.dtype.kind == "O":
        labels = _narrow(labels)
    return _whole(where, labels) if labels.dtype.kind == "f" else labels


def _decoded(where: str, labels: np.ndarray) -> np.ndarray:
    """Labels that are bytes as the text that they are in UTF-8."""
    if labels.dtype.kind not in "OS" or not any(isinstance(label, bytes) for label in labels):
        return labels
    try:
        return np.array([one.decode() if isinstance(one, bytes) else one for one in labels], dtype=object).astype(str)
    except UnicodeDecodeError as error:
        raise BadInput(f"{where} has the label {shown(error.object)}, which is no text in UTF-8") from error


def _narrow(labels: np.ndarray) -> np.ndarray:
    kinds = {type(label) for label in labels}
    if not all(-_LARGEST <= label <= _LARGEST for label in labels if isinstance(label, int)):
        return labels.astype(str)
    if kinds <= {int} or kinds <= {int, float}:
        return labels.astype(float) if float in kinds else labels.astype(np.int64)
    return labels.astype(str)


def _whole(where: str, labels: np.ndarray) -> np.ndarray:
    large = labels[np.abs(labels.astype(np.float64)) > _LARGEST]
    if len(large):
        raise BadInput(f"{where} has the label {large[0]:g}, but numbers as labels must be finite and below 2^53")
    broken = labels[labels != np.round(labels)]
    if len(broken):
        raise BadInput(f"{where} has the label {broken[0]:g}, but numbers as labels must be whole")
    return labels.astype(np.int64)


def label_column(frame: pd.DataFrame, where: str, labels: str | None, index: Sequence[str] = ()) -> str:
    """The name of the column of labels.

    Args:
        frame: the table.
        where: its origin, for error messages.
        labels: the name, or None for the column that has a usual name.
        index: names of columns that were the index; these hold the labels only if they are named.

    Raises:
        BadInput: the column does not exist; or no column was named, and not exactly one has a usual name.
    """
    names = [str(name) for name in frame.columns]
    if labels is not None:
        if labels not in names:
            raise BadInput(f"{where} has no column {labels!r}{nearest(labels, names) or '; it has ' + _some(names)}")
        return labels
    usual = [name for name in names if name.lower() in LABELS and name not in index]
    if len(usual) != 1:
        found = f"{' and '.join(usual)} could each be" if usual else f"none of {_some(names)} is called"
        hint = " (does the file lack a line of names?)" if not usual and _like_values(names) else ""
        raise BadInput(
            f"say which column of {where} holds the labels: {found} {'them' if usual else ', '.join(LABELS)}{hint}"
        )
    return usual[0]


def _like_values(names: Sequence[str]) -> bool:
    return bool(names) and bool(np.isfinite(parse_numbers(names)).any())


def _some(names: list[str]) -> str:
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
