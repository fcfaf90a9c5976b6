"""Reader for data sets of the hub, by the optional library `datasets`."""

from __future__ import annotations

from typing import Any

import numpy as np

from noisewise.data.arrays import from_arrays
from noisewise.data.dataset import Dataset
from noisewise.data.tables import from_frame, label_column
from noisewise.errors import BadInput


def read_hub(name: str, labels: str | None = None) -> Dataset:
    """The data set `name` of the hub: its `train` split, and its `test` split where the inputs are images.

    Args:
        name: as the hub calls it, "owner/name".
        labels: the column of the labels; needed unless exactly one has a usual name.

    Raises:
        BadInput: the library is missing, there is no such data set, or it cannot be used.
    """
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise BadInput(f"reading 'hf:{name}' needs the extra hub: pip install noisewise[hub]") from error
    try:
        found = datasets.load_dataset(name)
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot load 'hf:{name}': {error}") from error
    if "train" not in found:
        raise BadInput(f"'hf:{name}' has no split 'train', only {', '.join(found)}")
    return _images(found, name, labels) or _named(from_frame(found["train"].to_pandas(), name, name, labels), found)
