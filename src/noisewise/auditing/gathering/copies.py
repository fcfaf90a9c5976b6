"""Which rows are copies of each other, so that cross-fitting can hold them out together."""

from __future__ import annotations

import numpy as np

from noisewise.auditing.rows.equal import equal_rows
from noisewise.data.dataset import Dataset

COARSE = 0.5  # share of distinct rows below which equal rows are not copies


def copies(data: Dataset) -> np.ndarray | None:
    """Groups of rows with equal bytes, as `folds` takes them.

    In a table or in vectors where fewer than half of the rows are distinct, equal rows are not copies: a few coarse
    columns make them equal by chance. Such rows are the evidence on each other's labels, and without it a model can
    only guess. On 2,200 rows of which 16 are distinct, with 15 % wrong labels and the parity of the columns as true
    class, a forest finds exactly the wrong labels when equal rows are spread over the folds; otherwise it takes 82 % of
    the labels for wrong.

    Returns:
        (n,) equal numbers for copies; None where equal rows are not copies.
    """
    first = equal_rows(data)
    if data.kind in ("table", "vector") and len(np.unique(first)) < COARSE * len(first):
        return None
    return first
