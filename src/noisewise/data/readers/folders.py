"""Reader of a folder of images per class; small data sets are loaded into memory, large ones are read lazily."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from noisewise.data.dataset import Dataset, Inputs, Selection
from noisewise.data.readers.pictures import Head, read_head, read_image, read_whole
from noisewise.data.reading import DEFAULT, Reading
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
        stated: whether someone asked for this shape, so that no model's preferred size replaces it.
        kept: whether all images are read on first access, and their pixels at the shape kept in memory.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        files: Sequence[str],
        shape: tuple[int, int, int],
        own: tuple[int, int] | None = None,
        *,
        stated: bool = False,
        kept: bool = False,
    ) -> None:
        self.files = list(files)
        self.shape = (len(self.files), *shape)
        self.own = own or shape[:2]
        self.stated, self.kept = stated, kept
        self._every = np.arange(len(self.files))
        self._pixels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, positions: Any, /) -> np.ndarray:
        if not self.kept:
            return self._read(self._every[positions])
        if self._pixels is None:
            self._pixels = self._read(self._every)
        return self._pixels[positions]

    def at(self, size: tuple[int, int], *, stated: bool) -> ImageFiles:
        """The same files at another size (H, W); kept in memory if they are small enough."""
        shape = (*size, self.shape[3])
        kept = len(self) * int(np.prod(shape)) <= RESIDENT
        return ImageFiles(self.files, shape, self.own, stated=stated, kept=kept)

    def _read(self, chosen: np.ndarray) -> np.ndarray:
        if chosen.ndim == 0:
            return self._open(chosen)
        images = np.empty((len(chosen), *self.shape[1:]), dtype=np.uint8)
        with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
            for place, image in enumerate(pool.map(self._open, chosen)):
                images[place] = image
        return images

    def _open(self, position: Any) -> np.ndarray:
        _, height, width, channels = self.shape
        return read_image(self.files[position], (height, width, channels))


def image_files(inputs: Inputs) -> list[str] | None:
    """The files of inputs that are `ImageFiles` or a selection of them, in order; None of other inputs."""
    if isinstance(inputs, ImageFiles):
        return inputs.files
    if isinstance(inputs, Selection) and isinstance(inputs.base, ImageFiles):
        return [inputs.base.files[i] for i in inputs.positions]
    return None


def at_size(data: Dataset, size: int | tuple[int, int], *, stated: bool = True) -> Dataset:
    """Images that are read from files, in all splits, at another size.

    Args:
        data: the data set; inputs that are not read from files stay as they are.
        size: N for N x N pixels, or (H, W).
        stated: whether someone asked for the size; otherwise a size that someone asked for earlier stays.
    """
    height, width = (size, size) if isinstance(size, int) else size
    parts: dict[str, Any] = {name: at_size(part, size, stated=stated) for name, part in data.parts.items()}
    inputs = data.inputs
    base = inputs.base if isinstance(inputs, Selection) else inputs
    if not isinstance(base, ImageFiles) or (base.stated and not stated):
        return replace(data, **parts)
    other: Inputs = base.at((height, width), stated=stated)
    if isinstance(inputs, Selection):
        other = Selection(other, inputs.positions)
    record = {"step": "size", "size": [height, width, base.shape[3]]}
    return replace(data, inputs=other, provenance=(*data.provenance, record), **parts)


def image_of(inputs: Inputs, position: int, edge: int) -> Image.Image:
    """One image as people see it: a file that networks get at another size as a whole, up to `edge` pixels.

    Args:
        inputs: (n, H, W, C) uint8 images with C = 1, 3 or 4; no other row is read.
        position: of the row.
        edge: longest edge of an image from such a file, in pixels.
    """
    if own_size(inputs) != inputs.shape[1:3] and (files := image_files(inputs)) is not None:
        return read_whole(files[position], edge)
    pixels = np.ascontiguousarray(inputs[np.array([position])][0], dtype=np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] in (1, 2) else pixels[..., :4])


def own_size(inputs: Inputs) -> tuple[int, int]:
    """(H, W) of images before they were brought to one shape: the median of a sample of their files."""
    base = inputs.base if isinstance(inputs, Selection) else inputs
    return base.own if isinstance(base, ImageFiles) else (int(inputs.shape[1]), int(inputs.shape[2]))


def size_note(data: Dataset) -> str | None:
    """In words, at which size networks get images whose files have other sizes; None where they are as they were."""
    if data.kind != "image" or own_size(data.inputs) == data.shape[:2]:
        return None
    (height, width), (rows, columns) = own_size(data.inputs), data.shape[:2]
    return f"about {width} x {height} pixels; networks get {columns} x {rows} (--size N)"


def read_folder(folder: Path, reading: Reading = DEFAULT, resident: int = RESIDENT) -> Dataset:
    """Read a folder with one folder of images per class, or with such folders in `train` and, optionally, `test`.

    Images are grey if a sample of 64 files is, and colour otherwise. All are brought to one shape: resized with their
    aspect kept, and their middle cut out. If the sample has one size of at most 64 pixels on the shorter side, the
    shape is that size. Otherwise the shorter side is the median one, at most 64 pixels, and the shape is square unless
    the sample has one aspect. The files remain known: embeddings read them at their own size.

    Images of more than `resident` bytes in total are not loaded; their files are read on access.

    Args:
        folder: the folder. Names that start with a dot, and folders without images, are ignored.
        reading: `size` is N for N x N pixels, or (H, W); None is the default.
        resident: largest total size of images to load, in bytes.

    Raises:
        BadInput: there are no images or fewer than 2 classes, a test class is not in the training split, or an image
            is damaged.
    """
    folder = folder.absolute()  # the files are found from other working directories too, once they are saved
    root, held = _splits(folder)
    files, given, classes = _scan(root)
    if len(classes) < 2:
        raise BadInput(f"{root} has images of only the class {classes[0]!r}, but at least 2 classes are needed")
    shape, own = _shape(files, reading.size)
    record = {"step": "load", "source": folder.name, "format": "images", "size": list(shape), "own_size": list(own)}
    inputs = ImageFiles(files, shape, own, stated=reading.size is not None)
    data = replace(_part(folder, inputs, given, classes), provenance=(record,))
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
    base = train.inputs
    assert isinstance(base, ImageFiles)
    inputs = ImageFiles(files, (height, width, channels), base.own, stated=base.stated)
    return _part(folder, inputs, numbers, train.classes)


def _load(data: Dataset) -> Dataset:
    base = data.inputs
    assert isinstance(base, ImageFiles)
    test = None if data.test is None else _load(data.test)
    if base.own == data.shape[:2]:  # an array loses nothing; of images that are cut the files must remain known
        return replace(data, inputs=base[:], test=test)
    return replace(data, inputs=base.at(base.shape[1:3], stated=base.stated), test=test)


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
