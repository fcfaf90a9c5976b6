"""`noisewise corrupt`: write a data set with known noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import noisewise
from noisewise.cli import options
from noisewise.cli.command import Command
from noisewise.formatting import percent


@click.command(
    cls=Command,
    example="noisewise corrupt digits symmetric:0.4 --seed 0 --out noisy.npz\n"
    "noisewise corrupt table.csv pair:0.2 --labels species --out noisy.parquet",
)
@options.source
@click.argument("spec")
@options.together(options.reading, options.rows, options.seed, options.data_dir)
@options.together(options.out_file("the noisy data set with its truth and provenance"), options.as_json)
def corrupt(
    source: str,
    spec: str,
    rows: int | None,
    seed: int,
    data_dir: str | None,
    out: Path,
    as_json: bool,
    **reading: Any,
) -> None:
    """Inject the noise SPEC into SOURCE.

    SPEC is a corruption of `noisewise corruptions` or several joined by +, such as symmetric:0.4+longtail:100.
    """
    from noisewise.cli.output import about_columns, print_json, print_pairs, read_as
    from noisewise.data.save import check_suffix

    data = noisewise.load(source, **reading, data_dir=data_dir)
    check_suffix(data, out)
    if rows is not None:
        data = noisewise.subset(data, rows, seed)
    noisy = noisewise.corrupt(data, spec, seed=seed)
    noisewise.save(noisy, out)
    rate = noisy.noise_rate
    if as_json:
        print_json(
            {
                "source": noisy.name,
                "spec": spec,
                "seed": seed,
                "rows": len(noisy),
                "noise_rate": rate,
                **read_as(data),
                "out": out.resolve(),
            }
        )
    else:
        wrong = "unknown" if rate is None else percent(rate)
        lines = [("rows", f"{len(noisy):,}"), ("wrong labels", wrong), *about_columns(data.columns, data.notes)]
        print_pairs([*lines, ("written to", str(out.resolve()))])
