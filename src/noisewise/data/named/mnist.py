"""The named sources of small images of digits and clothes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.data.named.finder import Finder, Remote
from noisewise.data.readers import idx, npz
from noisewise.errors import BadInput

DIGITS = tuple("0123456789")
CLOTHES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
ROWS = (60_000, 10_000)
_EVERY = 5


def digits(finder: Finder) -> Dataset:
    """Handwritten digits, 8 x 8 grey: 1,438 + 359 images that ship with scikit-learn.

    Every fifth row is in the test split. The values 0..16 are multiplied by 15 to cover 0..240.
    """
    from sklearn.datasets import load_digits

    content = load_digits()
    images = (content.images * 15).astype(np.uint8)[..., None]
    rows = np.arange(len(images))
    given = content.target.astype(np.int64)

    def part(chosen: np.ndarray, **more: Any) -> Dataset:
        return Dataset(images[chosen], given[chosen], DIGITS, "image", index=rows[chosen], name="digits", **more)

    held = rows % _EVERY == _EVERY - 1
    return part(~held, test=part(held), provenance=({"step": "load", "source": "digits"},))


def mnist(finder: Finder) -> Dataset:
    """Handwritten digits, 28 x 28 grey: 60,000 + 10,000 images (LeCun et al. 1998)."""
    path = finder.need("mnist", ("mnist.npz", *_places("mnist", "MNIST/raw")), MNIST_FILES)
    return check_published(_read(path), "mnist", DIGITS, ROWS, (28, 28, 1))


def fashion_mnist(finder: Finder) -> Dataset:
    """Clothes, 28 x 28 grey: 60,000 + 10,000 images (Xiao et al. 2017)."""
    places = ("fashion-mnist.npz", *_places("fashion-mnist", "FashionMNIST/raw"))
    path = finder.need("fashion-mnist", places, FASHION_FILES)
    return check_published(_read(path), "fashion-mnist", CLOTHES, ROWS, (28, 28, 1))


def check_published(
    data: Dataset, name: str, classes: Sequence[str], rows: tuple[int, int], shape: tuple[int, int, int]
) -> Dataset:
    """Check a data set against its published size, and give it its name and class names.

    Args:
        data: the data set as read from a file.
        name: name of the source.
        classes: K class names.
        rows: published numbers of training and test rows.
        shape: (H, W, C) of an image.

    Raises:
        BadInput: rows, classes or shape differ; the file is not the named data set.
    """
    found = (len(data), len(data.test) if data.test is not None else 0)
    if found != rows or data.shape != shape or len(data.classes) != len(classes):
        expected = f"{rows[0]} + {rows[1]} images {shape} of {len(classes)} classes"
        file = data.provenance[0]["source"]
        raise BadInput(
            f"{file} is not {name}: it has {found[0]} + {found[1]} {data.shape} of {len(data.classes)}, not {expected}"
        )
    assert data.test is not None
    test = replace(data.test, name=name, classes=tuple(classes))
    record = {**data.provenance[0], "source": name}
    return replace(data, name=name, classes=tuple(classes), test=test, provenance=(record,))


def _read(path: Path) -> Dataset:
    return npz.read_npz(path) if path.suffix == ".npz" else idx.read_folder(path.parent)


def _places(*folders: str) -> tuple[str, ...]:
    return tuple(f"{folder}/train-images-idx3-ubyte{ending}" for folder in folders for ending in (".gz", ""))


def _files(base: str, folder: str, checksums: dict[str, str]) -> tuple[Remote, ...]:
    return tuple(Remote(f"{base}/{name}", md5, f"{folder}/{name}") for name, md5 in checksums.items())


MNIST_FILES = _files(
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "mnist",
    {
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    },
)
FASHION_FILES = _files(
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    "fashion-mnist",
    {
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    },
)
