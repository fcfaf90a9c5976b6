"""The front of the review queue, from which every export starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.auditing.review.folder import original_data, positions, read_issues
from noisewise.auditing.review.queue import gain_over, review_queue
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput


@dataclass(frozen=True, eq=False)
class Queue:
    """The rows to review, best first.

    Attributes:
        data: the audited data set, n rows, with its given labels.
        rows: (m lines) `index`, `given`, `suggested` (class names), `suspicion`, `is_issue`; `gain`, the correct labels
            that a review of the row is expected to add; and `unsure`, the estimated probability that the suggestion is
            wrong.
        positions: (m,) positions of these rows in the data.
    """

    data: Dataset
    rows: pd.DataFrame
    positions: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries by column."""
        return [{str(name): value for name, value in row.items()} for row in self.rows.to_dict("records")]


def read_queue(folder: str | Path, base: str, limit: int) -> Queue:
    """The first `limit` rows of the review queue of the folder that an audit wrote.

    Args:
        folder: of the audit.
        base: "given" or "cleaned"; see `noisewise.auditing.review.queue.gain_over`.
        limit: the most rows.

    Raises:
        BadInput: the folder was not written by an audit, the base is unknown, or `limit` is not positive.
    """
    if limit < 1:
        raise BadInput(f"limit={limit} must be at least 1")
    front = review_queue(read_issues(folder), base).head(limit)
    front = front.assign(gain=gain_over(front, base), unsure=gain_over(front, "cleaned"))
    data = original_data(folder)
    return Queue(data, front, positions(front["index"], data.index, "the data set"))
