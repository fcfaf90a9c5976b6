"""Progress on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from noisewise.cli.streams import forgiving

_BAR = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())


class Meter(Protocol):
    """Shows the progress of a command."""

    def __call__(self, share: float) -> None:
        """Show the share of the work that is done, in [0, 1]."""

    def say(self, line: str, title: str | None = None) -> None:
        """Print a line; the work that follows is called `title`."""


class Bar:
    """A progress bar, with lines that scroll above it."""

    def __init__(self, bar: Progress, title: str) -> None:
        self._bar = bar
        self._task = bar.add_task(title, total=1.0)

    def __call__(self, share: float) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=share)

    def say(self, line: str, title: str | None = None) -> None:
        """Print above the bar, which starts again with the new title."""
        self._bar.console.print(line, markup=False, highlight=False)
        self._bar.update(self._task, completed=0.0, description=title)


class Lines:
    """A line per tenth of the work.

    Args:
        title: name of the work.
        tenths: whether to print a line per tenth; the lines of `say` are always printed.
    """

    def __init__(self, title: str, tenths: bool) -> None:
        self._title, self._tenths, self._next = title, tenths, 0.1

    def __call__(self, share: float) -> None:
        """Print a line if another tenth is done."""
        if self._tenths and share + 1e-9 >= self._next:
            done = int(10 * share + 1e-9)
            self._next = (done + 1) / 10
            with forgiving():
                click.echo(f"{self._title}: {10 * done} %", err=True)

    def say(self, line: str, title: str | None = None) -> None:
        """Print the line."""
        with forgiving():
            click.echo(line, err=True)


@contextlib.contextmanager
def progress(title: str, *, tenths: bool = True) -> Iterator[Meter]:
    """A meter for the work in the block; a bar is removed from the terminal at the end.

    Args:
        title: name of the work.
        tenths: whether to print a line per tenth of the work where there is no terminal.
    """
    if not sys.stderr.isatty():
        yield Lines(title, tenths)
        return
    with Progress(*_BAR, console=Console(stderr=True), transient=True) as bar:
        yield Bar(bar, title)
