"""What became of a column of a table, as a value and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

ColumnKind = Literal["number", "category", "text", "date", "identifier", "constant"]
KINDS = {"number": "numbers", "category": "categories", "text": "texts", "date": "dates"}
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


def in_words(columns: Sequence[Column]) -> list[str]:
    """Sentences that say which columns are used, as what, and which are left out, and why.

    Columns of one kind, or left out for one reason, are named together, at most six of them.
    """
    used = {kind: [c.name for c in columns if c.used and c.kind == kind] for kind in KINDS}
    said = [f"{KINDS[kind]}: {_names(names)}" for kind, names in used.items() if names]
    lines = ["used are " + "; ".join(said)] if said else []
    lines += [f"{_short(c.name)}: {c.why}" for c in columns if c.used and c.why][:NAMED]
    reasons: dict[str, list[str]] = {}
    for column in columns:
        if not column.used:
            reasons.setdefault(f"{column.kind}: {column.why}" if column.why else column.kind, []).append(column.name)
    return lines + [f"left out: {_names(names)} ({reason})" for reason, names in reasons.items()]


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(_short(name) for name in names[:NAMED]) + more


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
