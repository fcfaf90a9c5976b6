"""Texts as inputs: stored as text, and converted to numbers when rows are accessed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from noisewise.data.dataset import Inputs, Selection
from noisewise.errors import BadInput, nearest

WIDTH = 2048  # hashed words: 8 KiB per row as float32
WORDS = 3


class Texts:
    """n texts; as numbers, (n, 2048) float32 hashed counts of words, each row normalised to length 1.

    Networks use the numbers. The audit's own classifier uses the words.

    Args:
        texts: n texts; missing ones become empty.
        column: name of the column that held them.
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
        """The type of an entry, float32."""
        return np.dtype(np.float32)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, positions: Any, /) -> np.ndarray:
        chosen = self.texts[positions]
        one = isinstance(chosen, str)
        from sklearn.feature_extraction.text import HashingVectorizer  # half a second

        words = HashingVectorizer(n_features=WIDTH, dtype=np.float32)
        rows = words.transform([chosen] if one else chosen).toarray()
        return rows[0] if one else rows


def documents(inputs: Inputs) -> list[str]:
    """The texts of inputs that are `Texts` or a selection of them, in order.

    Raises:
        BadInput: the inputs are something else.
    """
    if isinstance(inputs, Selection) and isinstance(inputs.base, Texts):
        return inputs.base.texts[inputs.positions].tolist()
    if isinstance(inputs, Texts):
        return inputs.texts.tolist()
    raise BadInput("these rows hold no texts: name the column of texts when the table is loaded (text=COLUMN)")


def column_of(inputs: Inputs) -> str | None:
    """The name of the column that held the texts of inputs that are `Texts` or a selection of them; None of others."""
    base = inputs.base if isinstance(inputs, Selection) else inputs
    return base.column if isinstance(base, Texts) else None


def text_column(frame: pd.DataFrame, where: str, text: str | None) -> str | None:
    """The column of texts: the named one, else the only column if its rows have at least 3 words on average.

    Args:
        frame: the columns other than labels and truth.
        where: origin of the table, for error messages.
        text: name of the column, or None.

    Raises:
        BadInput: the column does not exist.
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
