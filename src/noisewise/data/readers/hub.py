"""Reader of data sets on the hub, by the optional library `datasets`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from noisewise.data.dataset import Dataset
from noisewise.data.images.decode import fit_pixels
from noisewise.data.readers.arrays import from_arrays
from noisewise.data.readers.tables import from_frame, label_column
from noisewise.data.reading import DEFAULT, Reading
from noisewise.errors import BadInput


def read_hub(name: str, reading: Reading = DEFAULT) -> Dataset:
    """Read a data set of the hub: images with their labels, else the columns of a table.

    Reads the split `train` and, for images, the split `test`.

    Args:
        name: name on the hub, "owner/name".
        reading: how; `labels` is required unless exactly one column has a usual name.

    Raises:
        BadInput: the library is missing, or the data set does not exist or cannot be used.
    """
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise BadInput(f"reading 'hf:{name}' needs the extra hub: pip install noisewise[hub]") from error
    try:
        splits = datasets.load_dataset(name)
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot load 'hf:{name}': {error}") from error
    return from_splits(splits, f"hf:{name}", reading)


def from_splits(splits: Mapping[str, Any], name: str, reading: Reading) -> Dataset:
    """Make a data set of the splits of one of the library `datasets`.

    Raises:
        BadInput: there is no split "train", or the data cannot be used.
    """
    import datasets

    if "train" not in splits:
        raise BadInput(f"{name!r} has no split 'train', only {', '.join(splits)}")
    features = splits["train"].features
    pictures = [column for column, feature in features.items() if isinstance(feature, datasets.Image)]
    if pictures:
        reading.refuse(f"the images of {name}", but=("labels",))
        return _images(splits, pictures[0], name, reading.labels)
    return _table(splits["train"], name, reading)


def _table(split: Any, name: str, reading: Reading) -> Dataset:
    frame = split.to_pandas()
    column = label_column(frame, name, reading.labels)
    classes = getattr(split.features[column], "names", None)
    if classes:
        # -1 and null mean that a row has no label
        frame[column] = [None if pd.isna(label) or label < 0 else classes[int(label)] for label in frame[column]]
        reading = replace(reading, na=reading.na or ("",))
    return from_frame(frame, name, name, replace(reading, labels=column))


def _images(splits: Any, pictures: str, name: str, labels: str | None) -> Dataset:
    train = splits["train"]
    column = label_column(pd.DataFrame(columns=[c for c in train.features if c != pictures]), name, labels)
    size, mode = train[0][pictures].size, "L" if train[0][pictures].mode in ("1", "L") else "RGB"
    arrays = {"inputs": _stack(train[pictures], size, mode), "given": np.asarray(train[column])}
    if "test" in splits and column in splits["test"].features:
        arrays |= {"test_inputs": _stack(splits["test"][pictures], size, mode)}
        arrays |= {"test_given": np.asarray(splits["test"][column])}
    classes = getattr(train.features[column], "names", None)
    if classes:
        arrays["classes"] = np.asarray(classes)
    return from_arrays(name, name, arrays, {"step": "load", "source": name})


def _stack(images: Sequence[Image.Image], size: tuple[int, int], mode: str) -> np.ndarray:
    """The images as one array of the size (W, H): of others the aspect is kept and the middle cut out."""
    shape = (size[1], size[0], 1 if mode == "L" else 3)
    pixels = (np.asarray(image.convert(mode)).reshape(image.height, image.width, -1) for image in images)
    return np.stack([fit_pixels(one, shape, resample=Image.Resampling.BICUBIC) for one in pixels])
