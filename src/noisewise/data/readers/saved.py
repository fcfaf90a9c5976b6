"""The head of the files that `save` writes, checked: a file may be damaged, or written by somebody else."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from typing import Any, get_args

import numpy as np
import pandas as pd

from noisewise.data.columns.column import Column, ColumnKind
from noisewise.data.dataset import SPLITS, Kind
from noisewise.data.reading import Reading
from noisewise.doors import parsing
from noisewise.errors import BadInput

Test = Callable[[Any], bool]
FILE, IMAGE = "file", "image"
ROLES_IN_FILE = {"index": "_index", "split": "_split", "ids": "_id", "weights": "_weight"}
"""Columns that `save` adds to a table, by what they hold, unless the data have columns of these names."""
_ANNOUNCED = {"ids": "ids", "weights": "weighted"}  # of these, what says in the head that they are there
_DEEP = 4  # axes of images
_CHANNELS = 4
_LARGEST_IMAGE = 1 << 30  # bytes


def _is_picture(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("bytes"), bytes) and isinstance(value.get("path"), str)


_PICTURE = {FILE: lambda value: isinstance(value, str), IMAGE: _is_picture}


def read_head(raw: str | bytes, where: str, parts: Collection[str], needed: Collection[str]) -> dict[str, Any]:
    """Read and check the head of a saved file.

    Args:
        raw: its JSON text.
        where: the file, for messages.
        parts: the keys under which the splits of the file are named in the head.
        needed: further fields that the reader needs.

    Returns:
        The fields by name.

    Raises:
        BadInput: it is damaged: not JSON, or a field is missing or not what `save` writes.
    """
    with parsing(f"{where}, a damaged noisewise file"):
        head = json.loads(raw)
    if not isinstance(head, dict):
        raise BadInput(f"{where} is a damaged noisewise file: its head is not a JSON object")
    for name in ("kind", "names", "provenance", *needed):
        if name not in head:
            raise BadInput(f"{where} is a damaged noisewise file: {name} is missing in its head")
    for name, test in _FIELDS.items():
        if name in head and not test(head[name]):
            raise BadInput(f"{where} is a damaged noisewise file: {name}={_shown(head[name])} in its head is broken")
    for part in parts:
        if part not in head["names"] or part not in head["provenance"]:
            raise BadInput(f"{where} is a damaged noisewise file: its head does not know the part {part!r}")
    return head


def read_table_head(raw: bytes, frame: pd.DataFrame, where: str) -> dict[str, Any]:
    """Read and check the head of a saved table, which must have the columns that its head names.

    Args:
        raw: the JSON text of the head.
        frame: the columns of the file.
        where: the file, for messages.

    Raises:
        BadInput: head or columns are damaged.
    """
    head = read_head(raw, where, [""], ("labels", "classes"))
    roles = {**ROLES_IN_FILE, **head.get("roles", {})}
    columns = [head["labels"], *(roles[name] for name, said in _ANNOUNCED.items() if head.get(said))]
    place = head.get("pictures") or {}
    if not isinstance(place, dict) or not all(isinstance(place.get(name, ""), str) for name in ("root", "beside")):
        raise BadInput(f"{where} is a damaged noisewise file: its head does not say where its pictures are")
    pictures = IMAGE if place and "root" not in place else FILE
    columns += {"text": [head.get("text") or ""], "image": [pictures]}.get(head["kind"], [])
    wrong = None
    if head["kind"] not in ("table", "text", "image"):
        wrong = f"kind={head['kind']!r} is not kept in tables"
    elif missing := [name for name in columns if name not in frame]:
        wrong = f"it has no column {missing[0]!r}"
    elif head["kind"] == "image" and (len(head.get("shape", ())) != 3 or head["shape"][2] not in (1, 3)):
        wrong = "its images have no shape (H, W, C)"
    elif head["kind"] == "image" and math.prod(head["shape"]) > _LARGEST_IMAGE:
        wrong = f"images of shape {tuple(head['shape'])} are too large"
    elif head["kind"] == "image" and not all(map(_PICTURE[pictures], frame[pictures])):
        wrong = f"its column {pictures!r} must hold {'paths' if pictures == FILE else 'pictures'}"
    elif roles["split"] in frame:
        parts = set(map(str, frame[roles["split"]]))
        if unknown := sorted(parts - {"", *SPLITS} | parts - set(head["names"])):
            wrong = f"its head does not know the part {unknown[0]!r}"
        elif "" not in parts:
            wrong = "it has no training rows"
    if wrong:
        raise BadInput(f"{where} is a damaged noisewise file: {wrong}")
    return head


def checked_inputs(values: np.ndarray, kind: str, where: str) -> np.ndarray:
    """The inputs of a saved file, if they are what its kind needs.

    Args:
        values: (n, H, W, C) uint8 images, or (n, d) finite numbers.
        kind: of the data.
        where: the file, for messages.

    Raises:
        BadInput: they are something else.
    """
    if kind == "image":
        fits = values.ndim == _DEEP and values.dtype == np.uint8 and 1 <= values.shape[-1] <= _CHANNELS
    else:
        with np.errstate(over="ignore"):
            values = values.astype(np.float32, copy=False) if values.dtype.kind in "fiu" else values
        fits = values.ndim == 2 and values.dtype == np.float32 and bool(np.isfinite(values).all())
    if not fits or not len(values):
        raise BadInput(
            f"{where} is a damaged noisewise file: inputs of {values.dtype} and shape {values.shape} are not those of "
            f"the kind {kind!r}, or are not finite"
        )
    return values


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < float("inf")


def _is_size(value: Any) -> bool:
    return isinstance(value, list) and all(type(length) is int and 0 < length < 1 << 31 for length in value)


def _or_none(test: Test) -> Test:
    return lambda value: value is None or test(value)


def _list_of(test: Test) -> Test:
    return lambda value: isinstance(value, list) and all(map(test, value))


def _dict_of(test: Test) -> Test:
    return lambda value: isinstance(value, dict) and all(map(test, value.values()))


def _is_record(value: Any) -> bool:
    known: Mapping[str, Test] = {
        "step": _is_text,
        "labels": _or_none(_is_text),
        "notes": _list_of(_is_text),
        "open_rows": _list_of(lambda row: type(row) is int),
        "reviewed_rows": _are_reviewed,
        "certified": _are_certified,
        "reading": _is_reading,
        **dict.fromkeys(("reviewed", "not_reviewed"), _is_number),
    }
    return isinstance(value, dict) and all(test(value[name]) for name, test in known.items() if name in value)


def _is_reading(value: Any) -> bool:
    try:
        return Reading(**value) is not None
    except (BadInput, TypeError):
        return False


def _are_reviewed(value: Any) -> bool:
    texts, numbers = ("decision", "former", "label", "suggested"), ("index", "suspicion", "weight")
    if not isinstance(value, dict) or not {*texts, *numbers} <= set(value):
        return False
    fine = all(_list_of(_is_text)(value[name]) for name in texts) and all(
        _list_of(_is_number)(value[name]) for name in numbers
    )
    return fine and len({len(value[name]) for name in (*texts, *numbers)}) == 1


def _are_certified(value: Any) -> bool:
    rate = value.get("noise_rate", {"estimate": None}) if isinstance(value, dict) else None
    if not isinstance(rate, dict) or "estimate" not in rate:
        return False
    return rate["estimate"] is None or all(_is_number(rate.get(name)) for name in ("estimate", "low", "high"))


def _is_column(value: Any) -> bool:
    tests: dict[str, Test] = {
        "name": _is_text,
        "kind": lambda kind: kind in get_args(ColumnKind),
        "used": lambda used: isinstance(used, bool),
        "why": _is_text,
        "width": lambda width: type(width) is int and width >= 0,
    }
    names = {field.name for field in fields(Column)}
    return (
        isinstance(value, dict)
        and {"name", "kind", "used"} <= set(value) <= names
        and all(test(value[name]) for name, test in tests.items() if name in value)
    )


def _are_classes(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value)) and len(set(value)) == len(value) >= 1


_FIELDS: dict[str, Test] = {
    "kind": lambda value: _is_text(value) and value in get_args(Kind),
    "names": _dict_of(_is_text),
    "provenance": _dict_of(_list_of(_is_record)),
    "columns": _list_of(_is_column),
    "labels": _is_text,
    "classes": _are_classes,
    "shape": _is_size,
    "own_size": _or_none(lambda value: _is_size(value) and len(value) == 2),
    "text": _or_none(_is_text),
    "ids": _or_none(_is_text),
    "weighted": lambda value: isinstance(value, bool),
    "roles": lambda value: _dict_of(_is_text)(value) and len(set(value.values())) == len(value),
}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."
