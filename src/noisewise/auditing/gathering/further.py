"""Rows without labels beside those of an audit: seen in the same views, and predicted by the same mixture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from noisewise.auditing.gathering.stack import Stack
from noisewise.data.dataset import Dataset, Inputs, Selection
from noisewise.judgement.calibration import best_power, powered


def joined(first: Dataset, second: Dataset) -> Dataset:
    """The rows of two parts of one source, as views see them: inputs and descriptions, and no labels worth reading."""
    described = None
    if first.described is not None and second.described is not None:
        described = pd.concat([first.described, second.described], ignore_index=True)
    count = len(first) + len(second)
    return Dataset(
        _joined_inputs(first.inputs, second.inputs),
        np.zeros(count, dtype=np.int64),
        first.classes,
        first.kind,
        name=first.name,
        described=described,
        columns=first.columns,
    )


def _joined_inputs(first: Inputs, second: Inputs) -> Inputs:
    bases = [(one.base, one.positions) if isinstance(one, Selection) else (one, None) for one in (first, second)]
    (base, places), (other, more) = bases
    if base is other and places is not None and more is not None:
        return Selection(base, np.concatenate([places, more]))
    return np.concatenate([np.asarray(first[:]), np.asarray(second[:])])


def mixed(
    stack: Stack, predictions: Sequence[np.ndarray], labels: np.ndarray, further: Sequence[np.ndarray | None]
) -> np.ndarray | None:
    """(m, K) probabilities of further rows, by the mixture that `stacked` made of held-out predictions.

    Members that do not predict further rows are left out, and the weights of the others scaled to sum to one.

    Args:
        stack: of M members.
        predictions: M times (n, K), held out.
        labels: (n,) given labels.
        further: M times (m, K), or None.

    Returns:
        None where no member with a weight predicts further rows.
    """
    if len(predictions) == 1:
        return further[0]
    parts: list[Any] = []
    weights: list[float] = []
    for weight, known, new in zip(stack.weights, predictions, further, strict=True):
        if weight and new is not None:
            parts.append(powered(new, best_power(known, labels)))
            weights.append(weight)
    if not parts:
        return None
    found: np.ndarray = np.einsum("m,mnk->nk", np.array(weights) / sum(weights), np.stack(parts))
    return found


def in_two(table: np.ndarray, data: Dataset) -> tuple[np.ndarray, np.ndarray | None]:
    """A table of all rows of a source as that of its labelled and that of its unlabelled rows.

    A table of the labelled rows alone stays as it is.

    Args:
        table: (n + m, d), in the order of the source; or (n, d).
        data: n rows, with m unlabelled ones.
    """
    rest = data.unlabelled
    if rest is None or np.ndim(table) != 2 or len(table) != len(data) + len(rest):
        return table, None
    place = np.argsort(np.argsort(np.concatenate([data.index, rest.index]), kind="stable"), kind="stable")
    return table[place[: len(data)]], np.asarray(table[place[len(data) :]])


def without_labels(data: Dataset) -> Dataset | None:
    """The unlabelled rows of a data set that have inputs; None where there are none."""
    rest = data.unlabelled
    return None if rest is None or not len(rest) or data.shape == (0,) else replace(rest, unlabelled=None)
