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

from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
RESIDENT = 1 << 30  # 1 GiB of decoded images
_GREY = ("1", "L", "LA")
_DEEP = ("I", "F")
_BROKEN = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
_SAMPLE = 64
_THREADS = 8


class ImageFiles:
    """Lazy inputs of a Dataset: image files that are read on access.

    Args:
        files: n paths.
        shape: (H, W, C) to which every image is converted; C is 1 (grey) or 3 (colour).
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, files: Sequence[str], shape: tuple[int, int, int]) -> None:
        self.files = list(files)
        self.shape = (len(self.files), *shape)
        self._every = np.arange(len(self.files))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, positions: Any, /) -> np.ndarray:
        chosen = self._every[positions]
        if chosen.ndim == 0:
            return self._open(chosen)
        images = np.empty((len(chosen), *self.shape[1:]), dtype=np.uint8)
        with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
            for place, image in enumerate(pool.map(self._open, chosen)):
                images[place] = image
        return images

    def _open(self, position: int) -> np.ndarray:
        _, height, width, channels = self.shape
        return read_image(self.files[position], (height, width, channels))


def read_image(file: str, shape: tuple[int, int, int]) -> np.ndarray:
    """Read one image as (H, W, C) uint8, converted to grey or colour and resized bilinearly if needed.

    Raises:
        BadInput: the file is not an image, is damaged or truncated, or has more than 8 bits per channel.
    """
    height, width, channels = shape
    try:
        with Image.open(file) as image:
            _check_depth(file, image)
            image.load()
            pixels = image.convert("RGB" if channels == 3 else "L")
    except BadInput:
        raise
    except _BROKEN as error:
        raise BadInput(f"cannot read the image {file}: {error}") from error
    if pixels.size != (width, height):
        pixels = pixels.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(pixels).reshape(height, width, channels)


def read_folder(folder: Path, size: tuple[int, int] | None = None, resident: int = RESIDENT) -> Dataset:
    """Read a folder with one folder of images per class, or with such folders in `train` and, optionally, `test`.

    Images are grey if a sample of 64 files is, and colour otherwise. Images of more than `resident` bytes in total are
    not loaded; their files are read on access.

    Args:
        folder: the folder. Names that start with a dot, and folders without images, are ignored.
        size: (H, W) to which images are resized; by default the size of the first image.
        resident: largest total size of images to load, in bytes.

    Raises:
        BadInput: there are no images or fewer than 2 classes, a test class is not in the training split, or an image
            is damaged.
    """
    root, held = _splits(folder)
    files, given, classes = _scan(root)
    if len(classes) < 2:
        raise BadInput(f"{root} has images of only the class {classes[0]!r}, but at least 2 classes are needed")
    shape = _shape(files, size)
    record = {"step": "load", "source": folder.name, "format": "images", "size": list(shape)}
    data = replace(_part(folder, files, given, classes, shape), provenance=(record,))
    if held is not None:
        data = replace(data, test=_test(folder, held, classes, shape))
    rows = len(data) + (len(data.test) if data.test is not None else 0)
    return data if rows * int(np.prod(shape)) > resident else _load(data)


def _part(
    folder: Path, files: Sequence[str], given: np.ndarray, classes: tuple[str, ...], shape: tuple[int, int, int]
) -> Dataset:
    described = pd.DataFrame({"file": [os.path.relpath(file, folder) for file in files]})
    return Dataset(ImageFiles(files, shape), given, classes, "image", name=folder.name, described=described)


def _test(folder: Path, root: Path, classes: tuple[str, ...], shape: tuple[int, int, int]) -> Dataset:
    files, given, names = _scan(root)
    unknown = [name for name in names if name not in classes]
    if unknown:
        raise BadInput(f"{root} has the class {unknown[0]!r}, which the training split does not have")
    return _part(folder, files, np.array([classes.index(name) for name in names])[given], classes, shape)


def _load(data: Dataset) -> Dataset:
    test = None if data.test is None else _load(data.test)
    return replace(data, inputs=data.inputs[:], test=test)


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


def _shape(files: Sequence[str], size: tuple[int, int] | None) -> tuple[int, int, int]:
    sample = [files[i] for i in np.unique(np.linspace(0, len(files) - 1, _SAMPLE).astype(int))]
    heads = [_head(file) for file in sample]
    height, width = size or heads[0][0]
    return height, width, 1 if all(mode in _GREY for _, mode in heads) else 3


def _head(file: str) -> tuple[tuple[int, int], str]:
    try:
        with Image.open(file) as image:
            _check_depth(file, image)
            return (image.height, image.width), image.mode
    except BadInput:
        raise
    except _BROKEN as error:
        raise BadInput(f"cannot read the image {file}: {error}") from error


def _check_depth(file: str, image: Image.Image) -> None:
    if image.mode.startswith(_DEEP):
        raise BadInput(f"the image {file} has more than 8 bits per channel (mode {image.mode}): convert it to 8 bits")
