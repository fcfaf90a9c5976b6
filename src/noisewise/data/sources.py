"""`load`: a data set by its name, from a file or folder, or from the hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from noisewise.bounds import check, whole
from noisewise.data.catalogue import SOURCES
from noisewise.data.dataset import Dataset
from noisewise.data.named.finder import Finder
from noisewise.data.readers import folders, idx, label_file, npz, tables
from noisewise.errors import BadInput, nearest

HUB = "hf:"
READERS: dict[str, Callable[[Path, str | None], Dataset]] = {
    ".npz": npz.read_npz,
    ".npy": label_file.read_labels,
}
TABLES = (".csv", ".tsv", ".jsonl", ".txt", ".parquet")


def load(
    source: str | Path | Dataset,
    *,
    labels: str | None = None,
    text: str | None = None,
    size: int | tuple[int, int] | None = None,
    data_dir: str | Path | None = None,
    download: bool = True,
) -> Dataset:
    """Load a data set.

    Example:
        `load("fashion-mnist")`, `load("table.csv", labels="species")`, `load("hf:owner/name")`

    Args:
        source: a name of `SOURCES`; a path: a folder of images per class (perhaps in `train` and `test`), a folder of
            idx files or one idx file of images, an `.npz` file, an `.npy` file of class numbers alone, a table (`.csv`,
            `.tsv`, `.jsonl`, `.parquet`, or `.txt` with lines `__label__NAME TEXT`); "hf:NAME"; or a Dataset, which is
            returned as it is, or at another size.
        labels: the column of the labels of a table, or the key of the labels in an archive.
        text: the column of a table whose texts are the inputs.
        size: pixels to which images in files are brought for networks, N for N x N or (H, W): resized with their aspect
            kept, and their middle cut out. None is their own size, at most 64 on the shorter side. Embeddings
            read the files at their own size.
        data_dir: a folder to search first for named sources.
        download: whether a named source that is not found may be downloaded to the cache.

    Raises:
        BadInput: the source does not exist or cannot be used.
    """
    if isinstance(source, Dataset):
        return source if size is None else _resized(source, size, source.name)
    if size is not None:
        return _sized(Path(source).expanduser(), size, labels, text)
    if isinstance(source, str) and source in SOURCES:
        _no_labels(source, labels, text)
        return SOURCES[source](Finder.standard(data_dir, download))
    if isinstance(source, str) and source.startswith(HUB):
        from noisewise.data.readers.hub import read_hub

        return read_hub(source.removeprefix(HUB), labels, text)
    return _read(Path(source).expanduser(), labels, text)


def _sized(path: Path, size: int | tuple[int, int], labels: str | None, text: str | None) -> Dataset:
    if path.is_dir() and not any(idx.is_idx(entry) for entry in path.iterdir()):
        _check_size(size)
        _no_labels(path, labels, text)
        return folders.read_folder(path, size)
    return _resized(_read(path, labels, text) if path.is_file() else None, size, str(path))


def _resized(data: Dataset | None, size: int | tuple[int, int], name: str) -> Dataset:
    _check_size(size)
    if data is None or folders.image_files(data.inputs) is None:
        raise BadInput(f"size={size!r} is for images in files, such as a folder of images per class, not for {name}")
    return folders.at_size(data, size)


def _check_size(size: int | tuple[int, int]) -> None:
    for length in size if isinstance(size, (tuple, list)) and len(size) == 2 else (size,):
        check(None, "size", length, whole(1))


def _read(path: Path, labels: str | None, text: str | None) -> Dataset:
    if path.suffix.lower() in TABLES and path.is_file():
        return tables.read_table(path, labels, text)
    _no_text(path, text)
    if path.suffix in READERS and path.is_file():
        return READERS[path.suffix](path, labels)
    if path.is_dir():
        _no_labels(path, labels)
        return (
            idx.read_folder(path) if any(idx.is_idx(entry) for entry in path.iterdir()) else folders.read_folder(path)
        )
    if idx.is_idx(path):
        _no_labels(path, labels)
        return idx.read_pair(path)
    if path.is_file():
        kinds = f"a folder of images per class, idx files, .npz, .npy, {', '.join(TABLES)}"
        raise BadInput(f"cannot read {path}: expected {kinds}")
    hint = nearest(str(path), SOURCES) or f"; names: {', '.join(SOURCES)}"
    raise BadInput(f"there is no source and no file {str(path)!r}{hint}")


def _no_text(source: str | Path, text: str | None) -> None:
    if text is not None:
        raise BadInput(f"text={text!r} is for tables, and {source} is not a table")


def _no_labels(source: str | Path, labels: str | None, text: str | None = None) -> None:
    _no_text(source, text)
    if labels is not None:
        raise BadInput(f"labels={labels!r} is for tables and archives, and {source} has its own labels")
