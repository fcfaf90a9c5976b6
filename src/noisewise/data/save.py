"""`save` writes a data set, with truth and provenance, to a file that `load` reads back."""

from __future__ import annotations

import io
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from noisewise.bounds import PATH, a, bounded
from noisewise.data.dataset import Dataset
from noisewise.data.images.columns import FILE, IMAGE
from noisewise.data.images.files import Pictures, located, own_size, shown
from noisewise.data.readers import npz, tables
from noisewise.data.readers.frames import HEAD
from noisewise.data.texts import column_of
from noisewise.errors import BadInput
from noisewise.files import final, to_json, whole, write_csv

_WHOLE = 1 << 63
SUFFIXES = (".npz", ".parquet", ".csv")


@bounded(None, {"data": a(Dataset), "path": PATH})
def save(data: Dataset, path: str | Path) -> Path:
    """Write a data set with all its splits, completely or not at all.

    `.npz` stores any data set that fits into memory. `.parquet` stores the columns of a table, and images that
    are read from files, with class names in the label column and a column `truth` if the truth is known (labels in
    a column `truth` move to `label`). Of such images the column `file` holds the path below their folder,
    which is found again where it was, or where it was as seen from the `.parquet` file; of images in the bytes of a
    table the column `image` holds bytes and path. `.csv` stores the columns of a table, and neither index nor
    provenance; rows without a label have an empty cell there, and other splits cannot be stored.

    Args:
        data: the data set.
        path: the file to write; its suffix determines the format.

    Raises:
        BadInput: the suffix does not fit the data (see `check_suffix`), or the file cannot be written.
    """
    path = Path(path)
    check_suffix(data, path)
    with whole(path) as temporary:
        if path.suffix == ".npz":
            _write_npz(data, temporary)
        elif path.suffix == ".parquet":
            _write_parquet(data, temporary)
        else:
            write_csv(temporary, _csv(data))
    return path


def suffix_for(data: Dataset) -> str:
    """The suffix of a suitable file format: ".parquet" for tables and lazily read images, else ".npz"."""
    return ".parquet" if all(_has_columns(part) for part in (data, *data.parts.values())) else ".npz"


def check_suffix(data: Dataset, path: str | Path) -> None:
    """Check that the data can be saved under the suffix of `path`.

    Raises:
        BadInput: the suffix is unknown, or its format cannot store the data.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise BadInput(f"cannot save to {path}: the suffix must be one of {', '.join(SUFFIXES)}")
    if path.suffix != ".npz" and suffix_for(data) == ".npz":
        raise BadInput(f"cannot save to {path}: {data.name} is not a table, the suffix must be .npz")
    if path.suffix == ".npz" and data.kind == "text":
        raise BadInput(
            f"cannot save to {path}: texts are saved with their columns, the suffix must be .parquet or .csv"
        )
    if path.suffix == ".csv" and (data.parts.keys() - {"unlabelled"} or data.kind == "image"):
        raise BadInput(f"cannot save to {path}: CSV cannot store images or further splits, use {suffix_for(data)}")


def _has_columns(part: Dataset) -> bool:
    return (part.kind in ("table", "text") and part.described is not None) or located(part.inputs) is not None


def _write_npz(data: Dataset, path: Path) -> None:
    parts = {"": data, **{f"{split}_": part for split, part in data.parts.items()}}
    head = {
        "kind": data.kind,
        "names": {prefix: part.name for prefix, part in parts.items()},
        "provenance": {prefix: list(part.provenance) for prefix, part in parts.items()},
        "columns": [asdict(column) for column in data.columns],
    }
    arrays: dict[str, Any] = {npz.HEAD: np.array(to_json(head)), "classes": np.array(data.classes)}
    for prefix, part in parts.items():
        arrays |= {f"{prefix}{key}": values for key, values in _arrays(part).items()}
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _arrays(part: Dataset) -> dict[str, np.ndarray]:
    arrays = {"inputs": part.inputs[:], "given": part.given, "index": part.index}
    if part.truth is not None:
        arrays["truth"] = part.truth
    if part.described is not None:
        arrays["described"] = _written(part.described)
    if part.weights is not None:
        arrays["weights"] = part.weights
    if part.ids is not None:
        arrays["ids"] = _written(part.ids.to_frame())
    return arrays


def storable(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with whole numbers beyond 64 bits as text, since no file format has room for them."""
    large = [
        name
        for name, column in frame.items()
        if column.dtype == object and any(type(value) is int and not -_WHOLE <= value < _WHOLE for value in column)
    ]
    return frame.assign(**{str(name): frame[name].map(_text_of_whole) for name in large})


