"""`noisewise review`: write the rows to review next for another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from noisewise.cli import options
from noisewise.cli.command import Command


@click.command(
    cls=Command,
    example="noisewise review audit/ --to csv --out queue.csv\n"
    "noisewise review audit/ --for rate -n 60 --out sample.csv\n"
    "noisewise review audit/ --to label-studio --limit 200 --out tasks.json\n"
    "noisewise review audit/ --to fiftyone --base cleaned --out queue/",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--to", default="csv", metavar="TOOL", help="Tool to write for: csv (default), label-studio or fiftyone.")
@click.option(
    "--for",
    "purpose",
    default="labels",
    metavar="PURPOSE",
    help="labels (default): the rows whose review gains most. rate: a random sample that certifies the noise rate.",
)
@options.review_base
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(min=1),
    metavar="N",
    help="Largest number of rows, from the front of the queue (default: 500, for the rate 60).",
)
@click.option(
    "--decided",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Decisions of a reviewer, left out; may be repeated. Rows on which reviewers disagree come first.",
)
@click.option(
    "--images",
    default="embed",
    metavar="HOW",
    help="Images of Label Studio: embed (in the tasks) or folder (in a folder next to FILE).",
)
@click.option(
    "--document-root",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder that Label Studio serves local files from (default: the folder of FILE).",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File or folder to write: .json for Label Studio, .csv, or a folder for FiftyOne.",
)
@options.as_json
def review(folder: Path, to: str, out: Path, as_json: bool, **arguments: Any) -> None:
    """Write the review queue for another tool.

    DIR is the folder of the audit. Rows are sorted by the number of correct labels that their review is expected to
    gain. With `--for rate` they are a random sample in a fixed order, from which `noisewise decide` certifies the noise
    rate. Apply the decisions with `noisewise decide`.
    """
    from noisewise.auditing.review.exchange.export import export_review
    from noisewise.cli.output import print_json, print_pairs

    summary = export_review(folder, to, out, **arguments)
    files = [file.resolve() for file in summary["files"]]
    if as_json:
        print_json({**summary, "files": files})
        return
    more = f"{summary['expected_gain']:.1f} more correct labels than the {summary['base']} ones"
    gain = ("expected gain", f"{more}, once all rows are reviewed")
    if summary["purpose"] == "rate":
        gain = ("order", "a random sample at any length: review from the top, stop anywhere, leave no row out")
    written = [("written to" if at == 0 else "", str(file)) for at, file in enumerate(files)]
    print_pairs([("rows", f"{summary['rows']:,}"), gain, *written])
