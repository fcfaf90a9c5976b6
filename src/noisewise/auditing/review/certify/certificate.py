"""The certificate: what a person's decisions on the fixed order of rows say about all labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from noisewise.auditing.review.certify.estimate import Estimate, Reviews, mean_wrong, recall

LEAST = 10  # decisions, from which on anything is said
CLOSE = 0.02  # half the width of the interval that `more_for_two_points` refers to


@dataclass(frozen=True, eq=False)
class Front:
    """The first rows of the fixed order, as far as they were reviewed.

    Attributes:
        sample: the table of `draw`, as many rows as the front has.
        wrong: (m,) 1 for a wrong label, 0 for a right one, NaN where there is no decision.
    """

    sample: pd.DataFrame
    wrong: np.ndarray

    def __repr__(self) -> str:
        return f"Front({int(self.decided.sum())} of {len(self)} rows decided)"

    @property
    def decided(self) -> np.ndarray:
        """(m,) bool, the rows with a decision."""
        return ~np.isnan(self.wrong)

    def __len__(self) -> int:
        return len(self.wrong)


def front(sample: pd.DataFrame, wrong: Mapping[int, bool]) -> Front:
    """The front of the fixed order that was reviewed: where decided rows outnumber the others by most.

    Its end depends on which rows have decisions but not on what was decided. It is therefore a random sample of each
    stratum, whatever else was reviewed. Rows that are passed over one by one do not end it. Decisions on scattered rows
    behind it, such as those of the ordinary queue, do not count.

    Args:
        sample: the table of `draw`.
        wrong: for the index of each decided row, whether its given label is wrong.
    """
    found = np.array([wrong.get(index, np.nan) for index in sample["index"].tolist()], dtype=float)
    decided = ~np.isnan(found)
    lead = np.cumsum(np.where(decided, 1, -1))
    ends = np.flatnonzero(decided & (lead == lead.max(initial=0)))
    length = int(ends[-1]) + 1 if len(ends) else 0
    return Front(sample.iloc[:length], found[:length])


def certified(sample: pd.DataFrame, wrong: Mapping[int, bool], rows: int) -> dict[str, Any]:
    """Noise rate, precision, recall and the wrong labels that remain, by what a person decided.

    A row of the front without a decision may be right or wrong: the ends of every interval are those of the worse case.
    Rows that were reviewed before the audit count as right.

    Args:
        sample: the table of `draw`, whole.
        wrong: for the index of each decided row, whether its given label is wrong.
        rows: of the data set.

    Returns:
        `noise_rate`, `precision` (of the issues), `recall` and `remaining` (wrong labels of rows that are not issues),
        each a dictionary of `estimate` (None where nothing can be said), `low` and `high`; `reviews`, `undecided` (rows
        of the front without a decision) and `more_for_two_points`: how many more reviews are expected to bring the
        interval of the noise rate to +-2 points, None if more than the 5,000 of the fixed order. Empty with fewer than
        10 decisions.
    """
    found = front(sample, wrong)
    if found.decided.sum() < LEAST:
        return {}
    strata = sample.drop_duplicates("stratum").sort_values("stratum")
    named = strata["stratum_issues"].to_numpy(bool)
    size = strata["stratum_rows"].to_numpy(float)
    best = _reviews(found, strata, 0.0, skipped=True)
    cases = [_reviews(found, strata, filled) for filled in (0.0, 1.0)]
    split = [_reviews(found, strata, filled, named) for filled in ((0.0, 1.0), (1.0, 0.0))]
    part, rest = size.sum() / rows, float(size[~named].sum())
    return {
        "noise_rate": _plain(_over(best, cases, mean_wrong), part),
        "precision": _plain(_over(*_only(best, cases, named), mean_wrong)),
        "recall": _plain(_over(best, split, recall)),
        "remaining": _plain(_over(*_only(best, cases, ~named), mean_wrong), rest),
        "reviews": int(found.decided.sum()),
        "undecided": int(len(found) - found.decided.sum()),
        "more_for_two_points": more_reviews(best, sample["stratum"].to_numpy(), len(found), part),
    }


def draw_weights(sample: pd.DataFrame, wrong: Mapping[int, bool]) -> dict[int, float]:
    """By the index of each decided row of the front, the number of rows of its stratum for which it stands."""
    found = front(sample, wrong)
    decided = found.sample[found.decided]
    counts = decided.groupby("stratum")["index"].transform("size")
    return dict(zip(decided["index"].tolist(), (decided["stratum_rows"] / counts).tolist(), strict=True))


def _reviews(
    found: Front,
    strata: pd.DataFrame,
    filled: float | tuple[float, float],
    named: np.ndarray | None = None,
    *,
    skipped: bool = False,
) -> Reviews:
    """The sums of the front.

    Args:
        found: the front.
        strata: a line per stratum.
        filled: what stands for a missing decision: 1, wrong, or 0; or what stands for it in rows that are issues, and
            in others.
        named: (H,) bool, the strata of issues, where that differs.
        skipped: leave rows without a decision out instead.
    """
    stratum = found.sample["stratum"].to_numpy(np.int64)
    suspicion = found.sample["suspicion"].to_numpy(float)
    missing = filled if named is None or isinstance(filled, float) else np.where(named[stratum], *filled)
    wrong = np.where(found.decided, found.wrong, missing)
    if skipped:
        stratum, suspicion, wrong = (values[found.decided] for values in (stratum, suspicion, wrong))
    weights = (None, wrong, suspicion, suspicion**2, suspicion * wrong)
    sums = (np.bincount(stratum, value, minlength=len(strata)).astype(float) for value in weights)
    known = (strata[name].to_numpy(float) for name in ("stratum_rows", "stratum_issues", "stratum_suspicion"))
    return Reviews(*known, *sums)


def _only(best: Reviews, cases: list[Reviews], chosen: np.ndarray) -> tuple[Reviews, list[Reviews]]:
    return best.only(chosen), [case.only(chosen) for case in cases]


def _over(best: Reviews, cases: list[Reviews], estimator: Callable[[Reviews], Estimate]) -> Estimate | None:
    """The estimate from the decided rows, with the lower end of the first case and the upper end of the second."""
    if not best.size.size or not (best.drawn > 0).all():
        return None
    if best.drawn.sum() == cases[0].drawn.sum():  # every row of the front has a decision
        return estimator(best)
    low, high = estimator(cases[0]).low, estimator(cases[1]).high
    return Estimate(np.clip(estimator(best).estimate, low, high), low, high)


def _plain(found: Estimate | None, factor: float = 1.0) -> dict[str, float | None]:
    if found is None:
        return {"estimate": None, "low": 0.0, "high": factor}
    estimate, low, high = (factor * float(value) for value in found)
    return {"estimate": None if np.isnan(estimate) else estimate, "low": low, "high": high}


def more_reviews(found: Reviews, order: np.ndarray, done: int, part: float) -> int | None:
    """How many more rows to review until half the interval of the noise rate is expected to be two points.

    The strata's shares of wrong labels are taken to stay as they are.

    Args:
        found: what was reviewed.
        order: (m,) the strata of the fixed order.
        done: how many rows of it were reviewed.
        part: the share of the drawn population in all rows.
    """
    if not (found.drawn > 0).all():
        return None

    def half(length: int) -> float:
        drawn = np.bincount(order[:length], minlength=len(found.size))
        rate = mean_wrong(found.scaled(np.clip(drawn, found.drawn, found.size)))
        return part * float(rate.high - rate.low) / 2

    least, most = done, len(order)
    if half(most) > CLOSE:
        return None
    if half(least) <= CLOSE:
        return 0
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if half(middle) <= CLOSE else (middle, most)
    return most - done
