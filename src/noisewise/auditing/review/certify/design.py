"""The design of a certified review: strata of suspicion, and an order of draws fixed in advance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STREAM = 0xCE27
LEVELS = 10_000  # to which suspicions are rounded
VALUES = np.arange(LEVELS + 1) / LEVELS
BINS = 64  # of about equal cost, between which the boundaries lie
# The following were chosen by `python benchmarks/certify.py --choose`, on simulated models.
STRATA_OPEN, STRATA_NAMED = 3, 2  # at most, among rows that are not named issues, and among issues
PROPORTIONAL = 0.8  # share of the draws that follow the sizes of strata, so that wrong suspicions cost little
FLOOR = 0.04  # least share of the draws of a stratum
MOST_DRAWS = 5_000


@dataclass(frozen=True, eq=False)
class Design:
    """The strata of n rows and the fixed order of draws.

    The first m rows of the order are, for every m, a random sample of each stratum, whose size depends on m alone. A
    person can therefore stop anywhere.

    Attributes:
        stratum: (n,) int8, the stratum of each row.
        size: (H,) rows per stratum.
        named: (H,) bool, whether a stratum holds issues; none holds both.
        order: (m,) positions of rows in the order of drawing.
    """

    stratum: np.ndarray
    size: np.ndarray
    named: np.ndarray
    order: np.ndarray

    def __repr__(self) -> str:
        return f"Design({len(self.order)} of {len(self.stratum)} rows from {len(self.size)} strata)"


def design(suspicion: np.ndarray, is_issue: np.ndarray, seed: int, draws: int = MOST_DRAWS) -> Design:
    """Strata, allocation and order for a review that certifies the noise rate.

    Boundaries are those for which the variance of the rate is smallest if suspicions s are right and each stratum is
    drawn in proportion to the sum of its sqrt(s (1 - s)) (Neyman, On the two different aspects of the representative
    method, JRSS 1934; Dalenius and Hodges, Minimum variance stratification, JASA 1959). As suspicions may be wrong, the
    draws follow the sizes of strata in part.

    Args:
        suspicion: (n,) in [0, 1].
        is_issue: (n,) bool.
        seed: of the order.
        draws: the most rows to draw.
    """
    is_issue = np.asarray(is_issue, dtype=bool)
    level = np.rint(np.clip(np.nan_to_num(suspicion), 0.0, 1.0) * LEVELS).astype(np.int16)
    counts = np.stack([np.bincount(level[is_issue == flag], minlength=LEVELS + 1) for flag in (False, True)])
    share = allocation(counts)
    table = np.zeros(counts.shape, dtype=np.int8)
    named: list[bool] = []
    parts: list[np.ndarray] = []
    for flag, most in ((0, STRATA_OPEN), (1, STRATA_NAMED)):
        if counts[flag].any():
            part = strata(counts[flag], int(np.clip(share[flag] / (2 * FLOOR), 1, most)))
            table[flag] = part + len(named)
            for at in range(int(part.max()) + 1):
                named.append(bool(flag))
                parts.append(np.where(part == at, counts[flag], 0))
    stratum = table[is_issue.astype(np.int8), level]
    size = np.sum(parts, axis=1)
    sequence = interleaved(allocation(np.array(parts)), size, min(draws, len(level)))
    random = np.random.default_rng([STREAM, seed])
    order = np.empty(len(sequence), dtype=np.int64)
    for at in range(len(size)):
        places = np.flatnonzero(sequence == at)
        order[places] = random.choice(np.flatnonzero(stratum == at), len(places), replace=False)
    return Design(stratum, size, np.array(named, dtype=bool), order)


def strata(counts: np.ndarray, most: int) -> np.ndarray:
    """(LEVELS + 1,) the stratum of each level of suspicion, from the numbers of rows: at most `most`, in order.

    The sum over strata of rows times sqrt(p (1 - p)), with p the mean suspicion of a stratum, is smallest among all
    boundaries between bins.
    """
    cost = np.cumsum(counts * (np.sqrt(VALUES * (1 - VALUES)) + 1 / LEVELS))
    used, bins = np.unique(np.minimum(cost / cost[-1] * BINS, BINS - 1).astype(np.int64), return_inverse=True)
    rows = np.bincount(bins, weights=counts, minlength=len(used))
    sums = np.bincount(bins, weights=counts * VALUES, minlength=len(used))
    edges = _boundaries(np.append(0.0, np.cumsum(rows)), np.append(0.0, np.cumsum(sums)), most)
    part = np.searchsorted(edges, bins, side="right")
    filled = np.flatnonzero(np.bincount(part, weights=counts))  # a stratum without rows is left out
    return np.searchsorted(filled, part).clip(0, len(filled) - 1)


def _boundaries(rows: np.ndarray, sums: np.ndarray, most: int) -> np.ndarray:
    """The first bins of all strata but the first, by dynamic programming over the cumulated (b + 1,) sums of bins."""
    count = rows[None, :] - rows[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, (sums[None, :] - sums[:, None]) / count, 0.0)
    cost = np.where(count > 0, count * np.sqrt(np.clip(mean * (1 - mean), 0.0, None)), np.inf)
    best, steps = cost[0], []
    for _ in range(most - 1):
        through = best[:, None] + cost
        through[0] = np.inf
        steps.append(through.argmin(axis=0))
        if through.min(axis=0)[-1] >= best[-1] * (1 - 1e-9):
            steps.pop()
            break
        best = through.min(axis=0)
    edges, at = [], len(rows) - 1
    for step in reversed(steps):
        at = int(step[at])
        edges.append(at)
    return np.array(edges[::-1], dtype=np.int64)


def allocation(counts: np.ndarray) -> np.ndarray:
    """(H,) the share of draws of each stratum: Neyman's, mixed with the shares of rows, and at least the floor.

    Args:
        counts: (H, LEVELS + 1) rows by stratum and level of suspicion.
    """
    size = counts.sum(axis=1)
    mean = (counts @ VALUES) / np.maximum(size, 1)
    neyman = size * np.sqrt(np.clip(mean * (1 - mean), 0.0, None))
    mixed = size / size.sum()
    if neyman.any():
        mixed = PROPORTIONAL * mixed + (1 - PROPORTIONAL) * neyman / neyman.sum()
    mixed = np.maximum(mixed, FLOOR)
    return mixed / mixed.sum()


def interleaved(share: np.ndarray, size: np.ndarray, draws: int) -> np.ndarray:
    """(draws,) the stratum of each draw, such that after every draw the counts are close to their shares.

    Draw number t + 1 of a stratum has the priority share / sqrt(t (t + 1)) (the divisor method of Huntington and Hill),
    so every stratum is drawn from before one is drawn from twice.
    """
    taken = np.arange(draws)
    with np.errstate(divide="ignore"):
        priority = share[:, None] / np.sqrt(taken * (taken + 1))
    priority[taken[None, :] >= size[:, None]] = -1.0
    stratum = np.repeat(np.arange(len(size)), draws)
    return stratum[np.argsort(-priority.ravel(), kind="stable")[:draws]]
