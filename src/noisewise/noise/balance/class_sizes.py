"""Selection of rows by class sizes, for corruptions of the class balance.

Sizes are relative to the largest class. The largest class is made as large as the rows of all classes allow. The
imbalance thus equals the requested one even if the data were not balanced; on balanced data the largest class keeps
all its rows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput

# Added before rounding down: a quotient that is a whole number may be computed slightly below it.
ROUNDING = 1e-9


def class_sizes(have: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(K,) rows to keep: floor(n_max share_k) with the largest whole n_max for which no class has too few.

    Args:
        have: (K,) rows of each class.
        shares: (K,) in (0, 1], the largest of them 1.
    """
    largest = np.floor((have / shares).min() + ROUNDING)
    return np.floor(largest * shares + ROUNDING).astype(np.int64)


def keep_shares(data: Dataset, shares: np.ndarray, rng: np.random.Generator, text: str) -> Dataset:
    """Return the data set with a random selection of its rows, which keep their order, index, labels and truth.

    The record holds `rows_before`, and `sizes`, the rows kept of each class. Classes are those of the given labels.

    Args:
        data: n rows.
        shares: (K,) sizes relative to that of the largest class.
        rng: source of randomness.
        text: the corruption as written in a spec, for the error message.

    Raises:
        BadInput: a class would be left without rows.
    """
    have = np.bincount(data.given, minlength=len(data.classes))
    sizes = class_sizes(have, shares)
    if sizes.min() < 1:
        scarce = int(np.argmin(have / shares))
        raise BadInput(
            f"{text} leaves class {data.classes[int(np.argmin(sizes))]!r} without rows, as {data.name!r} has only "
            f"{have[scarce]} of class {data.classes[scarce]!r}: use a smaller ratio"
        )
    order = np.lexsort((rng.random(len(data)), data.given))
    ranks = np.arange(len(data)) - (np.cumsum(have) - have)[data.given[order]]
    chosen = np.sort(order[ranks < sizes[data.given[order]]])
    record = {"step": "corrupt", "rows_before": len(data), "sizes": sizes.tolist()}
    return replace(data.take(chosen), provenance=(*data.provenance, record))
