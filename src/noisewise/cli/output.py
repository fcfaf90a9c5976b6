"""What commands print: JSON for machines, tables and lines for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from noisewise.cli.streams import shows_all
from noisewise.cli.text import printable
from noisewise.files import to_json

if TYPE_CHECKING:
    from noisewise.data.columns.column import Column
    from noisewise.data.dataset import Dataset

_WIDTH_OF_FILES = 120


def print_json(value: Any) -> None:
    """Print plain data as JSON on stdout."""
    click.echo(to_json(value, plain=not shows_all()), nl=False)


def print_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    lines = list(pairs)
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        click.echo(f"{name:<{width}}  {printable(value)}")


def about_columns(columns: Sequence[Column], notes: Sequence[str] = ()) -> list[tuple[str, str]]:
    """What became of the columns of a table, and what its reader noted, as pairs to print."""
    from noisewise.data.columns.column import ROLES, in_words

    labels = [("labels", f"column {column.name}") for column in columns if column.why == ROLES[0]]
    said = labels + [("columns" if at == 0 else "", line) for at, line in enumerate(in_words(columns))]
    return said + [("note", note) for note in notes]


def read_as(data: Dataset) -> dict[str, Any]:
    """What became of the columns of a table, and what its reader noted, as plain data; empty where there is neither."""
    columns, notes = [column.plain for column in data.columns], list(data.notes)
    return {**({"columns": columns} if columns else {}), **({"notes": notes} if notes else {})}


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", right: str = "") -> None:
    """Print a table on stdout.

    Args:
        columns: headings.
        rows: values of any type; each is printed as one line without control characters.
        title: a line above the table, after an empty line.
        right: the headings of right-aligned columns, separated by spaces.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in right.split() else "left", header_style="dim")
    for row in rows:
        table.add_row(*(Text(printable(value)) for value in row))
    if title:
        click.echo(f"\n{title}")
    width = None if sys.stdout.isatty() else _WIDTH_OF_FILES
    Console(width=width, highlight=False, markup=False, emoji=False).print(table)
