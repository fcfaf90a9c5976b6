"""Statistics that several studies measure, and the standard errors of what they measure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from noisewise.errors import BadInput
from noisewise.studies.frame.estimate import Estimate, jackknife
from noisewise.studies.frame.results import Results

__all__ = [
    "accuracies",
    "auroc",
    "by_seed",
    "difference",
    "exact",
    "gap",
    "jackknife",
    "least",
    "mean",
    "ratio",
    "share",
    "spearman",
]


def exact(value: float | None) -> Estimate:
    """A value without sampling error: a closed form, a count, a solution that depends on no draw."""
    return Estimate(value, 0.0)


def mean(values: Any) -> Estimate:
    """The mean of independent values, with the standard error by their spread.

    Args:
        values: (n,) one per seed or row. NaN where one of them is; the error of fewer than 2 is not known.
    """
    found = np.asarray(values, dtype=float)
    if not len(found):
        return Estimate(math.nan)
    error = found.std(ddof=1) / math.sqrt(len(found)) if len(found) > 1 else None
    return Estimate(found.mean(), error, len(found))


def by_seed(ask: Callable[[Results], Mapping[str, Any]], results: Results) -> dict[str, Estimate]:
    """What is measured on the runs of one seed, averaged over the seeds.

    The least or largest of several values has no standard error; that of every seed, averaged over seeds, has.

    Args:
        ask: Gives numbers by name for the runs of one seed.
        results: Runs with the argument `seed`; those without it belong to every seed.
    """
    seeds = [seed for seed in results.choices("seed") if seed is not None]
    found = [ask(results.of_seed(seed)) for seed in seeds]
    return {name: mean([math.nan if one[name] is None else one[name] for one in found]) for name in found[0]}


def difference(a: Any, b: Any) -> Estimate:
    """The mean difference of pairs of values, such as of two methods by seed, with its standard error.

    Args:
        a: (n,) values. Two series are paired by their index, and NaN is the result where one lacks an entry.
        b: (n,) values that are taken from those of `a`.

    Raises:
        BadInput: the two have different numbers of values.
    """
    if isinstance(a, pd.Series) and isinstance(b, pd.Series):
        return mean(a - b)
    one, other = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if one.shape != other.shape:
        raise BadInput(f"values of shape {one.shape} and {other.shape} are no pairs")
    return mean(one - other)


def ratio(a: Any, b: Any) -> Estimate:
    """The mean of a over the mean of b, two independent samples, with the standard error to first order.

    Args:
        a: (n,) values.
        b: (m,) values, whose mean is not 0.
    """
    one, other = mean(a), mean(b)
    value = float(one) / float(other)
    errors = [math.nan if part.error is None else part.error / float(part) for part in (one, other)]
    return Estimate(value, abs(value) * math.hypot(*errors), min(one.n or 0, other.n or 0))


def share(k: float, n: int) -> Estimate:
    """The share of k among n independent rows.

    The standard error is that of (k + 2) / (n + 4) (Agresti and Coull 1998), which is not 0 where k is 0 or n.
    """
    return Estimate(k / n, _binomial(k / n, n), n)


def accuracies(p: Any, n: int) -> Estimate:
    """The accuracy of a run on n test rows, or the mean of several runs on the same n rows.

    Args:
        p: An accuracy, or an (r,) array of them. Runs on the same rows err together, so the error is that of one.
        n: The number of test rows.
    """
    found = float(np.mean(p))
    return Estimate(found, _binomial(found, n), n)


def gap(p: Any, q: Any, n: int) -> Estimate:
    """The accuracy p less the accuracy q, each of a run on the same n test rows, or the mean of several.

    The standard error is that of independent rows: too large rather than too small where both runs err on the same
    rows. Where there are several seeds, `difference` by seed knows more.
    """
    one, other = accuracies(p, n), accuracies(q, n)
    return Estimate(float(one) - float(other), math.hypot(one.error or math.nan, other.error or math.nan), n)


def _binomial(p: float, n: int) -> float:
    centre = (p * n + 2) / (n + 4)
    return math.sqrt(centre * (1 - centre) / (n + 4))


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
