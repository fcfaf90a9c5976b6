"""What a run needs to know to predict further rows: how they are read and encoded as the rows that it trained on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.data.columns.encoding import Encoding, Fitted
from noisewise.data.dataset import UNLABELLED, Dataset, Kind
from noisewise.data.images.files import ImageFiles, Pictures, located, own_size, shown
from noisewise.data.images.opening import skipped_note
from noisewise.data.images.tree import walk
from noisewise.data.readers import npz
from noisewise.data.readers.arrays import as_inputs
from noisewise.data.readers.frames import table_suffix
from noisewise.data.readers.npy import read_npy
from noisewise.data.readers.tables import further_rows
from noisewise.data.reading import Reading
from noisewise.data.sources import read
from noisewise.data.texts import Texts, column_of
from noisewise.errors import BadInput

Source = str | Path | pd.DataFrame | np.ndarray | Dataset


@dataclass(frozen=True, eq=False, repr=False)
class RunInputs:
    """How rows become inputs of a run's networks.

    Attributes:
        kind: of the data.
        shape: of one input.
        own: (H, W) of image files themselves; None of other inputs.
        labels: the column of labels in a table.
        text: the column of texts, where these are the only input.
        id: the column that names rows.
        encoding: of the columns of a table; None of other data.
        white: the value that becomes 255 in pictures of more than 8 bits per channel; None where there were none.
    """

    kind: Kind
    shape: tuple[int, ...]
    own: tuple[int, int] | None = None
    labels: str | None = None
    text: str | None = None
    id: str | None = None
    encoding: Encoding | Fitted | None = None
    white: float | None = None

    @classmethod
    def of(cls, data: Dataset) -> RunInputs:
        """How the rows of a data set became its inputs."""
        loaded = [record["labels"] for record in data.provenance if record.get("labels")]
        return cls(
            data.kind,
            data.shape,
            own_size(data.inputs) if data.kind == "image" else None,
            loaded[-1] if loaded else None,
            column_of(data.inputs),
            None if data.ids is None else str(data.ids.name),
            data.encoding,
            next((record["white"] for record in data.provenance if "white" in record), None),
        )

    def __repr__(self) -> str:
        return f"RunInputs({self.kind} of shape {self.shape})"

    def plain(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """This as data for JSON, and arrays by name."""
        written, arrays = (None, {}) if self.encoding is None else self.encoding.fitted.plain()
        names = ("kind", "shape", "own", "labels", "text", "id")
        found = {**{name: getattr(self, name) for name in names}, "encoding": written}
        return found if self.white is None else {**found, "white": self.white}, arrays

    @classmethod
    def read(cls, written: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> RunInputs:
        """What `plain` returned, as a value again."""
        encoding = None if written["encoding"] is None else Fitted.read(written["encoding"], arrays)
        own = None if written["own"] is None else (int(written["own"][0]), int(written["own"][1]))
        return cls(**{**written, "shape": tuple(written["shape"]), "own": own, "encoding": encoding})

    def rows(self, source: Source, classes: tuple[str, ...], reading: Reading) -> Dataset:
        """Further rows, without labels.

        Args:
            source: a table, a folder of pictures at any depth or one picture, arrays, whatever `load` reads, or a
                Dataset.
            classes: K class names.
            reading: how the source is read.

        Raises:
            BadInput: the source cannot be read, or has rows of another kind or shape.
        """
        if isinstance(source, str):
            found = Path(source).expanduser()
            source = found if found.exists() else source
        if isinstance(source, pd.DataFrame) or (isinstance(source, Path) and self._is_table(source)):
            data = self._table(source, classes, reading)
        elif isinstance(source, np.ndarray):
            inputs, kind = as_inputs("the array", source)
            data = _unlabelled(inputs, kind, classes, "array")
        elif isinstance(source, Path) and self.kind == "image" and (folder := _pictures(source)) is not None:
            reading.refuse(source, but=("skip_broken",))
            data = self._pictures(folder, source.name, classes, skip=reading.skip_broken)
        elif isinstance(source, Path) and (array := _bare_inputs(source)) is not None:
            inputs, kind = as_inputs(str(source), array)
            data = _unlabelled(inputs, kind, classes, source.name)
        else:
            data = self._at_shape(read(source, reading))
            known = np.array([data.classes[k] if k >= 0 else "" for k in data.given.tolist()], dtype=object)
            left = [f"{name} {len(part):,}" for name, part in data.parts.items()]
            notes = {"notes": [f"rows of other splits that are not predicted: {', '.join(left)}"]} if left else {}
            steps = (*data.provenance, {"step": "predict", **notes})
            data = replace(data.alone(), truth=None, classes=classes, given=_numbers(known, classes), provenance=steps)
        if data.kind != self.kind or data.shape != self.shape:
            raise BadInput(
                f"{data.name} has {data.kind} rows of shape {data.shape}, but the run was trained on {self.kind} rows "
                f"of shape {self.shape}"
            )
        return data

    def _is_table(self, path: Path) -> bool:
        return path.is_file() and bool(self.encoding or self.text) and table_suffix(path) is not None

    def _table(self, source: Path | pd.DataFrame, classes: tuple[str, ...], reading: Reading) -> Dataset:
        where = "the table" if isinstance(source, pd.DataFrame) else str(source)
        if changed := [name for name in ("text", "columns", "ignore") if name in reading.stated()]:
            stated = f"{changed[0]}={getattr(reading, changed[0])!r}"
            raise BadInput(f"{stated}: the run learned from other columns, and reads {where} by these alone")
        reading.refuse(where, but=("labels", "id", "na"))
        kept = [name for name in (reading.labels, self.labels, reading.id, self.id) if name]
        frame, notes = further_rows(source, reading, kept)
        if self.text is not None:
            if self.text not in frame:
                raise BadInput(f"{where} has no column {self.text!r} of texts, which the model learned from")
            inputs: Any = Texts(frame[self.text].tolist(), self.text)
        elif self.encoding is not None:
            inputs, said = self.encoding.fitted.encode(frame, where)
            notes += said
        else:
            raise BadInput(f"{where} is a table, but the run was trained on {self.kind} rows of shape {self.shape}")
        ids = _column(frame, reading.id, self.id, where)
        labels = _column(frame, reading.labels, self.labels, where)
        kind: Kind = "text" if self.text is not None else "table"
        name = "table" if isinstance(source, pd.DataFrame) else source.name
        data = _unlabelled(inputs, kind, classes, name, notes, described=frame, ids=ids)
        return data if labels is None else replace(data, given=_numbers(_texts(labels), classes))

    def _pictures(self, pictures: Pictures, name: str, classes: tuple[str, ...], *, skip: bool) -> Dataset:
        broken = pictures.broken() if skip else {}
        kept = np.setdiff1d(np.arange(len(pictures)), list(broken))
        if not len(kept):
            raise BadInput(f"{name} has no image that can be read")
        skipped = [{"file": shown(pictures.files[at]), "why": why} for at, why in broken.items()]
        pictures = pictures.take(kept.tolist()) if broken else pictures
        folders = np.array([Path(file).parent.name for file in pictures.files], dtype=object)
        described = pd.DataFrame({"file": [shown(file) for file in pictures.files]})
        notes = [skipped_note(skipped)] if skipped else []
        data = _unlabelled(self._inputs(pictures), "image", classes, name, notes, described=described, index=kept)
        return replace(data, given=_numbers(folders, classes))

    def _inputs(self, pictures: Pictures) -> ImageFiles:
        height, width, channels = self.shape
        return ImageFiles(
            replace(pictures, white=self.white), (height, width, channels), self.own, stated=True, again=False
        )

    def _at_shape(self, data: Dataset) -> Dataset:
        """Images that are read from files or bytes as those of the training were; other data as they are."""
        found = located(data.inputs) if self.kind == "image" else None
        return data if found is None else replace(data, inputs=self._inputs(found[0].take(found[1].tolist())))


def agreement(data: Dataset, predicted: np.ndarray) -> float | None:
    """The share of rows whose label in the source is the predicted one; None where the source has no labels."""
    return float(np.mean(data.given == predicted)) if data.labelled else None


def _unlabelled(
    inputs: Any, kind: Kind, classes: tuple[str, ...], name: str, notes: list[str] | None = None, **more: Any
) -> Dataset:
    record: dict[str, Any] = {"step": "predict", "source": name, **({"notes": notes} if notes else {})}
    given = np.full(len(inputs), UNLABELLED)
    return Dataset(inputs, given, classes, kind, name=name, provenance=(record,), **more)


def _numbers(names: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    """(n,) class numbers of names; -1 for all, if one of them is no class."""
    found = pd.Index(classes).get_indexer(pd.Index(names))
    return found.astype(np.int64) if (found >= 0).all() else np.full(len(found), UNLABELLED)


def _texts(column: pd.Series) -> np.ndarray:
    return column.astype(object).where(column.notna(), "").astype(str).str.strip().to_numpy(dtype=object)


def _column(frame: pd.DataFrame, stated: str | None, known: str | None, where: str) -> pd.Series | None:
    """The stated column, which must be there, or else the known one, if it is there."""
    if stated is not None and stated not in frame:
        raise BadInput(f"{where} has no column {stated!r}")
    name = known if stated is None else stated
    return frame[name] if name is not None and name in frame else None


def _pictures(path: Path) -> Pictures | None:
    """The pictures in a folder, at any depth, or one picture; None of something else."""
    if path.is_dir():
        root = os.fspath(path.absolute())
        files = sorted(os.path.relpath(file, root) for file in walk(root).every)
        return Pictures(files, root) if files else None
    if path.is_file() and path.suffix.lower() not in (".npz", ".npy") and table_suffix(path) is None:
        return Pictures([path.name], os.fspath(path.absolute().parent))
    return None


def _bare_inputs(path: Path) -> np.ndarray | None:
    """The inputs of an `.npy` file of rows, or of an archive without labels; None of something else.

    Raises:
        BadInput: the file cannot be read.
    """
    if not path.is_file() or path.suffix.lower() not in (".npy", ".npz"):
        return None
    if path.suffix.lower() == ".npy":
        return read_npy(path)
    archive = npz.Archive(path)
    if npz.HEAD in archive or any(layout[1] in archive for layout in npz.LAYOUTS):
        return None
    keys = [layout[0] for layout in npz.LAYOUTS if layout[0] in archive]
    if not keys:
        raise BadInput(f"{path} has the arrays {', '.join(archive) or 'none'}, but none of inputs, such as X")
    return archive[keys[0]]
