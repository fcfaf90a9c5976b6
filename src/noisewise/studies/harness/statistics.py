"""Statistics that several studies measure."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score


def spearman(x: np.ndarray | pd.Series, y: np.ndarray | pd.Series) -> float:
    """The rank correlation of two (n,) series, ties at their mean rank; NaN where one is constant or holds NaN."""
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan
    one, other = (pd.Series(values).rank().to_numpy(dtype=float) for values in (x, y))
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return math.nan
    return float(np.corrcoef(one, other)[0, 1])


def auroc(wrong: np.ndarray, scores: np.ndarray) -> float:
    """The chance that a wrong row (n,) scores (n,) above a right one, ties one half; NaN where all are of one kind."""
    return float(roc_auc_score(wrong, scores)) if 0 < wrong.sum() < len(wrong) else float("nan")


def least(ask: Callable[[Any], float], items: Any) -> float:
    """The smallest value of a function over results; NaN if there are none, or if one is NaN."""
    found = np.array([ask(item) for item in items], dtype=float)
    return float(found.min()) if len(found) else float("nan")
