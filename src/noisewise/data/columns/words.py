"""Texts as weights of their words, and as a few numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

# scikit-learn and SciPy are imported where they are used: a second of processor time, which images need not wait for.

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
    least, most = 2 if len(texts) >= _ONCE_BELOW else 1, None if pairs else COMMONEST
    if whole:
        return _level_weights(texts, least, most)
    return _vectorizer(pairs, whole, min_df=least, max_features=most).fit_transform(texts)


def _level_weights(texts: Sequence[str], least: int, most: int | None) -> Any:
    """What the vectorizer makes of texts that are one word each, without a Python call per row.

    Args:
        texts: n levels of a category.
        least: rows in which a level that counts occurs.
        most: the number of levels that count; None for all.

    Raises:
        ValueError: no level counts.
    """
    from scipy import sparse

    codes, levels = pd.factorize(np.array(texts, dtype=object))
    counts = np.bincount(codes, minlength=len(levels))
    order = np.array(sorted(range(len(levels)), key=levels.__getitem__), dtype=np.int64)
    kept = order[counts[order] >= least]
    if not len(kept):
        raise ValueError("no level occurs often enough")
    if most is not None and len(kept) > most:
        # the same order of equal counts as scikit-learn's, on the same numbers
        kept = kept[np.sort((-counts[kept].astype(np.float32)).argsort()[:most])]
    column = np.full(len(levels), -1)
    column[kept] = np.arange(len(kept))
    found = column[codes]
    counted = found >= 0
    ends = np.concatenate([[0], np.cumsum(counted)])
    values = np.ones(int(counted.sum()), dtype=np.float32)
    return sparse.csr_matrix((values, found[counted], ends), shape=(len(texts), len(kept)))


def _vectorizer(pairs: bool, whole: bool, **more: Any) -> TfidfVectorizer:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        sublinear_tf=True,
        ngram_range=(1, 2) if pairs and not whole else (1, 1),
        token_pattern=None if whole else TOKEN,
        analyzer=_whole if whole else "word",
        dtype=np.float32,
        **more,
    )


@dataclass(frozen=True, eq=False, repr=False)
class Words:
    """The words of some texts; called with others, it weighs their words in the same way (see `word_weights`).

    Attributes:
        terms: d words.
        idf: (d,) inverse document frequencies.
        pairs: whether pairs of adjacent words count as well.
        whole: whether each text is one word.
    """

    terms: list[str]
    idf: np.ndarray
    pairs: bool
    whole: bool

    @classmethod
    def of(cls, texts: Sequence[str], *, pairs: bool = True, whole: bool = False) -> Words:
        """The words of n texts.

        Raises:
            ValueError: no word counts.
        """
        least = 2 if len(texts) >= _ONCE_BELOW else 1
        found = _vectorizer(pairs, whole, min_df=least, max_features=None if pairs else COMMONEST).fit(texts)
        return cls(found.get_feature_names_out().tolist(), np.asarray(found.idf_, dtype=np.float32), pairs, whole)

    def __repr__(self) -> str:
        return f"Words({len(self.terms):,} words)"

    def __call__(self, texts: Sequence[str]) -> Any:
        """(n, d) sparse float32 weights."""
        words = _vectorizer(self.pairs, self.whole, vocabulary=self.terms)
        words.idf_ = self.idf
        return words.transform(texts)


def _whole(text: str) -> list[str]:
    return [text]


def directions(weights: Any) -> np.ndarray:
    """(n, at most 32) float32: the rows along the directions in which they differ most.

    Latent semantic analysis (Deerwester et al., 1990): the truncated singular value decomposition of the weights,
    scaled so that all directions together have the variance of one standardised column each on average.

    Args:
        weights: (n, d) sparse weights of words.
    """
    return Directions._fit(weights)[1]


@dataclass(frozen=True, eq=False, repr=False)
class Directions:
    """The directions in which rows of words differ most; called with others, it takes these along them.

    Attributes:
        axes: (r, d) of words; None where words are too few to have directions, which then are features themselves.
        mean: (r,) or (d,).
        spread: by which all features are divided.
    """

    axes: np.ndarray | None
    mean: np.ndarray
    spread: float

    @classmethod
    def of(cls, weights: Any) -> Directions:
        """The directions of (n, d) sparse weights; see `directions`."""
        return cls._fit(weights)[0]

    @classmethod
    def _fit(cls, weights: Any) -> tuple[Directions, np.ndarray]:
        count, axes = min(DIRECTIONS, min(weights.shape) - 1), None
        if count < 1:
            found = np.asarray(weights.toarray(), dtype=np.float32)
        else:
            from sklearn.decomposition import TruncatedSVD

            decomposition = TruncatedSVD(count, random_state=0)
            found, axes = decomposition.fit_transform(weights), decomposition.components_
        mean = found.mean(axis=0)
        found = found - mean
        spread = max(float(np.sqrt(np.mean(found**2))), float(np.finfo(np.float32).tiny))
        return cls(axes, mean, spread), (found / spread).astype(np.float32)

    def __repr__(self) -> str:
        return f"Directions({len(self.mean)})"

    def __call__(self, weights: Any) -> np.ndarray:
        """(n, r) float32 of (n, d) sparse weights."""
        found = np.asarray(weights.toarray()) if self.axes is None else weights @ self.axes.T
        return ((found - self.mean) / self.spread).astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """This as arrays by name."""
        found = {"directions.mean": self.mean, "directions.spread": np.array([self.spread])}
        return found if self.axes is None else {**found, "directions.axes": self.axes}

    @classmethod
    def read(cls, arrays: Mapping[str, np.ndarray]) -> Directions:
        """What `arrays` returned, as a value again."""
        return cls(arrays.get("directions.axes"), arrays["directions.mean"], float(arrays["directions.spread"][0]))


def side_by_side(parts: Sequence[Any]) -> Any:
    """(n, d) sparse float32 of matrices with n rows each."""
    from scipy import sparse

    return sparse.hstack(parts, format="csr", dtype=np.float32)
