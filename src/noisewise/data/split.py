"""Validation and trusted splits, folds and subsets of a data set, all stratified by class and seeded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from noisewise.bounds import SEED, a, between, bounded, check, whole
from noisewise.data.dataset import Dataset
from noisewise.data.grouped_folds import grouped_folds
from noisewise.data.openset import open_rows
from noisewise.errors import BadInput


@bounded(None, {"data": a(Dataset), "seed": SEED})
def split(data: Dataset, *, validation: float = 0.0, trusted: int = 0, seed: int = 0) -> Dataset:
    """Move rows from the training split into a validation and a trusted split.

    The choice of trusted rows does not depend on `validation`. Rows keep their index. A share that rounds to 0 rows
    makes no validation split. Existing splits are kept if no new one is requested.

    Args:
        data: n training rows.
        validation: share of the n rows to hold out, stratified by the given labels; they keep their labels.
        trusted: number of rows to set aside, balanced over the true classes, with the truth as given labels.
        seed: random seed, a whole number from 0.

    Raises:
        BadInput: an argument is out of range, a requested split exists already, the truth of trusted rows is not
            known, or fewer than 2 training rows would be left.
    """
    held = _check(data, validation, trusted, seed)
    n = len(data)
    trusted_rows = np.empty(0, dtype=np.int64)
    if trusted and data.truth is not None:
        known = np.flatnonzero(~open_rows(data))
        counts = _allot_evenly(np.bincount(data.truth[known], minlength=len(data.classes)), trusted)
        trusted_rows = known[_draw(data.truth[known], counts, _generator(seed, "trusted"))]
    rest = np.setdiff1d(np.arange(n), trusted_rows)
    counts = _allot_proportionally(np.bincount(data.given[rest], minlength=len(data.classes)), held)
    held_rows = rest[_draw(data.given[rest], counts, _generator(seed, "validation"))]
    if not len(trusted_rows) and not len(held_rows):
        return data
    record = {"step": "split", "validation": len(held_rows), "trusted": len(trusted_rows), "seed": int(seed)}
    main = data.take(np.setdiff1d(rest, held_rows))
    main = replace(main, provenance=(*data.provenance, record))
    alone = data.alone()
    if len(held_rows):
        main = replace(main, validation=alone.take(held_rows))
    if len(trusted_rows):
        chosen = alone.take(trusted_rows)
        assert chosen.truth is not None  # `_check` refuses trusted rows without it
        main = replace(main, trusted=replace(chosen, given=chosen.truth))
    return main


def folds(given: np.ndarray, k: int, seed: int = 0, groups: np.ndarray | None = None) -> np.ndarray:
    """(n,) int64 fold numbers 0..k-1 for class numbers (n,): sizes differ by at most 1, also within every class.

    Args:
        given: (n,) class numbers from 0.
        k: number of folds.
        seed: random seed, a whole number from 0.
        groups: (n,) group numbers, equal for rows that must be in the same fold; sizes are then as even as the groups
            allow. A group with more rows than a fold, or with several and more than half of the rows of a class, is
            split. If every row is its own group, the folds are the same as without groups.

    Raises:
        BadInput: `k` is not a whole number from 2 to n, or `groups` does not have one number per row.
    """
    labels = np.asarray(given)
    n = len(labels)
    if not whole(2, n).allows(k):
        raise BadInput(f"folds={k!r} must be a whole number from 2 to the {n} rows")
    if groups is not None and np.shape(groups) != (n,):
        raise BadInput(f"groups of shape {np.shape(groups)} must be one number for each of the {n} rows")
    rng = _generator(seed, "folds")
    if groups is not None and len(np.unique(groups)) < n:
        return grouped_folds(labels, np.asarray(groups), int(k), rng)
    order = np.lexsort((rng.random(n), labels))
    found = np.empty(n, dtype=np.int64)
    found[order] = np.arange(n) % int(k)
    return found


@bounded(None, {"data": a(Dataset), "seed": SEED})
def subset(data: Dataset, rows: int, seed: int = 0) -> Dataset:
    """A random selection of training rows, stratified by the given labels; rows keep their order and index.

    Args:
        data: n training rows.
        rows: number of rows to select.
        seed: random seed, a whole number from 0.

    Raises:
        BadInput: `rows` is not a whole number from 2 to the number of rows.
    """
    n = len(data)
    if not whole(2, n).allows(rows):
        raise BadInput(f"rows={rows!r} must be a whole number from 2 to the {n} rows of {data.name}")
    if rows == n:
        return data
    counts = _allot_proportionally(np.bincount(data.given, minlength=len(data.classes)), int(rows))
    chosen = _draw(data.given, counts, _generator(seed, "subset"))
    record = {"step": "subset", "rows": int(rows), "seed": int(seed)}
    return replace(data.take(chosen), provenance=(*data.provenance, record))


def _check(data: Dataset, validation: float, trusted: int, seed: int) -> int:
    n = len(data)
    if not data.labelled:
        raise BadInput(f"{data.name} has no labels to learn from")
    if not between(0, 1).allows(validation) or validation == 1:
        raise BadInput(f"validation={validation!r} must be a share of the rows from 0 to below 1")
    if not whole(0, n).allows(trusted):
        raise BadInput(f"trusted={trusted!r} must be a whole number from 0 to the {n} rows of {data.name}")
    for name, requested in (("validation", validation), ("trusted", trusted)):
        if requested and getattr(data, name) is not None:
            raise BadInput(f"{name}={requested!r} requests a {name} split, but {data.name} has one: use {name}=0")
    if trusted and data.truth is None:
        hint = "corrupt it by 'symmetric:0' first to vouch for its given labels"
        raise BadInput(f"trusted={trusted} needs rows whose truth is known, and {data.name} has none: {hint}")
    if trusted > (known := n - int(open_rows(data).sum())):
        raise BadInput(f"trusted={trusted} must be at most {known}, the rows of {data.name} not replaced by 'openset'")
    held = round(float(validation) * n)
    if held + trusted and n - held - trusted < 2:
        raise BadInput(
            f"validation={validation!r} and trusted={trusted} leave {n - held - trusted} of {n} rows to train on"
        )
    return held


def _generator(seed: int, purpose: str) -> np.random.Generator:
    known = check(None, "seed", seed, SEED)
    return np.random.default_rng(np.random.SeedSequence(known, spawn_key=tuple(purpose.encode())))


def _draw(labels: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    order = np.lexsort((rng.random(len(labels)), labels))
    starts = np.searchsorted(labels[order], np.arange(len(counts)))
    rank = np.arange(len(labels)) - starts[labels[order]]
    return np.sort(order[rank < counts[labels[order]]])


def _allot_proportionally(counts: np.ndarray, total: int) -> np.ndarray:
    exact = counts * (total / max(int(counts.sum()), 1))
    share = np.floor(exact).astype(np.int64)
    largest = np.argsort(share - exact, kind="stable")[: total - int(share.sum())]
    share[largest] += 1
    return share


def _allot_evenly(counts: np.ndarray, total: int) -> np.ndarray:
    share = np.zeros_like(counts)
    while (left := total - int(share.sum())) > 0:
        open_classes = np.flatnonzero(share < counts)
        each = max(left // len(open_classes), 1)
        share[open_classes[:left]] += np.minimum(each, counts[open_classes[:left]] - share[open_classes[:left]])
    return share
