"""Encoding of the columns of a table as numeric features."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.api import types

from noisewise.errors import BadInput

LEVELS = 64
_MOSTLY = 0.9


def encode_features(frame: pd.DataFrame, where: str) -> tuple[np.ndarray, list[str]]:
    """(n, d) float32 features from the columns of a table, and the names of ignored columns.

    Numbers are standardised to mean 0 and variance 1 (constant columns become 0); missing numbers are replaced by the
    mean and marked in a further column. Text, categories and truth values become one column per level, with missing
    values as a level. Columns without a header, dates, and text with more than 64 levels, or with more levels than
    half the rows, are ignored.

    Args:
        frame: n rows.
        where: origin of the table, for error messages.

    Raises:
        BadInput: numbers are infinite or mixed with some text, or no column is left.
    """
    blocks: list[np.ndarray] = []
    ignored: list[str] = []
    for name in frame.columns:
        block = _block(frame[name], str(name), where)
        if block is None:
            ignored.append(str(name))
        else:
            blocks.append(block)
    if not blocks:
        raise BadInput(f"{where} has no column to learn from besides its labels{_of(ignored)}")
    return np.concatenate(blocks, axis=1), ignored


def _of(ignored: list[str]) -> str:
    return f" (left out as free text or dates: {', '.join(ignored[:10])})" if ignored else ""


def _block(column: pd.Series, name: str, where: str) -> np.ndarray | None:
    if name.startswith("Unnamed:") or types.is_datetime64_any_dtype(column) or types.is_complex_dtype(column):
        return None
    if types.is_numeric_dtype(column) and not types.is_bool_dtype(column):
        return _standardise(column, name, where)
    return _one_hot(column, name, where)


def _standardise(column: pd.Series, name: str, where: str) -> np.ndarray:
    missing = column.isna().to_numpy(dtype=bool)
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = int(np.isinf(values).sum())
    if infinite:
        raise BadInput(f"column {name!r} of {where} has {infinite} infinite value(s): replace them or remove the rows")
    if missing.any():
        filled = np.where(missing, values[~missing].mean() if not missing.all() else 0.0, values)
        return np.column_stack([_scale(filled), missing]).astype(np.float32)
    return _scale(values)[:, None]


def _scale(values: np.ndarray) -> np.ndarray:
    values = values / max(np.abs(values).max(initial=0.0), np.finfo(float).tiny)
    centred = values - values.mean()
    spread = values.std()
    scaled = centred / spread if spread > np.finfo(float).eps else np.zeros_like(centred)
    return scaled.astype(np.float32)


def _one_hot(column: pd.Series, name: str, where: str) -> np.ndarray | None:
    text = column.astype(object).where(column.notna(), "").astype(str)
    levels, codes = np.unique(text.to_numpy(dtype=str), return_inverse=True)
    if len(levels) > min(LEVELS, max(2, len(text) // 2)):
        _check_text(text, name, where)
        return None
    return (codes[:, None] == np.arange(len(levels))).astype(np.float32)


def _check_text(text: pd.Series, name: str, where: str) -> None:
    numbers = pd.to_numeric(text, errors="coerce").notna()
    if numbers.mean() > _MOSTLY:
        odd = text[~numbers]
        also = f"and also {len(odd)} such as {odd.iloc[0]!r}" if len(odd) else "written as text"
        raise BadInput(f"column {name!r} of {where} holds numbers {also}: make it numbers only")
