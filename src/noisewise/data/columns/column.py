"""What became of a column of a table, as a value and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

ColumnKind = Literal["number", "category", "text", "date", "image", "identifier", "constant"]
KINDS = {"number": "numbers", "category": "categories", "text": "texts", "date": "dates", "image": "images"}
ROLES = ("the labels", "the correct labels, never an input")
IGNORED, ROW_NAMES = "ignored, as asked", "names the rows"
KEPT = "; --id COLUMN keeps it in every list of rows"
NAMED, LONGEST = 6, 40


@dataclass(frozen=True)
class Column:
    """What became of one column of a table.

    Attributes:
        name: of the column.
        kind: what it holds; an "identifier" differs in (nearly) every row, a "constant" in none.
        used: whether models learn from it.
        why: why it is left out, or how it was read where that is not obvious; may be empty.
        width: number of features that it became among the inputs of a table; 0 for text and categories of many levels,
            which share the features of words that follow all others.
    """

    name: str
    kind: ColumnKind
    used: bool
    why: str = ""
    width: int = 0

    @property
    def plain(self) -> dict[str, Any]:
        """`name`, `kind`, `used` and `why`, for JSON."""
        return {"name": self.name, "kind": self.kind, "used": self.used, "why": self.why}


def in_words(columns: Sequence[Column], *, advise: bool = True) -> list[str]:
    """Sentences that say which columns are used, as what, and which are left out, and why; labels are not mentioned.

    Columns of one kind are named together, at most six of them.

    Args:
        columns: of a table.
        advise: whether the line about identifiers says how they stay in lists of rows, if none of them names the rows.
    """
    used = {kind: [c for c in columns if c.used and c.kind == kind] for kind in KINDS}
    said = [f"{KINDS[kind]}: {_listed(found)}" for kind, found in used.items() if found]
    lines = ["used are " + "; ".join(said)] if said else []
    lines += [f"column {_short(c.name)}: {c.why}" for c in columns if c.used and c.why][:NAMED]
    left: dict[str, list[Column]] = {}
    for column in columns:
        if not column.used and column.why not in ROLES:
            left.setdefault(f" as {column.kind}" if column.kind not in KINDS else "", []).append(column)
    for kind, found in left.items():
        asked = all(column.why == IGNORED for column in found) or any(column.why == ROW_NAMES for column in columns)
        hint = KEPT if advise and kind == " as identifier" and not asked else ""
        lines.append(f"left out{kind}: {_listed(found, why=True)}{hint}")
    return lines


def _listed(columns: Sequence[Column], why: bool = False) -> str:
    more = f" and {len(columns) - NAMED:,} more" if len(columns) > NAMED else ""
    if not why or len({column.why for column in columns}) == 1:
        names = ", ".join(_short(column.name) for column in columns[:NAMED]) + more
        return f"{names} ({columns[0].why})" if why else names
    return ", ".join(f"{_short(column.name)} ({column.why})" for column in columns[:NAMED]) + more


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
