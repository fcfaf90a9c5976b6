"""Numbers: read from text, codes of missing values recognised, and scaled robustly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

_NUMBER = re.compile(
    r"(?:[<>≤≥]=?\s*)?(?P<open>\()?(?P<sign>[-+−]?)\s*(?P<before>[$€£¥₹]|[A-Z]{3}(?=[\s\d]))?\s*(?P<sign2>[-+−]?)"
    r"(?P<core>\d(?:[\d.,'’\u00a0\u202f ]*\d)?(?:[eE][-+]?\d+)?|[.,]\d+)"
    r"(?P<after>\s*(?:[%‰$€£¥₹°]|[^\W\d_])[^\d]{0,9})?(?P<close>\))?"
)
_ENGLISH = re.compile(r"(\d{1,3}([,'’]\d{3})+|\d+)?(\.\d*)?([eE][-+]?\d+)?")
_GERMAN = re.compile(r"(\d{1,3}([.'’\u00a0\u202f ]\d{3})+|\d+)?(,\d*)?([eE][-+]?\d+)?")
_CODES = frozenset(sign * int(digits * width) for sign in (1, -1) for digits in "89" for width in range(2, 7))
CLIP = 3.0  # in interquartile ranges


def parse_numbers(texts: Sequence[str]) -> np.ndarray:
    """(m,) float64 of m texts; NaN where a text is not a number.

    Beside plain numbers these are read, if all texts that are numbers agree: thousands separators (`1,234.5`,
    `1'234.5`, `1.234,5`, `1 234,5`), decimal commas, one currency, one unit behind the number (`12 kg`, `3 %`), limits
    of what was measured (`<0.5`), and negative numbers in brackets.
    """
    plain = pd.to_numeric(pd.Series(list(texts), dtype=object), errors="coerce").to_numpy(dtype=np.float64)
    if not np.isnan(plain).any():
        return plain
    found = [_NUMBER.fullmatch(text.strip()) for text in texts]
    matches = [match for match in found if match is not None]
    units = {part for match in matches for part in (match["before"], (match["after"] or "").strip()) if part}
    cores = [match["core"].strip() for match in matches]
    english = all(_ENGLISH.fullmatch(core) for core in cores)
    if not matches or len(units) > 1 or not (english or all(_GERMAN.fullmatch(core) for core in cores)):
        return plain
    values = np.full(len(texts), np.nan)
    for at, match in enumerate(found):
        if match is not None:
            values[at] = _value(match, english)
    return values if np.isnan(values).sum() < np.isnan(plain).sum() else plain


def _value(match: re.Match[str], english: bool) -> float:
    core = match["core"].strip()
    core = re.sub(r"[,'’]", "", core) if english else re.sub(r"[.'’\u00a0\u202f ]", "", core).replace(",", ".")
    negative = match["open"] or {match["sign"], match["sign2"]} & {"-", "−"}
    return -float(core) if negative else float(core)


def missing_codes(values: np.ndarray) -> list[float]:
    """Numbers such as -9999 that stand for a missing value.

    A code is two to six nines or eights with any sign. It lies apart: farther from all other numbers than they spread,
    or it is negative and no other number is. One that occurs once has at least four digits and lies ten times as far.

    Args:
        values: (n,), NaN where missing.
    """
    codes: list[float] = []
    levels, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    while len(levels) > 3:
        found = None
        for at, rest in ((0, levels[1:]), (-1, levels[:-1])):
            away, spread = abs(levels[at] - rest[at]), rest[-1] - rest[0]
            if counts[at] == 1:
                told = away / 10 > spread and abs(levels[at]) > 999
            else:
                told = away > spread or (at == 0 and levels[0] < 0 <= rest[0])
            if levels[at] in _CODES and told:
                found = at
        if found is None:
            break
        codes.append(float(levels[found]))
        levels, counts = np.delete(levels, found), np.delete(counts, found)
    return codes


def scaled(values: np.ndarray) -> np.ndarray:
    """(n, d) float32: columns of mean 0 and variance 1 in which no number is far away.

    Robust scaling and smooth clipping (Holzmüller, Grinsztajn and Steinwart, NeurIPS 2024, section 3): minus the
    median, over the interquartile range, and x / sqrt(1 + (x / 3)^2), so that a slip of 40000 among numbers from 0 to 1
    moves neither the mean nor the deviation of the others. Where half of the values are equal, the range between them
    takes the place of the interquartile range. Missing values take the mean; constant columns become 0.

    Args:
        values: (n, d), NaN where missing.
    """
    found = np.empty(values.shape, dtype=np.float32)
    for at in range(values.shape[1]):
        column = np.asarray(values[:, at], dtype=np.float64)
        found[:, at] = scale_of(column)(column)
    return found


@dataclass(frozen=True)
class Scale:
    """How one column of numbers is scaled; called with others, it scales these in the same way.

    Attributes:
        largest: absolute number, by which all are divided first.
        middle: median after that.
        spread: interquartile range, or what takes its place; 0 for a constant column, whose numbers become 0.
        mean: after clipping.
        deviation: after clipping.
    """

    largest: float = 1.0
    middle: float = 0.0
    spread: float = 0.0
    mean: float = 0.0
    deviation: float = 1.0

    def __call__(self, column: np.ndarray) -> np.ndarray:
        """(n,) float64; 0 where a number is missing."""
        known = np.isfinite(column)
        found = np.zeros(len(column))
        if self.spread:
            found[known] = (self._clipped(column[known]) - self.mean) / self.deviation
        return found

    def _clipped(self, values: np.ndarray) -> np.ndarray:
        values = (values / self.largest - self.middle) / self.spread
        values /= np.sqrt(1 + (values / CLIP) ** 2)
        return values


def scale_of(column: np.ndarray) -> Scale:
    """The scale of (n,) numbers, NaN where missing; see `scaled`."""
    known = column[np.isfinite(column)]
    if not len(known):
        return Scale()
    largest = max(float(np.abs(known).max()), np.finfo(float).tiny)
    values = known / largest
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    away = np.abs(values - middle)
    spread = high - low
    if spread <= np.finfo(float).eps:
        away = away[away > np.finfo(float).eps]
        if not len(away):
            return Scale()
        spread = np.median(away)
    scale = Scale(largest, float(middle), float(spread))
    clipped = scale._clipped(known)
    deviation = float(clipped.std())
    return replace(scale, mean=float(clipped.mean()), deviation=deviation if deviation > np.finfo(float).eps else 1.0)
