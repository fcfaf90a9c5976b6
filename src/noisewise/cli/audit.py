"""`noisewise audit`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import noisewise
from noisewise.cli import options
from noisewise.cli.command import Command
from noisewise.cli.settings import read_settings
from noisewise.cli.text import percent

if TYPE_CHECKING:
    import pandas as pd

    from noisewise.auditing.findings import Findings

_PAIRS, _SUSPECTS = 5, 10
_MEASURED = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "auroc": "AUROC",
    "average_precision": "average precision",
}


@click.command(
    cls=Command,
    example="noisewise audit digits --corrupt symmetric:0.2 --out audit/\n"
    "noisewise audit photos/ --model resnet18 --epochs 20 --out audit/\n"
    "noisewise audit table.csv --labels species --fail-above 0.05 --out audit/",
)
@options.together(options.source, options.labels, options.injected, options.model)
@click.option("--method", metavar="SPEC", help="How each network trains: a name of `noisewise methods`; by default ce.")
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Passes over the rows per fold; by default the library chooses.",
)
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    metavar="N",
    help="Parts of the cross-fitting; by default the library chooses.",
)
@click.option(
    "--probs", metavar="FILE.npy", help="(n, K) out-of-sample probabilities of any other tool; nothing is trained."
)
@click.option("--features", metavar="FILE.npy", help="(n, d) embeddings; nothing is trained.")
@click.option(
    "--transition-estimator",
    "transition",
    metavar="NAME",
    help="Report the transition matrix by this estimator too: anchor, anchor-mean, dual-t or hoc.",
)
@click.option(
    "--fail-above", type=float, callback=options.share, metavar="R", help="Exit with 1 when the noise rate is above R."
)
@options.together(options.rows, options.seed, options.device, options.data_dir, options.settings)
@options.together(options.out_folder("summary.json, issues, report.html and the cleaned data"), options.as_json)
def audit(
    source: str,
    probs: str | None,
    features: str | None,
    fail_above: float | None,
    settings: tuple[str, ...],
    device: str,
    out: Path,
    as_json: bool,
    **arguments: Any,
) -> int:
    """Find the wrong labels of SOURCE.

    SOURCE is a name of `noisewise sources`, a folder of images per class, a .npz, .csv or .parquet file, or hf:NAME.
    """
    from noisewise.cli.output import print_json
    from noisewise.cli.progress import progress

    arrays: dict[str, Any] = {
        "probs": options.read_array("--probs", probs),
        "features": options.read_array("--features", features),
    }
    asked = {name: value for name, value in arguments.items() if value is not None}
    with progress("audit") as meter:
        found = noisewise.audit(
            source, **asked, **arrays, on_progress=meter, device=device, out=out, **read_settings(settings)
        )
    if as_json:
        print_json({**found.summary, "out": out.resolve()})
    else:
        _show(found, out)
    return _verdict(found.noise_rate, fail_above)


def _verdict(rate: float, limit: float | None) -> int:
    if limit is None or rate <= limit:
        return 0
    click.echo(f"the noise rate of {percent(rate)} is above --fail-above {percent(limit)}", err=True)
    return 1


def _show(found: Findings, out: Path) -> None:
    from noisewise.cli.output import print_pairs, print_table

    low, high = found.interval
    lines = [
        ("source", f"{found.data.name}: {len(found.data):,} rows, {len(found.data.classes)} classes"),
        ("noise rate", f"{percent(found.noise_rate)} (90 % interval {percent(low)} to {percent(high)})"),
        ("issues", f"{int(found.is_issue.sum()):,} rows"),
    ]
    if found.metrics:
        lines.append(("true noise rate", percent(found.metrics["true_noise_rate"])))
        known = [f"{title} {found.metrics[key]:.3f}" for key, title in _MEASURED.items() if key in found.metrics]
        lines.append(("against the truth", ", ".join(known)))
    print_pairs(lines)
    issues = found.issues[found.issues["is_issue"]]
    if len(issues):
        print_table(["given", "suggested", "rows"], _confused(issues), title="Most confused", right="rows")
        columns = ["index", "given", "suggested", "suspicion"]
        print_table(columns, _suspects(issues[columns]), title="Most suspect", right="index suspicion")
    click.echo(f"\nreport: {(out / 'report.html').resolve()}")


def _confused(issues: pd.DataFrame) -> list[tuple[object, ...]]:
    pairs = issues.groupby(["given", "suggested"]).size().nlargest(_PAIRS)
    return [(*names, rows) for names, rows in zip(pairs.index, pairs, strict=True)]


def _suspects(issues: pd.DataFrame) -> list[tuple[object, ...]]:
    return [(*known, f"{suspicion:.3f}") for *known, suspicion in issues.head(_SUSPECTS).itertuples(index=False)]
