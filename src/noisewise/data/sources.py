"""`load`: a data set by its name, from a file or folder, or from the hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from noisewise.bounds import PATH, bounded
from noisewise.catalogue import is_place
from noisewise.data.arrow.folders import (
    is_hub_file,
    is_saved_set,
    parquet_splits,
    read_hub_file,
    read_parquet_splits,
    read_saved_set,
)
from noisewise.data.catalogue import PHOTOGRAPHS, SOURCES
from noisewise.data.dataset import Dataset
from noisewise.data.images.files import resized
from noisewise.data.named.finder import Finder
from noisewise.data.named.published import published, read_published
from noisewise.data.objects.memory import from_memory
from noisewise.data.readers import folders, frames, idx, label_file, npz, tables
from noisewise.data.readers.trusted import with_trusted
from noisewise.data.reading import Reading
from noisewise.data.reviews.kept import with_reviews
from noisewise.doors import place, regular
from noisewise.errors import BadInput, nearest, shown

HUB = "hf:"
READERS: dict[str, Callable[[Path, Reading], Dataset]] = {
    ".npz": npz.read_npz,
    ".npy": label_file.read_labels,
}


@bounded(None, {"data_dir": PATH | None})
def load(
    source: Any,
    *,
    labels: str | None = None,
    text: str | None = None,
    columns: str | Sequence[str] = (),
    ignore: str | Sequence[str] = (),
    id: str | None = None,
    na: str | Sequence[str] = (),
    size: int | tuple[int, int] | None = None,
    skip_broken: bool = False,
    trusted: str | None = None,
    data_dir: str | Path | None = None,
    download: bool = True,
) -> Dataset:
    """Load a data set.

    Example:
        `load("fashion-mnist")`, `load("table.csv", labels="species")`, `load("hf:owner/name")`

    Args:
        source: a name of `SOURCES`; a path: a folder of images per class (perhaps in `train` and `test`), a folder of
            idx files or one idx file of images, an `.npz` file, an `.npy` file of class numbers alone, a table (`.csv`,
            `.tsv`, `.json`, `.jsonl`, each perhaps with `.gz` behind it, `.parquet`, `.xlsx`, or `.txt` with lines
            `__label__NAME TEXT`); "hf:NAME"; "module:function" of your own, which returns a Dataset; a Dataset,
            which is returned as it is, or at another size; or data in memory (see `from_memory`): a DataFrame, a pair
            (X, y) of arrays or tensors, a torch Dataset, a data set of the library `datasets`.
        labels: the column of the labels of a table, or the key of the labels in an archive.
        text: the column of a table whose texts are the only input.
        columns: the columns of a table to learn from; by default all that can be learned from.
        ignore: columns of a table that are never an input.
        id: the column of a table that names its rows.
        na: texts that mean a missing value, also in the column of labels, besides an empty cell.
        size: pixels to which images in files are brought for networks, N for N x N or (H, W): resized with their aspect
            kept, and their middle cut out. None is their own size, at most 64 on the shorter side. Embeddings
            read the files at their own size.
        skip_broken: leave out images that cannot be read; they are named and counted.
        trusted: the rows whose labels are known to be correct: a column of a table that marks them or holds these
            labels, a file that names them, a file or folder of further rows, or "reviewed" (see `with_trusted`).
        data_dir: a folder to search first for named sources.
        download: whether a named source that is not found may be downloaded to the cache.

    Raises:
        BadInput: the source does not exist or cannot be used.
    """
    how = Reading(labels, text, columns, ignore, id, na, size, skip_broken, trusted)  # type: ignore[arg-type]
    return read(source, how, data_dir=data_dir, download=download)


def read(
    source: Any,
    reading: Reading,
    *,
    data_dir: str | Path | None = None,
    download: bool = True,
) -> Dataset:
    """Load a data set as a `Reading` says; see `load`.

    Raises:
        BadInput: the source does not exist, cannot be used, or its reader has no use for what the reading states.
    """
    data = _loaded(source, reading, data_dir, download)
    if reading.trusted is None or any(record.get("further") == reading.trusted for record in data.provenance):
        return data
    pixels = (data.shape[0], data.shape[1]) if data.kind == "image" else None
    return with_trusted(data, reading.trusted, _naming, lambda path: _read(path, Reading(size=_size_for(path, pixels))))


def _size_for(path: Path, pixels: tuple[int, int] | None) -> tuple[int, int] | None:
    """The size at which further pictures are read to have that of the others; None of arrays."""
    return pixels if path.is_dir() and not any(idx.is_idx(entry) for entry in path.iterdir()) else None


def _naming(path: Path) -> pd.DataFrame | None:
    """The table of a file that names rows; None of a source of further rows."""
    further = path.is_dir() or path.suffix.lower() == ".npz" or idx.is_idx(path)
    return None if further else tables.read_naming(path)


def _loaded(source: Any, reading: Reading, data_dir: str | Path | None, download: bool) -> Dataset:
    if isinstance(source, Dataset):
        reading.refuse(f"a Dataset such as {source.name}", but=("size",))
        return source if reading.size is None else resized(source, reading.size, source.name)
    if not PATH.allows(source):
        if isinstance(source, (str, bytes)):
            raise BadInput(f"source={shown(source)} must be a name, a path, 'hf:NAME' or a Dataset")
        return from_memory(source, reading)
    if isinstance(source, str) and source in PHOTOGRAPHS:
        reading.refuse(source, but=("size", "skip_broken"))
        return SOURCES[source](Finder.standard(data_dir, download), reading)
    if isinstance(source, str) and source in SOURCES.own:
        reading.refuse(source)
        return SOURCES[source](Finder.standard(data_dir, download))
    if isinstance(source, str) and (_is_function(source) or source in SOURCES):
        reading.refuse(source)
        return _called(source)
    if isinstance(source, str) and source.startswith(HUB):
        from noisewise.data.readers.hub import read_hub

        return read_hub(source.removeprefix(HUB), reading)
    return with_reviews(_read(place(source), reading), place(source))


def _is_function(source: str) -> bool:
    """Whether a source is "module:function", and not the hub's nor a file of that name."""
    return not source.startswith(HUB) and is_place(source) and not Path(source).exists()


