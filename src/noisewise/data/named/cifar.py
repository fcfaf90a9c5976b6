"""The named sources CIFAR-10 and CIFAR-100 (Krizhevsky 2009), in the layouts they are found in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.data.named.finder import Finder, Remote
from noisewise.data.named.mnist import check_published
from noisewise.data.named.pickles import read_pickles
from noisewise.data.readers import npz, packed
from noisewise.data.readers.arrays import from_arrays

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ROWS, SHAPE = (50_000, 10_000), (32, 32, 3)
BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
JPEG = "JPEG of about quality 75, not the lossless original"

Arrays = dict[str, np.ndarray]

CIFAR10_FILE = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "c58f30108f718f92721af3b95e74349a",
    "cifar-10-python.tar.gz",
)
CIFAR100_FILE = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    "eb9058c3a382ffc7106e4002c42a8d85",
    "cifar-100-python.tar.gz",
)


def cifar10(finder: Finder) -> Dataset:
    """Photographs of 10 kinds of animals and vehicles, 32 x 32 colour: 50,000 + 10,000 images (Krizhevsky 2009)."""
    places = ("cifar10.npz", "cifar-10-batches-py/data_batch_1", CIFAR10_FILE.place, "cifar10_jpeg.npz")
    path = finder.need("cifar10", places, (CIFAR10_FILE,))
    if path.name == "cifar10.npz":
        data = npz.read_npz(path)
    elif path.suffix == ".npz":
        arrays = finder.decoded(path, lambda: packed.unpack(path, npz.Archive(path)))
        data = _dataset(path, arrays, JPEG)
    else:
        data = _dataset(path, _read_pickled(finder, path, _cifar10), "python")
    return check_published(data, "cifar10", CIFAR10, ROWS, SHAPE)


def cifar100(finder: Finder) -> Dataset:
    """Photographs of 100 kinds of things, 32 x 32 colour: 50,000 + 10,000 images, fine labels (Krizhevsky 2009)."""
    path = finder.need("cifar100", ("cifar-100-python/train", CIFAR100_FILE.place), (CIFAR100_FILE,))
    data = _dataset(path, _read_pickled(finder, path, _cifar100), "python")
    return check_published(data, "cifar100", data.classes, ROWS, SHAPE)


def _read_pickled(finder: Finder, path: Path, read: Any) -> Arrays:
    if path.suffix == ".gz":
        return finder.decoded(path, lambda: read(path))
    return read(path.parent)


def _dataset(path: Path, arrays: Arrays, layout: str) -> Dataset:
    return from_arrays(str(path), path.name, arrays, {"step": "load", "source": path.name, "format": layout})


def _cifar10(path: Path) -> Arrays:
    files = read_pickles(path, (*BATCHES, "test_batch"))
    train, test = [files[name] for name in BATCHES], files["test_batch"]
    return {
        "inputs": np.concatenate([_images(batch) for batch in train]),
        "given": np.concatenate([np.asarray(batch[b"labels"]) for batch in train]),
        "test_inputs": _images(test),
        "test_given": np.asarray(test[b"labels"]),
    }


def _cifar100(path: Path) -> Arrays:
    files = read_pickles(path, ("train", "test", "meta"))
    return {
        "inputs": _images(files["train"]),
        "given": np.asarray(files["train"][b"fine_labels"]),
        "test_inputs": _images(files["test"]),
        "test_given": np.asarray(files["test"][b"fine_labels"]),
        "classes": np.array([name.decode() for name in files["meta"][b"fine_label_names"]]),
    }


def _images(batch: dict[bytes, Any]) -> np.ndarray:
    planes = np.asarray(batch[b"data"]).reshape(-1, SHAPE[2], *SHAPE[:2])
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
