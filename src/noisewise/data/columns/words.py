"""Texts as weights of their words, and as a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

# A word, or one letter of a script that puts no spaces between words (Thai, Chinese, Japanese).
TOKEN = r"(?u)[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|\b\w\w+\b"
DIRECTIONS = 32  # chosen by benchmarks/pool/choose_columns.py
COMMONEST = 20_000  # words, of which directions are made
_ONCE_BELOW = 100


def word_weights(texts: Sequence[str], *, pairs: bool = True, whole: bool = False) -> Any:
    """(n, d) sparse float32 TF-IDF weights of the words of n texts; rows have length 1, or 0 without any known word.

    Weights use no labels. From 100 texts on, a word counts only if it occurs in two of them.

    Args:
        texts: n texts.
        pairs: whether pairs of adjacent words count as well; without them, the 20,000 most frequent words.
        whole: whether each text is one word (a level of a category).

    Raises:
        ValueError: no word counts.
    """
    words = TfidfVectorizer(
        sublinear_tf=True,
        ngram_range=(1, 2) if pairs and not whole else (1, 1),
        min_df=2 if len(texts) >= _ONCE_BELOW else 1,
        max_features=None if pairs else COMMONEST,
        token_pattern=None if whole else TOKEN,
        analyzer=_whole if whole else "word",
        dtype=np.float32,
    )
    return words.fit_transform(texts)


def _whole(text: str) -> list[str]:
    return [text]


def directions(weights: Any) -> np.ndarray:
    """(n, at most 32) float32: the rows along the directions in which they differ most.

    Latent semantic analysis (Deerwester et al., 1990): the truncated singular value decomposition of the weights,
    scaled so that all directions together have the variance of one standardised column each on average.

    Args:
        weights: (n, d) sparse weights of words.
    """
    count = min(DIRECTIONS, min(weights.shape) - 1)
    if count < 1:
        found = np.asarray(weights.toarray(), dtype=np.float32)
    else:
        found = TruncatedSVD(count, random_state=0).fit_transform(weights)
    found = found - found.mean(axis=0)
    spread = float(np.sqrt(np.mean(found**2)))
    return (found / max(spread, np.finfo(np.float32).tiny)).astype(np.float32)


def side_by_side(parts: Sequence[Any]) -> Any:
    """(n, d) sparse float32 of matrices with n rows each."""
    return sparse.hstack(parts, format="csr", dtype=np.float32)
