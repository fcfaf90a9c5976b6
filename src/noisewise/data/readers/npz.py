"""Reader of `.npz` archives: the usual key layouts, packed JPEG images, and the layout that `save` writes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.data.columns.column import Column
from noisewise.data.dataset import SPLITS, Dataset
from noisewise.data.readers import packed
from noisewise.data.readers.arrays import from_arrays
from noisewise.data.readers.npy import from_stream
from noisewise.data.readers.saved import checked_inputs, read_head
from noisewise.data.reading import DEFAULT, Reading
from noisewise.doors import parsing, regular
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
SUFFIX = ".npy"


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
    archive = Archive(path)
    if HEAD in archive:
        return _read_saved(path, archive)
    if packed.KEYS.issubset(archive):
        return packed.from_packed(path, archive)
    record: dict[str, Any] = {"step": "load", "source": path.name, "format": "npz"}
    keys = _roles(path, archive, reading.labels)
    if unused := [key for key in archive if key not in keys.values()]:
        record["notes"] = [f"arrays that are not used: {', '.join(unused)}"]
    return from_arrays(str(path), path.name, {role: archive[key] for role, key in keys.items()}, record)


class Archive(Mapping[str, np.ndarray]):
    """The arrays of an `.npz` archive by key. Each is read when it is first asked for; others may be anything.

    Args:
        path: the archive.

    Raises:
        BadInput: the file cannot be read, or is not an archive.
    """

    def __init__(self, path: Path) -> None:
        self._path = regular(path)
        if _start(self._path) == np.lib.format.MAGIC_PREFIX:
            raise BadInput(f"{path} holds a single array, but inputs and labels are needed: use numpy.savez")
        with parsing(f"{path} as an npz archive"), zipfile.ZipFile(self._path) as archive:
            self._members = {name.removesuffix(SUFFIX): name for name in archive.namelist() if name.endswith(SUFFIX)}
        self._read: dict[str, np.ndarray] = {}

    def __getitem__(self, key: str, /) -> np.ndarray:
        """An array.

        Raises:
            BadInput: it is damaged, or holds Python objects.
        """
        if key not in self._read:
            self._read[key] = self._array(self._members[key])
        return self._read[key]

    def __contains__(self, key: object) -> bool:
        return key in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def _array(self, member: str) -> np.ndarray:
        where = f"{member} in {self._path}"
        with parsing(where), zipfile.ZipFile(self._path) as archive, archive.open(member) as file:
            return from_stream(file, archive.getinfo(member).file_size, where)


def _start(path: Path) -> bytes:
    with parsing(path), path.open("rb") as file:
        return file.read(len(np.lib.format.MAGIC_PREFIX))


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


def _read_saved(path: Path, archive: Archive) -> Dataset:
    parts = {split: f"{split}_" for split in SPLITS if f"{split}_given" in archive}
    head = read_head(str(archive[HEAD]), str(path), ["", *parts.values()], ())
    found = {split: _split(path, head, archive, prefix) for split, prefix in parts.items()}
    return _split(path, head, archive, "", **found)


def _split(path: Path, head: Mapping[str, Any], archive: Archive, prefix: str, **parts: Any) -> Dataset:
    for name in (f"{prefix}inputs", f"{prefix}given", f"{prefix}index", "classes"):
        if name not in archive:
            raise BadInput(f"{path} is a damaged noisewise file: {name} is missing")
    if archive[f"{prefix}index"].shape != archive[f"{prefix}given"].shape:
        raise BadInput(f"{path} is a damaged noisewise file: {prefix}index is not one number per row")
    described, ids = (_table(path, archive.get(f"{prefix}{name}")) for name in ("described", "ids"))
    kind = head["kind"]
    return Dataset(
        checked_inputs(archive[f"{prefix}inputs"], kind, str(path)),
        archive[f"{prefix}given"],
        tuple(archive["classes"].reshape(-1).tolist()),
        kind,
        index=archive[f"{prefix}index"],
        truth=archive.get(f"{prefix}truth"),
        weights=archive.get(f"{prefix}weights"),
        name=head["names"][prefix],
        provenance=tuple(head["provenance"][prefix]),
        described=described,
        columns=tuple(Column(**column) for column in head.get("columns", ())),
        ids=None if ids is None or not ids.shape[1] else ids.iloc[:, 0],
        **parts,
    )


def _table(path: Path, written: np.ndarray | None) -> pd.DataFrame | None:
    if written is None:
        return None
    with parsing(f"the columns of {path}"):
        return pd.read_parquet(io.BytesIO(written.tobytes()))
