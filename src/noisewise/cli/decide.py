"""`noisewise decide`: a person's decisions go back into the data."""

from __future__ import annotations

from pathlib import Path

import click

import noisewise
from noisewise.cli import options
from noisewise.cli.command import Command


@click.command(cls=Command, example="noisewise decide audit/ decisions.csv --out reviewed.npz")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("decisions", metavar="DECISIONS.csv", type=click.Path(path_type=Path))
@options.together(options.out_file("the reviewed data set"), options.as_json)
def decide(folder: Path, decisions: Path, out: Path, as_json: bool) -> None:
    """Apply the decisions made on a report.

    DIR is the folder of the audit, DECISIONS.csv what its report exported."""
    from noisewise.cli.output import print_json

    print_json([str(folder), str(decisions), str(out), as_json, noisewise.__name__])
