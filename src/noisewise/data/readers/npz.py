"""Reader of `.npz` archives: the usual key layouts, packed JPEG images, and the layout that `save` writes."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.data.columns.column import Column
from noisewise.data.dataset import SPLITS, Dataset
from noisewise.data.readers import packed
from noisewise.data.readers.arrays import from_arrays
from noisewise.data.reading import DEFAULT, Reading
from noisewise.errors import BadInput, nearest

LAYOUTS = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("X_train", "y_train", "X_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("X", "y", "X_test", "y_test"),
    ("x", "y", "x_test", "y_test"),
    ("images", "labels", "test_images", "test_labels"),
    ("data", "target", "test_data", "test_target"),
    ("data", "labels", "test_data", "test_labels"),
    ("inputs", "labels", "test_inputs", "test_labels"),
)
FURTHER = (("x_{}", "y_{}"), ("X_{}", "y_{}"), ("{}_images", "{}_labels"), ("{}_data", "{}_labels"))
TRUSTED, VALIDATION = ("trusted",), ("validation", "val", "valid")
HEAD = "noisewise"


def read_npz(path: str | Path, reading: Reading = DEFAULT) -> Dataset:
    """Read an `.npz` archive.

    In addition to the arrays of one of `LAYOUTS`, `truth` (correct labels), `classes` (K names) and the splits `x_val,
    y_val` and `x_trusted, y_trusted` (rows with correct labels) are read if present.

    Args:
        path: the archive.
        reading: `labels` is the key of the training labels, if it is not the usual one.

    Raises:
        BadInput: the archive cannot be read, contains pickled Python objects, or has an unknown layout.
    """
    path = Path(path)
    archive = read_archive(path)
    if HEAD in archive:
        return _read_saved(path, archive)
    if packed.KEYS.issubset(archive):
        return packed.from_packed(path, archive)
    record: dict[str, Any] = {"step": "load", "source": path.name, "format": "npz"}
    keys = _roles(path, archive, reading.labels)
    if unused := [key for key in archive if key not in keys.values()]:
        record["notes"] = [f"arrays that are not used: {', '.join(unused)}"]
    return from_arrays(str(path), path.name, {role: archive[key] for role, key in keys.items()}, record)


def read_archive(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of an `.npz` archive, by key.

    Raises:
        BadInput: the file cannot be read, is not an archive, or contains pickled Python objects.
    """
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise BadInput(f"{path} holds a single array, but inputs and labels are needed: use numpy.savez")
            return {key: archive[key] for key in archive.files}
    except BadInput:
        raise
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, ValueError) as error:
        if "allow_pickle" in str(error):
            raise BadInput(
                f"{path} holds Python objects, which are not read because they can run code: save plain arrays"
            ) from error
        raise BadInput(f"cannot read {path} as an npz archive: {error}") from error


def _roles(path: Path, archive: Mapping[str, Any], labels: str | None) -> dict[str, str]:
    """The keys of the arrays, by role."""
    if labels is not None and labels not in archive:
        raise BadInput(f"{path} has no array {labels!r}{nearest(labels, archive) or '; it has ' + ', '.join(archive)}")
    for inputs, given, test_inputs, test_given in LAYOUTS:
        given = labels or given
        if inputs in archive and given in archive and inputs != given:
            keys = {"inputs": inputs, "given": given, "truth": "truth", "classes": "classes"}
            if test_inputs in archive and test_given in archive:
                keys |= {"test_inputs": test_inputs, "test_given": test_given}
            keys |= _further(path, archive, "trusted", TRUSTED) | _further(path, archive, "validation", VALIDATION)
            return {role: key for role, key in keys.items() if key in archive}
    known = ", ".join(f"{inputs}/{given}" for inputs, given, _, _ in LAYOUTS)
    raise BadInput(
        f"{path} has the arrays {', '.join(archive) or 'none'}, but no known pair of inputs and labels ({known})"
    )


def _further(path: Path, archive: Mapping[str, Any], split: str, names: Sequence[str]) -> dict[str, str]:
    """The keys of a further split, by role; none if the archive has no such split.

    Raises:
        BadInput: inputs without labels, or labels without inputs.
    """
    pairs = [tuple(pattern.format(name) for pattern in pair) for pair in FURTHER for name in names]
    for inputs, given in pairs:
        if inputs in archive and given in archive:
            return {f"{split}_inputs": inputs, f"{split}_given": given}
    for inputs, given in pairs:
        for there, lacking in ((inputs, given), (given, inputs)):
            if there in archive:
                raise BadInput(f"{path} has {there}, but no {lacking}")
    return {}


def _read_saved(path: Path, archive: Mapping[str, Any]) -> Dataset:
    try:
        head = json.loads(str(archive[HEAD]))
        parts = {split: _split(head, archive, f"{split}_") for split in SPLITS if f"{split}_given" in archive}
        return _split(head, archive, "", **parts)
    except (KeyError, json.JSONDecodeError) as error:
        raise BadInput(f"{path} is a damaged noisewise file: {error} is missing or broken") from error


def _split(head: Mapping[str, Any], archive: Mapping[str, Any], prefix: str, **parts: Dataset) -> Dataset:
    described, ids = (_table(archive.get(f"{prefix}{name}")) for name in ("described", "ids"))
    return Dataset(
        archive[f"{prefix}inputs"],
        archive[f"{prefix}given"],
        tuple(archive["classes"].tolist()),
        head["kind"],
        index=archive[f"{prefix}index"],
        truth=archive.get(f"{prefix}truth"),
        weights=archive.get(f"{prefix}weights"),
        name=head["names"][prefix],
        provenance=tuple(head["provenance"][prefix]),
        described=described,
        columns=tuple(Column(**column) for column in head.get("columns", ())),
        ids=None if ids is None else ids.iloc[:, 0],
        **parts,
    )


def _table(written: np.ndarray | None) -> pd.DataFrame | None:
    return None if written is None else pd.read_parquet(io.BytesIO(written.tobytes()))
