"""A data set that can be sent to another machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from noisewise.data.dataset import Dataset


def portable(data: Dataset) -> Dataset:
    """The same rows as arrays, in all splits: lazy inputs are read now."""
    parts: dict[str, Any] = {name: portable(part) for name, part in data.parts.items()}
    if isinstance(data.inputs, np.ndarray):
        return replace(data, **parts)
    return replace(data, inputs=np.asarray(data.inputs[np.arange(len(data))]), **parts)
