"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from noisewise.errors import BadInput

Function = TypeVar("Function", bound=Callable[..., Any])

source = click.argument("source")
_labels = click.option("--labels", metavar="COL", help="Column of a table that holds the labels.")
_text = click.option("--text", metavar="COL", help="Column of a table whose texts are the only input.")
_columns = click.option(
    "--columns", metavar="COL", multiple=True, help="Learn from this column of a table alone; may be repeated."
)
_ignore = click.option("--ignore", metavar="COL", multiple=True, help="Do not learn from this column; may be repeated.")
_id = click.option("--id", metavar="COL", help="Column of a table that names its rows.")
_na = click.option(
    "--na",
    metavar="TEXT",
    multiple=True,
    help="Text that means a missing value, in labels too, besides an empty cell; may be repeated.",
)
_size = click.option(
    "--size",
    type=click.IntRange(min=1),
    metavar="N",
    help="Give images in files to networks at N x N pixels, aspect kept and middle cut out (default: the model's size, "
    "else their own up to 64).",
)
_skip_broken = click.option(
    "--skip-broken", is_flag=True, help="Leave out images that cannot be read; they are named and counted."
)
data_dir = click.option("--data-dir", metavar="DIR", help="Folder to look for named sources in first.")
rows = click.option("--rows", type=click.IntRange(min=2), metavar="N", help="Use a stratified random subset of N rows.")
seed = click.option("--seed", type=click.IntRange(min=0), default=0, metavar="S", help="Random seed.")
model = click.option(
    "--model",
    metavar="NET",
    help="Network: a name of `noisewise models`, or module:function (default: one that fits the data).",
)
device = click.option("--device", metavar="D", default="auto", help="Device: cpu, cuda, cuda:1, or auto.")
settings = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another setting of the training, such as lr=0.05; may be repeated.",
)
injected = click.option("--corrupt", metavar="SPEC", help="Inject known noise first, such as symmetric:0.2.")
review_base = click.option(
    "--base",
    default="given",
    metavar="LABELS",
    help="Labels of rows that are not reviewed: given, or cleaned (issues take the suggested label).",
)
engine = click.option(
    "--engine",
    type=click.Choice(["serial", "local", "ray"]),
    default="local",
    help="Where to train: in this process, in processes of this machine, or on a Ray cluster.",
)
engine_of_runs = click.option(
    "--engine",
    type=click.Choice(["stacked", "serial", "local", "ray"]),
    help="Where to train: runs of one kind of network as one computation (the default with a GPU), one after the other "
    "in this process, in processes of this machine (the default without), or on a Ray cluster.",
)
workers = click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of runs at a time (default: one per core; with ray, one per CPU of the cluster).",
)
as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON on stdout, and nothing else there."
)


def epochs(default: str) -> Callable[[Function], Function]:
    """`--epochs N`."""
    said = f"Number of epochs (default: {default})."
    return click.option("--epochs", type=click.IntRange(min=1), metavar="N", help=said)


class Place(click.Path):
    """A path to write to, which must not be empty: that would be the present folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path (called by click)."""
        if isinstance(value, str) and (not value or "\0" in value):
            self.fail(f"{value!r} is not a path", param, ctx)
        return super().convert(value, param, ctx)


def _writable(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """Find out before anything is computed whether the result can be written."""
    from noisewise.files import check_writable

    if value is not None:
        folder = isinstance(parameter.type, Place) and not parameter.type.file_okay
        check_writable(value if folder else value.parent)
    return value


def appendable(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """Find out before anything is computed whether lines can be added to a file.

    Raises:
        BadInput: they cannot.
    """
    if value is not None:
        there = value.exists()
        try:
            value.open("a").close()
        except OSError as error:
            raise BadInput(f"cannot append to --summary {value}: {error.strerror or error}") from error
        if not there:
            value.unlink()
    return value


def out_folder(what: str) -> Callable[[Function], Function]:
    """`--out DIR`, required."""
    return click.option(
        "--out",
        required=True,
        type=Place(path_type=Path, file_okay=False),
        callback=_writable,
        metavar="DIR",
        help=f"Folder to write to: {what}.",
    )


def out_file(what: str) -> Callable[[Function], Function]:
    """`--out FILE`, required."""
    return click.option(
        "--out",
        required=True,
        type=Place(path_type=Path, dir_okay=False),
        callback=_writable,
        metavar="FILE",
        help=f"File to write: {what}.",
    )


def together(*decorators: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """Several options as one decorator, in the order of the help page."""
    return lambda function: reduce(lambda f, decorator: decorator(f), reversed(decorators), function)


def _trusted(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | str | None:
    return int(value) if value is not None and value.isdecimal() else value


_trusted_rows = click.option(
    "--trusted",
    metavar="COL|FILE|N",
    callback=_trusted,
    help="Rows with known-correct labels: a column of a table that marks them or holds these labels, a file that names "
    "them (index, file or id), a file or folder of further rows, or `reviewed`. In train, a number N sets aside N rows "
    "whose truth is known.",
)
reading = together(_labels, _text, _columns, _ignore, _id, _na, _size, _skip_broken, _trusted_rows)
"""How SOURCE is read: the fields of `noisewise.data.reading.Reading`, by their names."""


def share(ctx: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Callback that checks that a number is in [0, 1].

    Raises:
        click.BadParameter: it is not.
    """
    if value is None or 0 <= value <= 1:
        return value
    raise click.BadParameter(f"{value} must lie between 0 and 1", ctx, parameter)
