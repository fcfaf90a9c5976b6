"""The review queue: which row a person should look at next, and what each hundred reviewed rows bring."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from noisewise.errors import BadInput, nearest

BASES = ("given", "cleaned")
BLOCK = 100


def check_base(base: str) -> str:
    """The name of the labels that a review starts from: "given", as in the data, or "cleaned", as the audit left them.

    Raises:
        BadInput: it is neither.
    """
    if base not in BASES:
        raise BadInput(f"base={base!r} must be one of {', '.join(BASES)}{nearest(base, BASES)}")
    return base


def expected_gain(suspicion: np.ndarray, is_issue: np.ndarray) -> np.ndarray:
    """How many correct labels a review of each row is expected to add to the cleaned data.

    A reviewer who is always right corrects a label when it is wrong, so the gain is the probability that the label in
    `cleaned` is wrong. A row that is no issue keeps its given label, wrong with the probability s, its suspicion. An
    issue carries its suggestion, wrong with the probability 1 - s if the suggestion is right whenever the given label
    is wrong: exact for two classes, a lower bound for more.

    Args:
        suspicion: (n,) in [0, 1], the probability that the given label is wrong.
        is_issue: (n,) bool.

    Returns:
        (n,) in [0, 1]; largest near the threshold.
    """
    return np.where(is_issue, 1 - suspicion, suspicion)


def gain_over(issues: pd.DataFrame, base: str) -> np.ndarray:
    """(n,) the expected gain in correct labels of reviewing each row of an issues table.

    Args:
        issues: with `suspicion` and `is_issue`.
        base: the labels that rows keep when nobody reviews them. Over "given" ones the gain is the suspicion; over
            "cleaned" ones it is `expected_gain`.

    Raises:
        BadInput: an unknown base.
    """
    suspicion = issues["suspicion"].to_numpy(float)
    if check_base(base) == "given":
        return suspicion
    return expected_gain(suspicion, issues["is_issue"].to_numpy(bool))


def review_queue(issues: pd.DataFrame, base: str = "given") -> pd.DataFrame:
    """The issues table in the order in which its rows are best reviewed: largest expected gain first.

    Equal gains are ordered by suspicion, then by index.

    Args:
        issues: `Findings.issues`, or the table read from `issues.parquet`.
        base: the labels that rows keep when nobody reviews them; see `gain_over`.

    Raises:
        BadInput: an unknown base.
    """
    gain = np.round(gain_over(issues, base), 6)
    order = np.lexsort((issues["index"].to_numpy(), -issues["suspicion"].to_numpy(float), -gain))
    return issues.iloc[order].reset_index(drop=True)


def per_hundred(counted: np.ndarray) -> list[int]:
    """Sums of (m,) whole numbers over every 100 of them, in order; the last block may be shorter."""
    return [int(counted[start : start + BLOCK].sum()) for start in range(0, len(counted), BLOCK)]


def simulated_gain(wrong: np.ndarray) -> dict[str, list[Any]]:
    """What a reviewer who is always right would gain from a whole queue.

    Args:
        wrong: (n,) bool, whether the label that each row would keep is wrong, in the order of the queue.

    Returns:
        `queue`: corrected labels for every 100 rows reviewed in this order; `random`: their expected number where the
        rows are reviewed in random order.
    """
    rate = float(wrong.mean()) if len(wrong) else 0.0
    sizes = np.ones(len(wrong), dtype=np.int64)
    return {"queue": per_hundred(wrong.astype(np.int64)), "random": [rate * size for size in per_hundred(sizes)]}
