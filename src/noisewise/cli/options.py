"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    pass

Function = TypeVar("Function", bound=Callable[..., Any])

source = click.argument("source")
labels = click.option("--labels", metavar="COL", help="The label column of a table.")
data_dir = click.option("--data-dir", metavar="DIR", help="A folder to look for named sources in, before all others.")
rows = click.option("--rows", type=click.IntRange(min=2), metavar="N", help="Use a stratified random subset of N rows.")
seed = click.option("--seed", type=click.IntRange(min=0), default=0, metavar="S", help="Of everything random.")
model = click.option(
    "--model",
    metavar="NET",
    help="A name of `noisewise models`, or module:function; by default one that fits the data.",
)
device = click.option("--device", metavar="D", default="auto", help="cpu, cuda, cuda:1, or auto.")
settings = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A further setting of the training, such as lr=0.05; repeatable.",
)
injected = click.option("--corrupt", metavar="SPEC", help="Inject known noise first, such as symmetric:0.2.")
review_base = click.option(
    "--base",
    default="given",
    metavar="LABELS",
    help="The labels of rows that nobody reviews: given, or cleaned (issues take their suggestion).",
)
engine = click.option(
    "--engine",
    type=click.Choice(["serial", "local", "ray"]),
    default="local",
    help="Where to train: in this process, in processes of this machine, or on a Ray cluster.",
)
as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON on stdout, and nothing else there."
)


def out_folder(what: str) -> Callable[[Function], Function]:
    """`--out DIR`, required."""
    return click.option(
        "--out",
        required=True,
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help=f"The folder for {what}.",
    )


def out_file(what: str) -> Callable[[Function], Function]:
    """`--out FILE`, required."""
    return click.option(
        "--out",
        required=True,
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help=f"The file for {what}.",
    )


def together(*decorators: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """Several decorators as one; the first is listed first in the help."""
    return lambda function: reduce(lambda f, decorator: decorator(f), reversed(decorators), function)


def share(ctx: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Callback: a number in [0, 1].

    Raises:
        click.BadParameter: it is not.
    """
    if value is None or 0 <= value <= 1:
        return value
    raise click.BadParameter(f"{value} must lie between 0 and 1", ctx, parameter)
