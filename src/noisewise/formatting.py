"""Formatting of numbers for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

LONGEST = 200  # characters of a cell


def percent(share: float, digits: int = 1) -> str:
    """A share in [0, 1] as a percentage, such as `18.4 %`."""
    return f"{100 * share:.{digits}f} %"


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 row`, `1,797 rows`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def html_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]], below: str = "") -> str:
    """A table for a notebook (`_repr_html_`); every text is escaped.

    Args:
        title: a line above the table.
        heads: of the columns; none for a table of names and values.
        rows: the cells of each row, made text.
        below: a line under the table.
    """
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(_line(cell))}</td>' for cell in row)}</tr>" for row in rows)
    thead = f"<thead><tr>{head}</tr></thead>" if head else ""
    after = f"<p>{escape(below)}</p>" if below else ""
    return f"<div><p><strong>{escape(title)}</strong></p><table>{thead}<tbody>{lines}</tbody></table>{after}</div>"


def _line(cell: object) -> str:
    text = " ".join(str(cell).encode("utf-8", "replace").decode("utf-8").split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
