"""Rows whose inputs are known not to belong to any of the classes."""

from __future__ import annotations

import numpy as np

from noisewise.data.dataset import Dataset


def open_rows(data: Dataset) -> np.ndarray:
    """(n,) bool: the rows whose inputs `openset` replaced, from the records in the provenance.

    No label is correct for these rows. The truth cannot express this and holds the label of the replaced input.
    """
    records = [record["open_rows"] for record in data.provenance if "open_rows" in record]
    return np.isin(data.index, [row for rows in records for row in rows])
