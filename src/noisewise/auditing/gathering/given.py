"""Evidence from probabilities that other tools predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from noisewise.auditing.candidate import Candidate, accuracy, guessing
from noisewise.auditing.evidence import BLOCK, Evidence, read_rows
from noisewise.auditing.gathering.further import mixed
from noisewise.auditing.gathering.stack import stacked
from noisewise.errors import BadInput

SCORED = 2**20  # probabilities from which the accuracy of a single table is measured
LOSS_FROM = 2**18  # and its loss, which chooses nothing
ROUNDING = 1e-2  # by which a row of probabilities may miss a sum of one


def given(
    probabilities: Sequence[np.ndarray],
    labels: np.ndarray,
    classes: int,
    further: Sequence[np.ndarray | None] = (),
) -> Evidence:
    """The evidence of given probabilities; several are stacked.

    Args:
        probabilities: M times (n, K); a single one may be larger than memory.
        labels: (n,) given labels.
        classes: K.
        further: M times (m, K), of m rows without labels; or nothing.

    Raises:
        BadInput: a table that does not fit, or whose rows do not sum to one.
    """
    for number, table in enumerate(probabilities, 1):
        if np.shape(table) == (len(labels), classes):  # `Evidence` refuses another shape
            _check_sums(table, "probs" if len(probabilities) == 1 else f"probs {number}")
    checked = [Evidence(labels, classes, probabilities=table) for table in probabilities]
    whole = checked[0]
    if len(checked) == 1:
        part = whole.take(slice(None, None, max(1, len(whole) * classes // SCORED)))
        assert part.probabilities is not None  # it was given
        few = slice(None, None, max(1, len(part) * classes // LOSS_FROM))
        stack, tables, names = stacked([part.probabilities[few]], part.labels[few]), [part.probabilities], ["probs"]
    else:
        tables = [one.probabilities for one in checked if one.probabilities is not None]
        part, stack = whole, stacked(tables, whole.labels)
        names = [f"probs {number}" for number in range(1, len(tables) + 1)]
        whole = replace(whole, probabilities=stack.probabilities)
    found = [
        Candidate(name, loss, accuracy(table, part.labels), weight=weight)
        for name, table, weight, loss in zip(names, tables, stack.weights, stack.losses, strict=True)
    ]
    if further and all(one is not None for one in further):
        whole = whole.with_further(mixed(stack, tables, part.labels, further))
    return whole.with_candidates((guessing(labels, classes), *found))


def _check_sums(table: np.ndarray, name: str) -> None:
    """Refuse a table whose rows do not sum to one, within rounding.

    Raises:
        BadInput: a row that is negative somewhere, or whose sum is off by more than 0.01.
    """
    if np.asarray(table[:0]).dtype.kind not in "fiub":
        return
    size = max(BLOCK // max(table.shape[1], 1), 1)
    for start in range(0, len(table), size):
        block = read_rows(table, slice(start, start + size))
        off = np.abs(block.sum(axis=1, dtype=np.float64) - 1) > ROUNDING
        if not (off.any() or block.min() < 0):
            continue
        negative = (block < 0).any(axis=1)
        for rows, said in ((negative, "has negative numbers"), (off, "does not sum to one")):
            if rows.any():
                raise BadInput(f"{name}: row {start + int(rows.argmax())} {said}; of logits, give the softmax")
