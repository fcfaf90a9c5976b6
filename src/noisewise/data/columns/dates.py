"""Dates: read from text and whole numbers, and made into numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

_DAYS = (
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%Y.%m.%d",
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
FORMATS = ("ISO8601", *(day + time for day in _DAYS for time in _TIMES), "%H:%M", "%H:%M:%S")
_WORDS = {
    "%d": "day",
    "%m": "month",
    "%b": "month",
    "%B": "month",
    "%Y": "year",
    "%y": "year",
    "%H": "hours",
    "%I": "hours",
    "%M": "minutes",
    "%S": "seconds",
    "%p": "AM/PM",
}
_CODES = np.array(
    ["0001-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "2099-12-31", "9999-12-31"],
    dtype="datetime64[D]",
)
_FEW = 3
_LIKE = re.compile(r".*\d.*\d.*")
_TRIED, _SHARE = 50, 0.99
_DAY, _WEEK, _YEAR = 1.0, 7.0, 365.2425
_EARLIEST, _LATEST = 1900_01_01, 2100_12_31


def parse_dates(texts: Sequence[str]) -> tuple[np.ndarray, str] | None:
    """(m,) datetime64 of m texts, NaT where one of them is no date, and the format; None unless 99 % are dates.

    Formats are ISO 8601 and the usual orders of day, month and year, with or without a time. Where a column can be read
    as month/day and as day/month, it is read as month/day with slashes and as day/month with dots or dashes.
    """
    sample = list(texts[:: max(1, len(texts) // _TRIED)])
    if not sample or not all(_LIKE.match(text) for text in sample):
        return None
    for form in FORMATS:
        if _parsed(sample, form).notna().mean() >= _SHARE:
            found = _parsed(list(texts), form)
            if found.notna().mean() >= _SHARE:
                return found.to_numpy(), form
    return None


def in_words(form: str) -> str:
    """A format as people write it: `day.month.year hours:minutes` of `%d.%m.%Y %H:%M`."""
    for sign, word in _WORDS.items():
        form = form.replace(sign, word)
    return form


def missing_dates(values: np.ndarray) -> list[np.datetime64]:
    """Dates such as 1900-01-01 that stand for a missing one: they repeat, and lie farther away than the others spread.

    Args:
        values: (n,) datetime64, NaT where missing.
    """
    days = values.astype("datetime64[D]")
    levels, counts = np.unique(days[~np.isnat(days)], return_counts=True)
    found: list[np.datetime64] = []
    while len(levels) > _FEW:
        for at, rest in ((0, levels[1:]), (-1, levels[:-1])):
            if levels[at] in _CODES and counts[at] > 1 and abs(levels[at] - rest[at]) > rest[-1] - rest[0]:
                found.append(levels[at])
                levels, counts = np.delete(levels, at), np.delete(counts, at)
                break
        else:
            break
    return found


def _parsed(texts: Sequence[str], form: str) -> pd.Series:
    try:
        found = pd.to_datetime(pd.Series(texts, dtype=object), format=form, errors="coerce", utc=True)
    except (ValueError, TypeError, OverflowError):
        return pd.Series(pd.NaT, index=range(len(texts)))
    return found.dt.tz_localize(None)


def from_whole_numbers(values: np.ndarray) -> np.ndarray | None:
    """(n,) datetime64 of whole numbers that are all dates written as 20240131; None if they are not."""
    known = values[np.isfinite(values)]
    if not len(known) or known.min() < _EARLIEST or known.max() > _LATEST or (known != np.round(known)).any():
        return None
    written = pd.Series(values).map(lambda value: f"{value:.0f}" if np.isfinite(value) else None)
    found = pd.to_datetime(written, format="%Y%m%d", errors="coerce")
    return found.to_numpy() if found.notna().sum() == len(known) else None


def as_numbers(dates: np.ndarray, wanted: str | None = None) -> tuple[np.ndarray, str]:
    """(n, d) float64 of dates, NaN where missing, and which numbers these are.

    The first number is the time in days. The positions in the year, the week and the day follow, as sine and cosine, if
    the dates span two of these and differ in them.

    Args:
        dates: (n,) datetime64, NaT where missing.
        wanted: which numbers; None chooses as above.
    """
    days = dates.astype("datetime64[s]").astype(np.float64) / 86400
    days[np.isnat(dates)] = np.nan
    known = days[np.isfinite(days)]
    parts, names = [days], ["days"]
    for name, period, offset in (("season", _YEAR, 0.0), ("weekday", _WEEK, 3.0), ("time of day", _DAY, 0.0)):
        place = np.floor(days + offset) % period if period > _DAY else days % period
        varies = len(known) and np.ptp(known) >= 2 * period and np.nanmax(place) - np.nanmin(place) > 1e-9
        if varies if wanted is None else name in wanted.split(", "):
            angle = 2 * np.pi * place / period
            parts += [np.sin(angle), np.cos(angle)]
            names.append(name)
    return np.column_stack(parts), ", ".join(names)
