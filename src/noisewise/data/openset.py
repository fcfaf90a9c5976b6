"""Rows whose inputs belong to none of the classes, where that is known."""

from __future__ import annotations

import numpy as np

from noisewise.data.dataset import Dataset


def open_rows(data: Dataset) -> np.ndarray:
    """(n,) bool: the rows whose inputs `openset` replaced, by the records in the provenance.

    No label is correct for them. The truth has no word for that, so it holds the label of the input that was replaced.
    """
    records = [record["open_rows"] for record in data.provenance if "open_rows" in record]
    return np.isin(data.index, [row for rows in records for row in rows])
