"""A digest of what a data set holds, by which a resumed training knows that its data are the same."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numpy as np

from noisewise.data.dataset import Dataset, Inputs, Selection
from noisewise.data.images.files import image_files
from noisewise.data.texts import Texts


def content(data: Dataset) -> str:
    """A digest of inputs, given labels, index and shape of all splits; of images in files, of names, sizes and times.

    The truth does not count: no training depends on it.
    """
    found = hashlib.blake2b(digest_size=16)
    for name, part in {"": data, **data.parts}.items():
        found.update(repr((name, part.kind, part.shape, part.classes)).encode("utf-8", "backslashreplace"))
        for array in (part.given, part.index, _held(part.inputs)):
            found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def _held(inputs: Inputs) -> Any:
    """(n, ...) something that changes whenever the inputs do."""
    files = image_files(inputs)
    if files is not None:
        return np.array([hashlib.blake2b(_state(file), digest_size=16).digest() for file in files])
    base, rows = (inputs.base, inputs.positions) if isinstance(inputs, Selection) else (inputs, slice(None))
    if isinstance(base, Texts):
        words = (text.encode("utf-8", "backslashreplace") for text in base.texts[rows])
        return np.array([hashlib.blake2b(text, digest_size=16).digest() for text in words])
    return inputs[:]


def _state(file: str) -> bytes:
    name = os.fsencode(os.path.basename(file))  # a folder may move
    try:
        stat = os.stat(file)
    except OSError:  # reading the image will say why
        return name
    return name + f" {stat.st_size} {stat.st_mtime_ns}".encode()
