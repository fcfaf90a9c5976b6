"""Data sets: named sources, readers of common file formats, splits, and batches on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from noisewise.data.dataset import Dataset
from noisewise.data.save import save
from noisewise.data.sources import load
from noisewise.data.split import folds, split, subset

if TYPE_CHECKING:
    from noisewise.data.augment import Augment
    from noisewise.data.rows import Rows

__all__ = ["Augment", "Dataset", "Rows", "folds", "load", "save", "split", "subset"]


def __getattr__(name: str) -> Any:
    """Import what needs torch only when it is first used, which keeps reading and writing data fast."""
    if name == "Rows":
        from noisewise.data.rows import Rows

        return Rows
    if name == "Augment":
        from noisewise.data.augment import Augment

        return Augment
    raise AttributeError(f"module 'noisewise.data' has no attribute {name!r}")
