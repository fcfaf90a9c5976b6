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


def gain_over(issues: pd.DataFrame, base: str) -> np.ndarray:
    """(n,) the expected gain of reviewing each row of an issues table, in correct labels.

    Args:
        issues: with `suspicion` and `is_issue`, and with `expected_gain` unless an older version wrote it, which
            relabelled all issues.
        base: the labels of rows that nobody reviews. Over "given" ones the gain is the suspicion, over "cleaned" ones
            the probability that the label in `cleaned` is wrong.

    Raises:
        BadInput: an unknown base.
    """
    suspicion = issues["suspicion"].to_numpy(float)
    if check_base(base) == "given":
        return suspicion
    if "expected_gain" in issues:
        return issues["expected_gain"].to_numpy(float)
    return np.where(issues["is_issue"].to_numpy(bool), 1 - suspicion, suspicion)


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
