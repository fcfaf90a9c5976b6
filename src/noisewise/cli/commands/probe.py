"""`noisewise probe`: measure a data set."""

from __future__ import annotations

from typing import Any

import click

import noisewise
from noisewise.cli import options
from noisewise.cli.command import Command


@click.command(
    cls=Command,
    example="noisewise probe complexity digits --corrupt symmetric:0.4\n"
    "noisewise probe complexity:examples=1000,lid table.parquet --labels y --json",
)
@click.argument("names")
@options.source
@options.together(options.reading, options.injected, options.rows, options.seed, options.data_dir, options.as_json)
def probe(
    names: str,
    source: str,
    corrupt: str | None,
    rows: int | None,
    seed: int,
    data_dir: str | None,
    as_json: bool,
    **reading: Any,
) -> None:
    """Measure the data set SOURCE with the probes NAMES.

    NAMES are names of `noisewise probes` that need no network, separated by commas, with options such as
    complexity:examples=1000. Probes that need a network run during training: `noisewise train --probe`.
    """
    from noisewise.cli.output import about_columns, print_json, print_pairs

    data = noisewise.load(source, **reading, data_dir=data_dir)
    if rows is not None:
        data = noisewise.subset(data, rows, seed)
    if corrupt:
        data = noisewise.corrupt(data, corrupt, seed=seed)
    found = noisewise.probe(data, names, seed=seed)
    if as_json:
        print_json(found)
        return
    if said := about_columns(data.columns, data.notes):
        print_pairs(said)
    for name, measured in found.items():
        columns = noisewise.PROBES[name].card.columns
        rows_seen = f"{int(measured['rows']):,} of {len(data):,} rows"
        lines = [(column, f"{value:.4g}  {columns.get(column, '')}") for column, value in measured.items()]
        print_pairs([(name, rows_seen), *(line for line in lines if line[0] != "rows")])
