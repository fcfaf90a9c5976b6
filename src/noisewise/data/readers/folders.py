"""Reader of a folder of images per class; small data sets are loaded into memory, large ones are read lazily."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.data.dataset import Dataset, Inputs, Selection
from noisewise.data.readers.pictures import Head, read_head, read_image
from noisewise.errors import BadInput

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
RESIDENT = 1 << 30  # 1 GiB of decoded images
LARGEST = 64  # pixels of the shorter side to which networks from scratch get larger images by default
_ONE_ASPECT = 1.02  # ratio of aspects up to which they count as equal
_SAMPLE = 64
_THREADS = 8


class ImageFiles:
    """Inputs of a Dataset: image files that are read on access, resized and cut to one shape.

    Args:
        files: n paths.
        shape: (H, W, C) to which every image is brought; C is 1 (grey) or 3 (colour).
        own: (H, W) of the files themselves, the median of a sample; by default that of the shape.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, files: Sequence[str], shape: tuple[int, int, int], own: tuple[int, int] | None = None) -> None:
        self.files = list(files)
        self.shape = (len(self.files), *shape)
        self.own = own or shape[:2]
        self._every = np.arange(len(self.files))
        self._held: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, positions: Any, /) -> np.ndarray:
        if self._held is not None:
            return self._held[positions]
        chosen = self._every[positions]
        if chosen.ndim == 0:
            return self._open(chosen)
        images = np.empty((len(chosen), *self.shape[1:]), dtype=np.uint8)
        with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
            for place, image in enumerate(pool.map(self._open, chosen)):
                images[place] = image
        return images

    def held(self) -> ImageFiles:
        """The same files, of which the pixels at the shape are kept in memory."""
        found = copy.copy(self)
        found._held = self[:]
        return found

    def _open(self, position: int) -> np.ndarray:
        _, height, width, channels = self.shape
        return read_image(self.files[position], (height, width, channels))


def image_files(inputs: Inputs) -> list[str] | None:
    """The files of inputs that are `ImageFiles` or a selection of them, in order; None of other inputs."""
    if isinstance(inputs, ImageFiles):
        return inputs.files
    if isinstance(inputs, Selection) and isinstance(inputs.base, ImageFiles):
        return [inputs.base.files[i] for i in inputs.positions]
    return None


def own_size(inputs: Inputs) -> tuple[int, int]:
    """(H, W) of images before they were brought to one shape: the median of a sample of their files."""
    base = inputs.base if isinstance(inputs, Selection) else inputs
    return base.own if isinstance(base, ImageFiles) else (int(inputs.shape[1]), int(inputs.shape[2]))


def read_folder(folder: Path, size: int | tuple[int, int] | None = None, resident: int = RESIDENT) -> Dataset:
    """Read a folder with one folder of images per class, or with such folders in `train` and, optionally, `test`.

    Images are grey if a sample of 64 files is, and colour otherwise. All are brought to one shape: resized with their
    aspect kept, and their middle cut out. If the sample has one size of at most 64 pixels on the shorter side, the
    shape is that size. Otherwise the shorter side is the median one, at most 64 pixels, and the shape is square unless
    the sample has one aspect. The files remain known: embeddings read them at their own size.

    Images of more than `resident` bytes in total are not loaded; their files are read on access.

    Args:
        folder: the folder. Names that start with a dot, and folders without images, are ignored.
        size: N for N x N pixels, or (H, W); None for the default.
        resident: largest total size of images to load, in bytes.

    Raises:
        BadInput: there are no images or fewer than 2 classes, a test class is not in the training split, or an image
            is damaged.
    """
    root, held = _splits(folder)
    files, given, classes = _scan(root)
    if len(classes) < 2:
        raise BadInput(f"{root} has images of only the class {classes[0]!r}, but at least 2 classes are needed")
    shape, own = _shape(files, size)
    record = {"step": "load", "source": folder.name, "format": "images", "size": list(shape), "own_size": list(own)}
    data = replace(_part(folder, ImageFiles(files, shape, own), given, classes), provenance=(record,))
    if held is not None:
        data = replace(data, test=_test(folder, held, data))
    rows = len(data) + (len(data.test) if data.test is not None else 0)
    return data if rows * int(np.prod(shape)) > resident else _load(data)


def _part(folder: Path, inputs: ImageFiles, given: np.ndarray, classes: tuple[str, ...]) -> Dataset:
    described = pd.DataFrame({"file": [os.path.relpath(file, folder) for file in inputs.files]})
    return Dataset(inputs, given, classes, "image", name=folder.name, described=described)


def _test(folder: Path, root: Path, train: Dataset) -> Dataset:
    files, given, names = _scan(root)
    unknown = [name for name in names if name not in train.classes]
    if unknown:
        raise BadInput(f"{root} has the class {unknown[0]!r}, which the training split does not have")
    numbers = np.array([train.classes.index(name) for name in names])[given]
    height, width, channels = train.shape
    inputs = ImageFiles(files, (height, width, channels), own_size(train.inputs))
    return _part(folder, inputs, numbers, train.classes)


def _load(data: Dataset) -> Dataset:
    assert isinstance(data.inputs, ImageFiles)
    # images that kept their size lose nothing as an array; of others the files remain known
    exact = data.inputs.own == data.shape[:2]
    test = None if data.test is None else _load(data.test)
    return replace(data, inputs=data.inputs[:] if exact else data.inputs.held(), test=test)


def _splits(folder: Path) -> tuple[Path, Path | None]:
    train, test = folder / "train", folder / "test"
    if not any(entry.is_dir() for entry in (train.iterdir() if train.is_dir() else ())):
        return folder, None
    return train, test if test.is_dir() else None


def _scan(root: Path) -> tuple[list[str], np.ndarray, tuple[str, ...]]:
    found = {name: images for name in _folders(root) if (images := _images(root / name))}
    if not found:
        raise BadInput(f"{root} holds no folders with images: expected one folder of images per class")
    given = np.repeat(np.arange(len(found)), [len(images) for images in found.values()])
    return [file for images in found.values() for file in images], given, tuple(found)


def _folders(root: Path) -> list[str]:
    return sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))


def _images(folder: Path) -> list[str]:
    found = []
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [os.path.join(path, f) for f in files if f.lower().endswith(SUFFIXES) and not f.startswith(".")]
    return sorted(found)


def _shape(files: Sequence[str], size: int | tuple[int, int] | None) -> tuple[tuple[int, int, int], tuple[int, int]]:
    """The shape of all images, and the median size of the sample."""
    sample = [files[i] for i in np.unique(np.linspace(0, len(files) - 1, _SAMPLE).astype(int))]
    heads = [read_head(file) for file in sample]
    middle = np.median([head.size for head in heads], axis=0).astype(int)
    own = int(middle[0]), int(middle[1])
    if size is None:
        height, width = _default_size(heads)
    else:
        height, width = (size, size) if isinstance(size, int) else size
    return (height, width, 1 if all(head.grey for head in heads) else 3), own


def _default_size(heads: Sequence[Head]) -> tuple[int, int]:
    sizes = np.array([head.size for head in heads])
    if len(np.unique(sizes, axis=0)) == 1 and sizes.min() <= LARGEST:
        return int(sizes[0, 0]), int(sizes[0, 1])
    side = min(int(np.median(sizes.min(axis=1))), LARGEST)
    aspects = sizes[:, 1] / sizes[:, 0]
    if aspects.max() > _ONE_ASPECT * aspects.min():
        return side, side
    aspect = float(np.median(aspects))
    return (side, round(side * aspect)) if aspect >= 1 else (round(side / aspect), side)
