"""Folders that `save_to_disk` of the library `datasets` wrote, and folders of Parquet files by split, as on the hub."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import ipc, parquet

from noisewise.data.arrow.splits import Split, features_of, from_tables
from noisewise.data.dataset import Dataset
from noisewise.data.images.layout import TRAIN, split_name
from noisewise.data.reading import Reading
from noisewise.errors import BadInput

_STATE, _INFO, _DICT = "state.json", "dataset_info.json", "dataset_dict.json"
_PART = re.compile(r"(?P<split>[^-.]+)(-\d+-of-\d+.*)?\.parquet")


def is_saved_set(folder: Path) -> bool:
    """Whether `save_to_disk` wrote the folder."""
    return (folder / _DICT).is_file() or ((folder / _STATE).is_file() and (folder / _INFO).is_file())


def read_saved_set(folder: Path, reading: Reading) -> Dataset:
    """Read what `save_to_disk` wrote: one split, or a folder for each of several.

    Raises:
        BadInput: a file is missing or damaged, or the rows cannot be used.
    """
    if (folder / _DICT).is_file():
        names = _json(folder / _DICT).get("splits")
        if not isinstance(names, list) or not names or not all(_plain(name) for name in names):
            raise BadInput(f"{folder / _DICT} must name splits")
        splits = {str(name): _split(folder / name) for name in names}
    else:
        splits = {str(_json(folder / _STATE).get("_split") or TRAIN): _split(folder)}
    return from_tables(splits, str(folder), folder.name, reading, f"the folder {folder}/{{}}", folder)


def parquet_splits(folder: Path) -> dict[str, list[Path]]:
    """The Parquet files of a folder, or of its folder `data`, by the split in their names; {} if they name none."""
    for place in (folder, folder / "data"):
        found: dict[str, list[Path]] = {}
        for file in sorted(place.glob("*.parquet")):
            name = _PART.fullmatch(file.name)
            if name is None:
                return {}
            found.setdefault(name["split"], []).append(file)
        if any(split_name(split) for split in found):
            return found
    return {}


def is_hub_file(path: Path) -> bool:
    """Whether a file is Parquet with features of the library `datasets`, which name the classes."""
    try:
        return bool(features_of(parquet.read_schema(path)))
    except (OSError, pa.ArrowException, ValueError):  # whoever reads the file says what is wrong with it
        return False


def read_hub_file(path: Path, reading: Reading) -> Dataset:
    """Read one such file.

    Raises:
        BadInput: it is damaged, or its rows cannot be used.
    """
    split = _parquet([path])
    return from_tables({TRAIN: split}, str(path), path.name, reading, "{}", path.parent)


def read_parquet_splits(folder: Path, reading: Reading) -> Dataset:
    """Read a folder of Parquet files that are called after their splits, such as `train-00000-of-00002.parquet`.

    Raises:
        BadInput: a file is damaged, or the rows cannot be used.
    """
    splits = {split: _parquet(files) for split, files in parquet_splits(folder).items()}
    return from_tables(splits, str(folder), folder.name, reading, "the Parquet file of {}", folder)


def _parquet(files: list[Path]) -> Split:
    try:
        table = pa.concat_tables([parquet.ParquetFile(file).read() for file in files])
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"cannot read {files[0]} as Parquet: {_first_line(error)}") from error
    return Split(table, features_of(table.schema))


def _split(folder: Path) -> Split:
    state = _json(folder / _STATE)
    tables = [_arrow(folder, one) for one in _files(state, "_data_files", folder)]
    try:
        table = pa.concat_tables(tables)
        if indices := _files(state, "_indices_files", folder, needed=False):
            table = table.take(pa.concat_tables([_arrow(folder, one) for one in indices]).column("indices"))
    except (pa.ArrowException, KeyError, IndexError) as error:
        raise BadInput(f"the files of {folder} do not fit each other: {_first_line(error)}") from error
    features = _json(folder / _INFO).get("features") if (folder / _INFO).is_file() else None
    return Split(table, features if isinstance(features, dict) else features_of(table.schema))


def _files(state: dict[str, Any], key: str, folder: Path, *, needed: bool = True) -> list[str]:
    listed = state.get(key) or []
    names = [one.get("filename") if isinstance(one, dict) else None for one in listed] if listed else []
    if (needed and not names) or not all(_plain(name) for name in names):
        raise BadInput(f"{folder / _STATE} must name files in {key!r}")
    return [str(name) for name in names]


def _plain(name: Any) -> bool:
    """Whether a name is that of an entry of the folder itself."""
    return isinstance(name, str) and name not in ("", ".", "..") and "/" not in name and "\\" not in name


def _arrow(folder: Path, name: str) -> pa.Table:
    path = folder / name
    try:
        with pa.memory_map(str(path)) as file:
            try:
                return ipc.open_stream(file).read_all()
            except pa.ArrowInvalid:
                file.seek(0)
                return ipc.open_file(file).read_all()
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"cannot read {path} as Arrow: {_first_line(error)}") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"cannot read {path}: {_first_line(error)}") from error
    if not isinstance(found, dict):
        raise BadInput(f"cannot read {path}: it must hold a JSON object")
    return found


def _first_line(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__).splitlines()[0]
