"""What a column of a table holds: numbers, categories, texts, dates, identifiers, or always the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from noisewise.data.columns import dates
from noisewise.data.columns.column import ColumnKind
from noisewise.data.columns.numbers import missing_codes, parse_numbers
from noisewise.data.columns.words import TOKEN

LEVELS = 64  # of a category that becomes one feature per level
MOSTLY = 0.9
PIECES = 2.0  # words of a text, on average
_BY_CHANCE = 10.0  # minus the logarithm of the chance that calls for another explanation
_SHOWN = 3
_BYTES = "bytes"
_CODE = re.compile(r"[-+]?0\d+")
_LONG = 18  # digits of a whole number, beyond which it is a code
_CODES = 0.05  # share of codes among whole numbers that need not be equally long
_LIMIT = re.compile(r"\s*[<>≤≥]")
_SPACE = re.compile(r"[\s;,|]+")
_TOKEN = re.compile(TOKEN)
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
_REFERENCE = re.compile(
    r"(?i)(https?://\S+|[\w.+-]+@[\w-]+(\.[\w-]+)+|[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{16,}"
    r"|([^\s]*[\\/])?[^\s\\/]+\.[a-z][a-z0-9]{1,4}|[^\s]*([\\/][^\s\\/]+){2,})"
)
_ID = re.compile(
    r"(?i)(.*[\s_.-])?(id|ids|idx|uuid|guid|rowid|row_?number)|index|key|rownames?|unnamed: \d+|.*[a-z]I[Dd]"
)


@dataclass(frozen=True, eq=False)
class Recognised:
    """What a column of n rows holds.

    Attributes:
        kind: see `Column`.
        values: (n,) or (n, d) float64 of numbers and dates, NaN where missing; (n,) str of categories and texts.
        why: why it is left out, or how it was read.
        used: whether it can be learned from.
        many: whether a category has too many levels for a feature each.
        codes: numbers that stand for a missing value.
    """

    kind: ColumnKind
    values: np.ndarray = field(default_factory=lambda: np.empty(0))
    why: str = ""
    used: bool = True
    many: bool = False
    codes: tuple[float, ...] = ()


def recognise(column: pd.Series, name: str, *, asked: bool = False) -> Recognised:
    """What a column holds, and its values in a form that can be encoded.

    - Left out are columns without any value, or with the same in every row, and identifiers: row numbers, names of
      files, hashes, and other text that differs in nearly every row and has no words in common with other rows.
    - Text is read as numbers if nine in ten values are numbers (see `parse_numbers`); the others count as missing, as
      do infinite numbers and codes such as -9999.
    - Whole numbers are an identifier if they differ in every row although so many different ones are improbable by
      chance, or increase from row to row, or if the name of the column says so.
    - Text of up to 64 levels, at most half as many as rows, is a category; beyond that it is free text if it has words
      that other rows have too, and otherwise a category of many levels.
    - Whole numbers with leading zeros are codes, that is text, if all are equally long or one in twenty has such zeros.

    Args:
        column: n rows.
        name: of the column.
        asked: whether somebody named the column as an input, so that an identifier is used too.
    """
    found = _recognised(column, name)
    if not asked or found.kind != "identifier" or found.why == _BYTES:
        return found
    why = f"{found.why}; used as asked"
    if types.is_numeric_dtype(column):
        return Recognised("number", column.to_numpy(dtype=np.float64, na_value=np.nan), why)
    return Recognised("category", _as_text(column), why, many=True)


def _recognised(column: pd.Series, name: str) -> Recognised:
    if types.is_datetime64_any_dtype(column):
        return _dates(pd.to_datetime(column, utc=True).dt.tz_localize(None).to_numpy(), "")
    if types.is_timedelta64_dtype(column):
        return _numbers(column.dt.total_seconds().to_numpy(dtype=np.float64), name, [])
    if types.is_complex_dtype(column):
        return Recognised("number", why="complex numbers", used=False)
    if types.is_numeric_dtype(column) and not types.is_bool_dtype(column):
        with np.errstate(all="ignore"):  # of numbers that are none
            return _numbers(column.to_numpy(dtype=np.float64, na_value=np.nan), name, [])
    if types.is_object_dtype(column):
        held = _of_objects(column)
        if held is not None:
            return held
    return _texts(column, name)


def _of_objects(column: pd.Series) -> Recognised | None:
    inside = types.infer_dtype(column, skipna=True)
    if inside == "bytes":
        return Recognised("identifier", why=_BYTES, used=False)
    if inside in ("date", "datetime", "datetime64"):
        return _dates(pd.to_datetime(column, utc=True, errors="coerce").dt.tz_localize(None).to_numpy(), "")
    if inside == "decimal":
        return _numbers(pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64), "", [])
    held = np.array([isinstance(value, (list, np.ndarray)) for value in column])
    rows = [value for value, one in zip(column, held, strict=True) if one]
    if rows and column[~held].isna().all() and len({np.shape(value) for value in rows}) == 1:
        vectors = np.asarray(rows)
        if vectors.dtype.kind in "iufb" and vectors.ndim == 2 and vectors.shape[1]:
            values = np.full((len(column), vectors.shape[1]), np.nan)
            values[held] = vectors
            return Recognised("number", values, f"{vectors.shape[1]} numbers per row")
    return None


def _numbers(values: np.ndarray, name: str, notes: list[str]) -> Recognised:
    infinite = np.isinf(values)
    if infinite.any():
        notes = [*notes, _as_missing(int(infinite.sum()), "infinite {}")]
        values = np.where(infinite, np.nan, values)
    known = values[~np.isnan(values)]
    if not len(known):
        return Recognised("constant", why="no values", used=False)
    if len(known) == len(values) and (known == known[0]).all():
        return Recognised("constant", why=f"always {known[0]:g}", used=False)
    read = dates.from_whole_numbers(values) if len(known) >= LEVELS // 2 else None
    if read is not None:
        return _dates(read, "written as 20240131")
    why = _why_identifier(values, known, name)
    if why:
        return Recognised("identifier", why=why, used=False)
    codes = tuple(missing_codes(values))
    for code in codes:
        notes = [*notes, _as_missing(int((values == code).sum()), f"{{}} {code:g}")]
        values = np.where(values == code, np.nan, values)
    return Recognised("number", values, "; ".join(notes), codes=codes)


def _as_missing(count: int, what: str) -> str:
    named = what.replace("{}", "value" if count == 1 else "values")
    return f"{count:,} {named} {'counts' if count == 1 else 'count'} as missing"


def _why_identifier(values: np.ndarray, known: np.ndarray, name: str) -> str:
    if (known != np.round(known)).any():
        return ""
    levels = len(np.unique(known))
    if levels == len(values):
        steps, span = np.diff(known), np.ptp(known) + 1
        if levels**2 / (2 * span) > _BY_CHANCE:
            return "numbers the rows"
        if len(values) >= 2 * _BY_CHANCE and ((steps > 0).all() or (steps < 0).all()):
            return "numbers the rows in their order"
    named = _ID.fullmatch(name) and levels > min(LEVELS, len(known) // 2)
    return f"named as an identifier, {levels:,} different values" if named else ""


def _dates(values: np.ndarray, why: str) -> Recognised:
    known = values[~np.isnat(values)]
    if not len(known):
        return Recognised("constant", why="no values", used=False)
    if len(known) == len(values) and (known == known[0]).all():
        return Recognised("constant", why=f"always {known[0]}", used=False)
    for code in dates.missing_dates(values):
        gone = values == code
        why = "; ".join(filter(None, (why, _as_missing(int(gone.sum()), f"{{}} {code.astype('datetime64[D]')}"))))
        values = np.where(gone, np.datetime64("NaT"), values)
    numbers, names = dates.as_numbers(values)
    return Recognised("date", numbers, "; ".join(part for part in (why, f"read as {names}") if part))


def _texts(column: pd.Series, name: str) -> Recognised:
    text = _as_text(column)
    codes, levels = pd.factorize(text)
    levels, places = np.unique(levels.astype(str), return_inverse=True)
    codes = places[codes]
    counts = np.bincount(codes, minlength=len(levels))
    filled = np.array([bool(level.strip()) for level in levels])
    if len(levels) < 2 or not filled.any():
        shown = f"always {_shown(levels)}" if filled.any() else "no values"
        return Recognised("constant", why=shown, used=False)
    codes_in = _codes(levels[filled], counts[filled])
    if not types.is_bool_dtype(column) and not codes_in:
        read = _read_as_numbers(levels, codes, counts, filled, name) or _read_as_dates(levels, codes, counts, filled)
        if read is not None:
            return read
    if len(levels) <= min(LEVELS, max(2, len(text) // 2)):
        return Recognised("category", text, codes_in)
    found = _of_many_levels(text, levels[filled], counts[filled], name)
    return replace(found, why="; ".join(filter(None, (codes_in, found.why)))) if codes_in else found


def _as_text(column: pd.Series) -> np.ndarray:
    missing = column.isna().to_numpy(dtype=bool)
    return column.astype(object).where(~missing, "").astype(str).to_numpy(dtype=object)


def _codes(levels: np.ndarray, counts: np.ndarray) -> str:
    """Why whole numbers are codes: they have leading zeros. Empty where they are not."""
    stripped = [level.strip() for level in levels]
    if all(level.lstrip("+-").isdecimal() for level in stripped) and max(map(len, stripped), default=0) > _LONG:
        return "codes, too long for numbers"
    zeros = np.array([bool(_CODE.fullmatch(level)) for level in stripped])
    if not zeros.any() or not all(level.lstrip("+-").isdecimal() for level in stripped):
        return ""
    alike = len({len(level) for level in stripped}) == 1
    return "codes, written with leading zeros" if alike or counts[zeros].sum() >= _CODES * counts.sum() else ""


def _read_as_numbers(
    levels: np.ndarray, codes: np.ndarray, counts: np.ndarray, filled: np.ndarray, name: str
) -> Recognised | None:
    found = np.full(len(levels), np.nan)
    found[filled] = parse_numbers(levels[filled].tolist())
    odd = np.isnan(found) & filled
    share = counts[filled & ~odd].sum() / counts[filled].sum()
    if share < 1 and (share <= MOSTLY or odd.sum() >= (filled & ~odd).sum()):
        return None
    notes = [_as_missing(int(counts[odd].sum()), "{} " + _shown(levels[odd]))] if odd.any() else []
    limits = np.array([bool(_LIMIT.match(level)) for level in levels]) & ~odd
    if limits.any():
        notes.append(f"{int(counts[limits].sum()):,} values such as {str(levels[limits][0])!r} count as their limit")
    return _numbers(found[codes], name, notes)


def _read_as_dates(levels: np.ndarray, codes: np.ndarray, counts: np.ndarray, filled: np.ndarray) -> Recognised | None:
    read = dates.parse_dates(levels[filled].tolist())
    if read is None:
        return None
    values, form = read
    found = np.full(len(levels), np.datetime64("NaT"), dtype="datetime64[s]")
    found[filled] = values.astype("datetime64[s]")
    odd = np.isnat(found) & filled
    notes = [_as_missing(int(counts[odd].sum()), "{} " + _shown(levels[odd]))] if odd.any() else []
    written = [] if form == "ISO8601" else [f"written as {dates.in_words(form)}"]
    return _dates(found[codes], "; ".join([*written, *notes]))


def _of_many_levels(text: np.ndarray, levels: np.ndarray, counts: np.ndarray, name: str) -> Recognised:
    rows = int(counts.sum())
    different = f"{len(levels):,} different values in {rows:,} rows" if len(levels) < rows else "differs in every row"
    references = sum(int(n) for level, n in zip(levels, counts, strict=True) if _REFERENCE.fullmatch(level.strip()))
    if references > MOSTLY * rows:
        return Recognised("identifier", why=f"file names, addresses or codes, {different}", used=False)
    if _has_words(levels, counts):
        return Recognised("text", text)
    if len(levels) > MOSTLY * rows or _ID.fullmatch(name) or counts.max() < 2:
        return Recognised("identifier", why=different, used=False)
    return Recognised("category", text, f"{different}; those that occur once count as one", many=True)


def _has_words(levels: np.ndarray, counts: np.ndarray) -> bool:
    """Whether these are free text: several words on average, and for most rows one that some other rows have too."""
    unspaced = sum(bool(_UNSPACED.search(level)) for level in levels) > len(levels) / 2
    pieces = [len(_SPACE.split(level.strip())) for level in levels]
    if not unspaced and np.average(pieces, weights=counts) < PIECES:
        return False
    held: list[set[str]] = [set(_TOKEN.findall(level.lower())) for level in levels]
    rows: dict[str, int] = {}
    for words in held:
        for word in words:
            rows[word] = rows.get(word, 0) + 1
    telling = {word for word, number in rows.items() if 2 <= number <= MOSTLY * len(levels)}
    return sum(bool(words & telling) for words in held) >= len(held) / 2


def _shown(levels: Sequence[Any] | np.ndarray) -> str:
    more = ", ..." if len(levels) > _SHOWN else ""
    return ", ".join(repr(str(level)[:20]) for level in levels[:_SHOWN]) + more
