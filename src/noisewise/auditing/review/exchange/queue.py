"""The front of the review queue, from which every export starts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.auditing.review.certify.sample import read_sample
from noisewise.auditing.review.folder import original_data, positions, read_issues
from noisewise.auditing.review.queue import check_base, gain_over, review_queue
from noisewise.auditing.reviewed import reviewed_before
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput, nearest

PURPOSES = ("labels", "rate")


@dataclass(frozen=True, eq=False)
class Queue:
    """The rows to review, best first.

    Attributes:
        data: the audited data set, n rows, with its given labels.
        rows: (m lines) `index`, `given`, `suggested` (class names), `suspicion`, `is_issue`; `gain`, the correct labels
            that a review of the row is expected to add; and `unsure`, the estimated probability that the suggestion is
            wrong.
        positions: (m,) positions of these rows in the data.
        purpose: of the review, "labels" or "rate".
    """

    data: Dataset
    rows: pd.DataFrame
    positions: np.ndarray
    purpose: str = "labels"

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries by column."""
        return [{str(name): value for name, value in row.items()} for row in self.rows.to_dict("records")]


def read_queue(
    folder: str | Path,
    base: str,
    limit: int,
    purpose: str = "labels",
    first: Sequence[int] = (),
    done: Collection[int] = (),
) -> Queue:
    """The first `limit` rows to review from the folder that an audit wrote.

    Args:
        folder: of the audit.
        base: "given" or "cleaned"; see `noisewise.auditing.review.queue.gain_over`.
        limit: the most rows.
        purpose: "labels" takes the rows whose review gains most; "rate" takes the audit's random order, from which
            `decide` certifies the noise rate.
        first: the index of rows that come before all others.
        done: the index of rows that are left out, in addition to those that were reviewed before the audit.

    Raises:
        BadInput: the folder was not written by an audit, or an argument is not legal.
    """
    if limit < 1:
        raise BadInput(f"limit={limit} must be at least 1")
    if purpose not in PURPOSES:
        raise BadInput(f"purpose={purpose!r} must be one of {', '.join(PURPOSES)}{nearest(purpose, PURPOSES)}")
    data, issues = original_data(folder), read_issues(folder)
    check_base(base)
    known = reviewed_before(data)
    if purpose == "rate":
        order = read_sample(folder)["index"].to_numpy()
    else:
        order = review_queue(issues, base)["index"].to_numpy()
        order = order if known is None else order[~np.isin(order, data.index[known.rows])]
    order = order[~np.isin(order, [*done, *first])]
    order = np.append(np.asarray(first, dtype=order.dtype), order)[:limit]
    front = issues.set_index("index").loc[order].reset_index()
    front = front.assign(gain=gain_over(front, base), unsure=gain_over(front, "cleaned"))
    return Queue(data, front, positions(front["index"], data.index, "the data set"), purpose)
