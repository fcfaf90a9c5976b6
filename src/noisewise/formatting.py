"""Formatting of numbers for people."""

from __future__ import annotations


def percent(share: float, digits: int = 1) -> str:
    """A share in [0, 1] as a percentage, such as `18.4 %`."""
    return f"{100 * share:.{digits}f} %"


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 row`, `1,797 rows`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