def _called(source: str) -> Dataset:
    """The data set that a function of a person's own returns.

    Raises:
        BadInput: there is no such function, it fails, or it returns something else.
    """
    function = SOURCES[source]
    try:
        found = function()
    except BadInput:
        raise
    except (Exception, SystemExit) as error:
        if source in SOURCES.own:
            raise
        raise BadInput(f"source {source} failed when it was called: {type(error).__name__}: {error}") from error
    if not isinstance(found, Dataset):
        raise BadInput(f"{source} returns a {type(found).__name__}; it must return a noisewise.Dataset")
    return found


def _read(path: Path, reading: Reading) -> Dataset:
    if path.exists() and not path.is_dir():
        regular(path)
    if frames.table_suffix(path) == ".parquet" and reading.trusted is None and is_hub_file(path):
        return read_hub_file(path, reading)
    if frames.table_suffix(path) and path.is_file():
        return tables.read_table(path, reading)
    if path.suffix.lower() in READERS and path.is_file():
        reading.refuse(path, but=("labels",))
        return READERS[path.suffix.lower()](path, reading)
    if path.is_dir():
        if any(idx.is_idx(entry) for entry in path.iterdir()):
            reading.refuse(path)
            return idx.read_folder(path)
        if is_saved_set(path):
            return read_saved_set(path, reading)
        if parquet_splits(path):
            return read_parquet_splits(path, reading)
        reading.refuse(path, but=("size", "skip_broken"))
        if (name := published(path)) is not None:
            return read_published(name, path, reading)
        return folders.read_folder(path, reading)
    if idx.is_idx(path):
        reading.refuse(path)
        return idx.read_pair(path)
    if path.is_file():
        kinds = f"a folder of images per class, idx files, .npz, .npy, {', '.join(frames.SUFFIXES)}"
        raise BadInput(f"cannot read {path}: expected {kinds}")
    hint = nearest(str(path), SOURCES) or f"; names: {', '.join(SOURCES)}"
    raise BadInput(f"there is no source and no file {str(path)!r}{hint}")
