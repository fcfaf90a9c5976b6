"""Texts as inputs: kept as they are, and turned into numbers when rows are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.feature_extraction.text import HashingVectorizer

from noisewise.data.dataset import Inputs, Selection
from noisewise.errors import BadInput, nearest

WIDTH = 2048
WORDS = 3


class Texts:
    """n texts; as numbers, (n, 2048) float32 hashed counts of words, each row of length 1.

    The numbers are for networks. The audit's own classifier reads the words themselves.

    Args:
        texts: n texts; what is missing is an empty text.
        column: the name of the column they are from.
    """

    def __init__(self, texts: Sequence[Any], column: str) -> None:
        held = pd.Series(list(texts), dtype=object)
        self.texts = held.where(held.notna(), "").astype(str).to_numpy(dtype=object)
        self.column = column

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, 2048)."""
        return (len(self.texts), WIDTH)

    @property
    def dtype(self) -> Any:
        """The type of one number, float32."""
        return np.dtype(np.float32)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, positions: Any, /) -> np.ndarray:
        chosen = self.texts[positions]
        one = isinstance(chosen, str)
        words = HashingVectorizer(n_features=WIDTH, dtype=np.float32)
        rows = words.transform([chosen] if one else chosen).toarray()
        return rows[0] if one else rows


def documents(inputs: Inputs) -> list[str]:
    """The texts of inputs that are `Texts` or a selection from them, in their order.

    Raises:
        BadInput: the inputs are something else.
    """
    if isinstance(inputs, Selection) and isinstance(inputs.base, Texts):
        return inputs.base.texts[inputs.positions].tolist()
    if isinstance(inputs, Texts):
        return inputs.texts.tolist()
    raise BadInput("these rows hold no texts: name the column of texts when the table is loaded (text=COLUMN)")


def text_column(frame: pd.DataFrame, where: str, text: str | None) -> str | None:
    """The column of texts: the one that is named; else the only column, where its rows have 3 words on average.

    Args:
        frame: the columns that are neither labels nor truth.
        where: for error messages.
        text: the name, or None.

    Raises:
        BadInput: there is no such column.
    """
    names = [str(name) for name in frame.columns]
    if text is not None:
        if text not in names:
            raise BadInput(
                f"{where} has no column {text!r} of texts{nearest(text, names) or '; it has ' + ', '.join(names[:10])}"
            )
        return text
    if len(names) != 1 or not (types.is_string_dtype(frame[names[0]]) or types.is_object_dtype(frame[names[0]])):
        return None
    words = [len(str(value).split()) for value in frame[names[0]].dropna()]
    return names[0] if sum(words) >= max(1, WORDS * len(words)) else None
