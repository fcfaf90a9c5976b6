"""The columns of a table as features, and the rows of any data set as the matrix a classifier learns from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from noisewise.data.columns.column import Column, in_words
from noisewise.data.columns.numbers import scaled
from noisewise.data.columns.recognise import Recognised, recognise
from noisewise.data.columns.words import directions, side_by_side, word_weights
from noisewise.data.dataset import Dataset
from noisewise.data.texts import documents
from noisewise.errors import BadInput

WORDS_SCALE = 4.0
"""Length of a row of words beside standardised columns, chosen by benchmarks/pool/choose_columns.py."""

_SMALLEST = 1e-6


def encode_features(frame: pd.DataFrame, where: str, *, asked: bool = False) -> tuple[np.ndarray, tuple[Column, ...]]:
    """(n, d) float32 features from the columns of a table, and what became of each column.

    `recognise` says what a column holds. Numbers and dates are standardised robustly (see `scaled`); missing ones take
    the mean and are marked in a further feature. Categories become one feature per level, with missing values as a
    level. Free text and categories of more than 64 levels become, together, at most 32 features (see `directions`),
    which follow all others. Identifiers and constant columns are left out.

    Args:
        frame: n rows.
        where: origin of the table, for error messages.
        asked: whether somebody named these columns, so that identifiers are inputs too.

    Raises:
        BadInput: no column is left.
    """
    blocks: list[np.ndarray] = []
    columns: list[Column] = []
    words: list[Any] = []
    for name in frame.columns:
        found = recognise(frame[name], str(name), asked=asked)
        if _in_words(found):
            weights = _weights(found)
            found = found if weights is not None else Recognised("identifier", why="no words in common", used=False)
            words += [] if weights is None else [weights]
        block = None if not found.used or _in_words(found) else _block(found)
        blocks += [] if block is None else [block]
        columns.append(Column(str(name), found.kind, found.used, found.why, 0 if block is None else block.shape[1]))
    if not blocks and not words:
        left = "; ".join(in_words(columns, advise=False))
        raise BadInput(f"{where} has no column to learn from besides its labels{f' ({left})' if left else ''}")
    return np.concatenate([*blocks, *([directions(side_by_side(words))] if words else [])], axis=1), tuple(columns)


def _in_words(found: Recognised) -> bool:
    return found.used and (found.kind == "text" or found.many)


def _weights(found: Recognised) -> Any | None:
    try:
        return word_weights(found.values.tolist(), pairs=False, whole=found.many)
    except ValueError:
        return None


def _block(found: Recognised) -> np.ndarray:
    if found.kind == "category":
        levels, codes = np.unique(found.values.astype(str), return_inverse=True)
        return (codes[:, None] == np.arange(len(levels))).astype(np.float32)
    values = found.values if found.values.ndim == 2 else found.values[:, None]
    missing = ~np.isfinite(values).all(axis=1)
    marked = [missing[:, None].astype(np.float32)] if missing.any() else []
    return np.concatenate([scaled(values), *marked], axis=1)


def matrix(data: Dataset, for_: Literal["linear", "trees"] = "linear") -> Any:
    """The rows of a data set as numbers for a classifier, without any use of labels.

    Args:
        data: n rows of any kind; images are flattened.
        for_: "linear", for models that add up columns or measure distances: (n, d) float32 of standardised columns, the
            numbers among them scaled robustly (see `scaled`). Words are TF-IDF weights, which make the matrix sparse:
            of length 1 in texts alone, of length 4 beside other columns.
            "trees", for models that compare single columns and cannot use thousands of words: (n, d) float32, with
            words along at most 32 directions (see `directions`).

    Raises:
        BadInput: the texts have no words in common.
    """
    if data.kind == "text":
        weights = _of_texts(data.name, documents(data.inputs))
        return weights if for_ == "linear" else directions(weights)
    dense = np.asarray(data.inputs[:]).reshape(len(data), -1)
    if data.kind != "table":
        return scaled(dense)
    worded = [column for column in data.columns if column.used and not column.width]
    if for_ == "trees":
        return dense
    dense = (dense - dense.mean(axis=0)) / np.maximum(dense.std(axis=0), _SMALLEST)
    if data.described is None or not worded:
        return dense
    parts: list[Any] = [dense[:, : sum(column.width for column in data.columns)]]
    for column in worded:
        texts = data.described[column.name]
        held = texts.where(texts.notna(), "").astype(str).tolist()
        parts.append(WORDS_SCALE * word_weights(held, whole=column.kind == "category"))
    return side_by_side(parts)


def _of_texts(name: str, texts: Sequence[str]) -> Any:
    try:
        return word_weights(texts)
    except ValueError as error:
        raise BadInput(f"the texts of {name} have no words in common to learn from") from error