def _text_of_whole(value: Any) -> Any:
    return str(value) if type(value) is int else value


def _written(frame: pd.DataFrame) -> np.ndarray:
    buffer = io.BytesIO()
    storable(frame).to_parquet(buffer, index=False)
    return np.frombuffer(buffer.getvalue(), dtype=np.uint8)


def _write_parquet(data: Dataset, path: Path) -> None:
    label, parts = _label(data), {"": data, **data.parts}
    frames = [_frame(part, label) for part in parts.values()]
    found = located(data.inputs)
    roles = {role: _free(name, frames[0]) for role, name in tables.ROLES_IN_FILE.items()}
    head = {
        "kind": data.kind,
        "names": {split: part.name for split, part in parts.items()},
        "labels": label,
        "classes": list(data.classes),
        "shape": list(data.shape),
        "own_size": list(own_size(data.inputs)) if data.kind == "image" else None,
        "pictures": None if found is None else _place(found[0], path),
        "text": column_of(data.inputs),
        "weighted": data.weights is not None,
        "ids": None if data.ids is None else str(data.ids.name),
        "roles": roles,
        "provenance": {split: list(part.provenance) for split, part in parts.items()},
    }
    whole = []
    for frame, (split, part) in zip(frames, parts.items(), strict=True):
        added: dict[str, Any] = {roles["index"]: part.index, roles["split"]: split}
        if part.weights is not None:
            added[roles["weights"]] = part.weights
        if data.ids is not None:
            added[roles["ids"]] = None if part.ids is None else part.ids.to_numpy()
        # All at once: a table of many columns that grows by one at a time is slow.
        whole.append(pd.concat([frame, pd.DataFrame(added, index=frame.index)], axis=1))
    table = pa.Table.from_pandas(storable(pd.concat(whole, ignore_index=True)), preserve_index=False)
    metadata = {**(table.schema.metadata or {}), HEAD: to_json(head).encode()}
    parquet.write_table(table.replace_schema_metadata(metadata), path)


def _frame(data: Dataset, label: str) -> pd.DataFrame:
    names, frame = np.asarray(data.classes, dtype=object), data.described
    if (found := located(data.inputs)) is not None:
        frame = _with_pictures(frame, *found)
    assert frame is not None  # what `check_suffix` lets through has one of the two
    frame = frame.assign(**{label: names[data.given] if data.labelled else None})
    return frame if data.truth is None else frame.assign(**{tables.TRUTH: names[data.truth]})


def _with_pictures(described: pd.DataFrame | None, pictures: Pictures, positions: np.ndarray) -> pd.DataFrame:
    """The columns of images, with their files below the folder, or with their bytes."""
    frame = pd.DataFrame(index=range(len(positions))) if described is None else described
    if pictures.contents is None:
        return frame.assign(**{FILE: [shown(pictures.files[at]) for at in positions]})
    contents, files = pictures.contents, pictures.files
    structs = [{"bytes": contents[at], "path": files[at]} for at in positions]
    return frame.assign(**{IMAGE: pd.Series(structs, dtype=object)})


def _place(pictures: Pictures, path: Path) -> dict[str, Any]:
    """Where pictures are: their folder, and how it is seen from the file that is written."""
    if pictures.contents is not None:
        return {"white": pictures.white}
    beside = os.path.relpath(pictures.root or os.sep, final(path).absolute().parent)
    return {"white": pictures.white, "root": shown(pictures.root), "beside": shown(beside)}


def _csv(data: Dataset) -> pd.DataFrame:
    label, parts = _label(data), [data, *data.parts.values()]
    frames = [_frame(part, label) for part in parts]
    if data.ids is not None and data.ids.name not in frames[0]:
        for frame, part in zip(frames, parts, strict=True):
            frame.insert(0, str(data.ids.name), None if part.ids is None else part.ids)
    order = np.argsort(np.concatenate([part.index for part in parts]), kind="stable")
    return frames[0] if len(parts) == 1 else pd.concat(frames, ignore_index=True).iloc[order]


def _label(data: Dataset) -> str:
    """The name of the column of labels: that of the source, unless the correct labels need it."""
    loaded = [record["labels"] for record in data.provenance if record.get("labels")]
    name = loaded[-1] if loaded else "label"
    return _free("label", data.described) if name == tables.TRUTH and data.truth is not None else name


def _free(name: str, frame: pd.DataFrame | None) -> str:
    """A name that no column of the data has: theirs must not be overwritten."""
    while frame is not None and name in frame:
        name += "_"
    return name
