"""The review queue: which row to review next, and the gain of every hundred reviewed rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from noisewise.errors import BadInput, nearest

BASES = ("given", "cleaned")
BLOCK = 100


def check_base(base: str) -> str:
    """Check which labels a review starts from: "given", as in the data, or "cleaned", as changed by the audit.

    Raises:
        BadInput: any other base.
    """
    if base not in BASES:
        raise BadInput(f"base={base!r} must be one of {', '.join(BASES)}{nearest(base, BASES)}")
    return base


def expected_gain(suspicion: np.ndarray, is_issue: np.ndarray) -> np.ndarray:
    """The number of correct labels that a review of each row is expected to add to the cleaned data.

    A reviewer who is always right corrects a label if it is wrong, so the gain is the probability that the label in
    `cleaned` is wrong. A row that is not an issue keeps its given label, which is wrong with probability s, its
    suspicion. An issue has its suggestion, which is wrong with probability 1 - s if the suggestion is right whenever
    the given label is wrong: exact for two classes, a lower bound for more.

    Args:
        suspicion: (n,) in [0, 1], the probability that the given label is wrong.
        is_issue: (n,) bool.

    Returns:
        (n,) in [0, 1], largest near the threshold.
    """
    return np.where(is_issue, 1 - suspicion, suspicion)


def gain_over(issues: pd.DataFrame, base: str) -> np.ndarray:
    """(n,) the expected gain of reviewing each row of an issues table, in correct labels.

    Args:
        issues: with `suspicion` and `is_issue`.
        base: the labels of rows that nobody reviews. Over "given" ones the gain is the suspicion, over "cleaned" ones
            it is `expected_gain`.

    Raises:
        BadInput: an unknown base.
    """
    suspicion = issues["suspicion"].to_numpy(float)
    if check_base(base) == "given":
        return suspicion
    return expected_gain(suspicion, issues["is_issue"].to_numpy(bool))


def review_queue(issues: pd.DataFrame, base: str = "given") -> pd.DataFrame:
    """The issues table in the best order for a review: largest expected gain first.

    Equal gains are ordered by suspicion, then by index.

    Args:
        issues: `Findings.issues`, or the table read from `issues.parquet`.
        base: the labels of rows that nobody reviews; see `gain_over`.

    Raises:
        BadInput: an unknown base.
    """
    gain = np.round(gain_over(issues, base), 6)
    order = np.lexsort((issues["index"].to_numpy(), -issues["suspicion"].to_numpy(float), -gain))
    return issues.iloc[order].reset_index(drop=True)


def per_hundred(counted: np.ndarray) -> list[int]:
    """Sums of (m,) whole numbers over blocks of 100, in order; the last block may be shorter."""
    return [int(counted[start : start + BLOCK].sum()) for start in range(0, len(counted), BLOCK)]


def simulated_gain(wrong: np.ndarray) -> dict[str, list[Any]]:
    """The gain of a reviewer who is always right, over a whole queue.

    Args:
        wrong: (n,) bool, whether each row's label is wrong before the review, in the order of the queue.

    Returns:
        `queue`: corrected labels per 100 rows reviewed in this order; `random`: their expected number in random order.
    """
    rate = float(wrong.mean()) if len(wrong) else 0.0
    sizes = np.ones(len(wrong), dtype=np.int64)
    return {"queue": per_hundred(wrong.astype(np.int64)), "random": [rate * size for size in per_hundred(sizes)]}
