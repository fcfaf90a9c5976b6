"""`noisewise decide`: a person's decisions go back into the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import noisewise
from noisewise.cli import options
from noisewise.cli.command import Command
from noisewise.cli.text import percent


@click.command(cls=Command, example="noisewise decide audit/ decisions.csv --out reviewed.npz")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("decisions", metavar="DECISIONS.csv", type=click.Path(path_type=Path))
@options.together(options.out_file("the reviewed data set"), options.as_json)
def decide(folder: Path, decisions: Path, out: Path, as_json: bool) -> None:
    """Apply the decisions made on a report.

    DIR is the folder of the audit, DECISIONS.csv what its report exported.
    """
    from noisewise.auditing.decide import original_data
    from noisewise.cli.output import print_json
    from noisewise.data.save import check_suffix

    data = original_data(folder)
    check_suffix(data, out)
    reviewed, summary = noisewise.decide(data, decisions, findings_folder=folder)
    noisewise.save(reviewed, out)
    if as_json:
        print_json({**summary, "out": out.resolve()})
    else:
        _show(summary, out)


def _show(summary: dict[str, Any], out: Path) -> None:
    from noisewise.cli.output import print_pairs

    kinds = ", ".join(f"{count} {kind}" for kind, count in summary["decisions"].items())
    lines = [("reviewed", f"{summary['reviewed']} rows: {kinds}"), ("relabelled", f"{summary['relabelled']} rows")]
    if "accuracy_before" in summary:
        before, after = percent(summary["accuracy_before"]), percent(summary["accuracy_after"])
        gains = ", ".join(f"{gain:+d}" for gain in summary["gain_per_100"])
        lines.append(("correct labels", f"{before} before, {after} after"))
        lines.append(("gain", f"{gains} labels per 100 reviewed, in the order of the review"))
    print_pairs([*lines, ("written to", str(out.resolve()))])
