"""Splits of a data set, as Arrow tables whose features say which numbers are classes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from noisewise.data.dataset import Dataset
from noisewise.data.images.layout import TRAIN, split_name
from noisewise.data.readers.labels import LABELS, label_column
from noisewise.data.readers.tables import from_frame
from noisewise.data.reading import Reading
from noisewise.errors import BadInput

HEAD = b"huggingface"


@dataclass(frozen=True, eq=False)
class Split:
    """The rows of one split.

    Attributes:
        table: n rows.
        features: what the columns hold, by name, as the library `datasets` writes it: `{"_type": "ClassLabel", ...}`.
    """

    table: pa.Table
    features: Mapping[str, Any] = field(default_factory=dict)


def features_of(schema: pa.Schema) -> dict[str, Any]:
    """The features that the library `datasets` wrote into the metadata of a table; {} if there are none."""
    try:
        found = json.loads((schema.metadata or {}).get(HEAD, b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def from_tables(
    splits: Mapping[str, Split], where: str, name: str, reading: Reading, choose: str, folder: Path | None = None
) -> Dataset:
    """Make a data set of its splits: images with their labels, else the columns of a table.

    Numbers of a ClassLabel become names; -1 and null are rows without a label. The only ClassLabel is the column of the
    labels, unless the reading names one. Rows of other splits than the training split are encoded along with it.

    Args:
        splits: by name, as people called them.
        where: their origin, for messages.
        name: of the data set.
        reading: how.
        choose: how a person chooses a split, with `{}` for its name.
        folder: in which paths of images are looked for first.

    Raises:
        BadInput: no split is the training split, or the rows cannot be used.
    """
    parts, notes = _chosen(splits, where, choose)
    main = parts[TRAIN]
    frames = {split: _named(part, where) for split, part in parts.items()}
    column = _label(frames[TRAIN], main.features, where, reading)
    for split in list(frames):
        if split == TRAIN:
            continue
        known = frames[split][column].notna() if column in frames[split] else np.zeros(len(frames[split]), dtype=bool)
        if gone := int((~known).sum()):
            notes.append(f"left out are {gone:,} rows without labels of the split {split}")
        frames[split] = frames[split][known]
        if not known.any():
            del frames[split]
    kind = main.features.get(column)
    names = _classes(kind)
    how = replace(reading, labels=column, na=reading.na or (("",) if names else ()))
    data = from_frame(pd.concat(frames.values(), ignore_index=True), where, name, how, notes, folder)
    ends = np.cumsum([len(frame) for frame in frames.values()])
    found = {split: _rows(data, end - len(frames[split]), end) for split, end in zip(frames, ends, strict=True)}
    return _in_order(_joined(found), names)


def _chosen(splits: Mapping[str, Split], where: str, choose: str) -> tuple[dict[str, Split], list[str]]:
    """The splits by what they are for, the training split first, and notes."""
    uses: dict[str, str] = {}
    for one in splits:
        uses.setdefault(split_name(one) or one, one)
    if TRAIN not in uses and len(splits) > 1:
        example = next(iter(splits))
        raise BadInput(
            f"{where} has no split 'train', only {', '.join(splits)}: choose one, such as {choose.format(example)}"
        )
    if TRAIN not in uses:
        [(only, split)] = splits.items()
        return {TRAIN: split}, [f"the split {only} is used, the only one"]
    held = [use for use in uses if use in ("validation", "test", "trusted")]
    others = [one for one in splits if one not in (uses[TRAIN], *(uses[use] for use in held))]
    notes = [f"splits that are not used: {', '.join(others)}"] if others else []
    return {use: splits[uses[use]] for use in (TRAIN, *held)}, notes


def _named(split: Split, where: str) -> pd.DataFrame:
    """The columns of a split, with names in place of the numbers of classes."""
    frame = split.table.to_pandas()
    for column, feature in split.features.items():
        if column in frame and (names := _classes(feature)):
            numbers = pd.to_numeric(frame[column], errors="coerce").fillna(-1).astype(int)
            most = int(numbers.max())
            if most >= len(names):
                raise BadInput(f"column {column!r} of {where} has the class {most}, but there are {len(names)}, from 0")
            # -1 and null mean that a row has no label
            frame[column] = pd.Series([names[k] if k >= 0 else None for k in numbers], frame.index, dtype=object)
    return frame


def _classes(feature: Any) -> list[str]:
    """The names of a ClassLabel; none of other features."""
    known = isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel"
    return [str(name) for name in feature.get("names") or ()] if known else []


def _label(frame: pd.DataFrame, features: Mapping[str, Any], where: str, reading: Reading) -> str:
    usual = [name for name in map(str, frame.columns) if name.lower() in LABELS]
    kinds = [name for name, feature in features.items() if _classes(feature)]
    if reading.labels is None and len(usual) != 1 and len(kinds) == 1:
        return kinds[0]
    return label_column(frame, where, reading.labels)


def _rows(data: Dataset, start: int, end: int) -> Dataset:
    """The rows, with labels and without, whose index is in a range."""
    rest = data.unlabelled
    if rest is not None:
        chosen = (rest.index >= start) & (rest.index < end)
        rest = rest.take(chosen) if chosen.any() else None
    return replace(data.take((data.index >= start) & (data.index < end)), unlabelled=rest)


def _joined(found: dict[str, Dataset]) -> Dataset:
    main = found.pop(TRAIN)
    held = {split: replace(part, unlabelled=None) for split, part in found.items()}
    if "test" in held:  # rows of the test split are numbered by themselves, since no memory per row holds them
        held["test"] = replace(held["test"], index=held["test"].index - held["test"].index.min())
    parts: dict[str, Any] = {split: part for split, part in held.items() if len(part)}
    return replace(main, **parts)


def _in_order(data: Dataset, names: list[str]) -> Dataset:
    """The same with its classes in the order of their numbers."""
    order = [name.strip() for name in names if name.strip() in data.classes]
    if sorted(order) != sorted(data.classes):
        return data
    number = np.array([order.index(name) for name in data.classes])

    def renumbered(part: Dataset) -> Dataset:
        parts: dict[str, Any] = {split: renumbered(one) for split, one in part.parts.items()}
        given = number[part.given] if part.labelled else part.given
        truth = None if part.truth is None else number[part.truth]
        return replace(part, given=given, truth=truth, classes=tuple(order), **parts)

    return renumbered(data)
