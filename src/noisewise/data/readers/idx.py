"""Reader of idx files, the format of MNIST: a magic number, the sizes of the axes, the numbers; often gzipped."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.data.readers.arrays import from_arrays
from noisewise.doors import parsing, regular
from noisewise.errors import BadInput
from noisewise.memory import need

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
TEST = ("t10k", "test")
MOST_AXES = 4


def is_idx(path: Path) -> bool:
    """Whether the file has the name of an idx file, such as `train-images-idx3-ubyte.gz`."""
    return path.is_file() and ("-ubyte" in path.name or path.name.removesuffix(".gz").endswith(".idx"))


def read_idx(path: str | Path) -> np.ndarray:
    """The array in one idx file, gzipped or not, in native byte order.

    Raises:
        BadInput: the file cannot be read, is not an idx file, or its size does not match its header.
    """
    path = regular(path)
    with parsing(path), gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        shape, kind = _header(path, file)
        size = math.prod(shape) * kind.itemsize
        need(2 * size, str(path))  # as bytes and as numbers
        content = file.read(size + 1)
    if len(content) != size:
        held = f"{len(content):,}" if len(content) < size else "more"
        raise BadInput(f"{path} is damaged: it should have {size:,} bytes for shape {shape}, but has {held}")
    return np.frombuffer(content, dtype=kind).reshape(shape).astype(kind.newbyteorder("="))


def read_folder(folder: Path) -> Dataset:
    """Read a folder with idx files of images and of labels.

    Files whose name starts with `t10k` or `test` are the test split; the others are the training split.

    Raises:
        BadInput: there is not exactly one file of training images, or images have no labels.
    """
    images = sorted(path for path in folder.iterdir() if is_idx(path) and "images" in path.name)
    test = [path for path in images if path.name.startswith(TEST)]
    train = [path for path in images if path not in test]
    if len(train) != 1 or len(test) > 1:
        names = ", ".join(path.name for path in images) or "none"
        raise BadInput(
            f"{folder} must hold one idx file of training images and at most one of test images, not {names}"
        )
    return read_pair(train[0], test[0] if test else None)


def read_pair(images: Path, test: Path | None = None) -> Dataset:
    """Read an idx file of images and its file of labels, with an optional test split of the same form.

    Raises:
        BadInput: there is no file of labels, or it does not match the images.
    """
    arrays = {"inputs": read_idx(images), "given": read_idx(labels_of(images))}
    if test is not None:
        arrays |= {"test_inputs": read_idx(test), "test_given": read_idx(labels_of(test))}
    return from_arrays(str(images), images.name, arrays, {"step": "load", "source": images.name, "format": "idx"})


def labels_of(images: Path) -> Path:
    """The file of labels that belongs to a file of images: `images` replaced by `labels`, and 3 axes by 1.

    Raises:
        BadInput: the file does not exist.
    """
    stem = images.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1")
    candidates = [images.with_name(stem + ending) for ending in (".gz", "")]
    found = [path for path in candidates if path.is_file() and path != images]
    if not found:
        raise BadInput(f"{images} has no labels: expected a file {stem}.gz or {stem} in the same folder")
    return found[0]


def _header(path: Path, file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The shape, and the type of the numbers that follow."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES:
        raise BadInput(f"{path} is not an idx file: it does not start with an idx magic number")
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise BadInput(f"{path} is damaged: it ends within the sizes of its {magic[3]} axes")
    if not 1 <= magic[3] <= MOST_AXES:
        raise BadInput(f"{path} has {magic[3]} axes, but images and labels have 1 to {MOST_AXES}")
    return tuple(int(size) for size in np.frombuffer(sizes, dtype=">u4")), np.dtype(TYPES[magic[2]])
