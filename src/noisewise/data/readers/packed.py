"""Reader of packed JPEG images: one shared header, followed by the scan bytes of all images.

Image i of a split is the JPEG file `header + bytes[offsets[i]:offsets[i+1]] + ff d9`. The arrays are `header`, and
`{split}_bytes`, `{split}_offsets` and `y_{split}` for the splits train and test.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from noisewise.data.dataset import Dataset
from noisewise.data.readers.arrays import from_arrays
from noisewise.errors import BadInput

END = b"\xff\xd9"
KEYS = frozenset({"header", "train_bytes", "train_offsets", "y_train"})


def from_packed(path: Path, archive: Mapping[str, Any]) -> Dataset:
    """Read an archive of packed images, all of one size.

    Raises:
        BadInput: an image is damaged, or the arrays do not match.
    """
    return from_arrays(
        str(path), path.name, unpack(path, archive), {"step": "load", "source": path.name, "format": "JPEG"}
    )


def unpack(path: Path, archive: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The decoded arrays by role: `inputs` (n, H, W, C) uint8, `given` (n,), and those of the test split if present.

    Raises:
        BadInput: an image is damaged.
    """
    arrays = {"inputs": _decode(path, archive, "train"), "given": np.asarray(archive["y_train"])}
    if "test_bytes" in archive:
        arrays |= {"test_inputs": _decode(path, archive, "test"), "test_given": np.asarray(archive["y_test"])}
    return arrays


def _decode(path: Path, archive: Mapping[str, Any], split: str) -> np.ndarray:
    header, scans = archive["header"].tobytes(), archive[f"{split}_bytes"].tobytes()
    offsets = archive[f"{split}_offsets"].astype(np.int64)
    images: np.ndarray | None = None
    for i, (start, end) in enumerate(itertools.pairwise(offsets)):
        image = _image(path, f"{split} image {i}", header + scans[start:end] + END)
        if images is None:
            images = np.empty((len(offsets) - 1, *image.shape), dtype=np.uint8)
        if image.shape != images.shape[1:]:
            raise BadInput(f"{split} image {i} of {path} has shape {image.shape}, but the first has {images.shape[1:]}")
        images[i] = image
    if images is None:
        raise BadInput(f"{path} has no {split} images")
    return images


def _image(path: Path, name: str, content: bytes) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.atleast_3d(np.asarray(image))
    except (OSError, SyntaxError, ValueError) as error:
        raise BadInput(f"{name} of {path} is damaged: {error}") from error
