"""`noisewise audit`: find the wrong labels of a data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from noisewise.cli import options
from noisewise.cli.command import Command
from noisewise.cli.command_line import command_line
from noisewise.cli.settings import read_settings
from noisewise.errors import BadInput
from noisewise.formatting import percent

if TYPE_CHECKING:
    import pandas as pd

    from noisewise.auditing.findings import Findings
    from noisewise.auditing.gate import Gate

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
@options.together(options.source, options.reading)
@options.injected
@click.option(
    "--model",
    metavar="NET",
    help="Model: a name of `noisewise models`, module:function, or blend, forest, boosting, linear (default: one that "
    "fits the data).",
)
@click.option(
    "--method", metavar="SPEC", help="Method that trains each network: a name of `noisewise methods` (default: ce)."
)
@options.epochs("10")
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    metavar="N",
    help="Number of folds of the cross-fitting (default: 3 for networks, 5 for classifiers).",
)
@click.option(
    "--probs",
    metavar="FILE",
    multiple=True,
    help="(n, K) out-of-sample probabilities of another tool, .npy, .parquet or .csv; nothing is trained. Columns are "
    "matched by the names of classes, rows by a column of ids. Several, each with this option, are stacked by how well "
    "they predict the labels.",
)
@click.option(
    "--features", metavar="FILE", help="(n, d) embeddings, .npy, .parquet or .csv, from which the labels are predicted."
)
@click.option(
    "--embed",
    metavar="FOLDER|NAME",
    help="Pretrained model, in a folder or on the hub, whose embeddings of texts or images are audited.",
)
@click.option(
    "--budget",
    type=click.Choice(["quick", "default", "thorough"]),
    default="default",
    show_default=True,
    help="How much may be computed: cheap models alone, what takes about two minutes for a few thousand rows, or all "
    "candidates.",
)
@click.option(
    "--transition-estimator",
    "transition",
    metavar="NAME",
    help="Also report the transition matrix of this estimator: anchor, anchor-mean, dual-t or hoc.",
)
@click.option(
    "--detectors",
    metavar="all|NAME,NAME",
    help="Also report the scores of these detectors, names of `noisewise detectors` or module:attribute of your own "
    "(default: those that cost nothing extra).",
)
@click.option(
    "--no-conditions",
    "conditions",
    flag_value=False,
    type=bool,
    default=True,
    show_default=False,
    help="Do not look for duplicates, outliers and ambiguous rows.",
)
@click.option(
    "--fail-above",
    type=float,
    callback=options.share,
    metavar="R",
    help="Exit with code 1 when the noise rate is above R.",
)
@click.option(
    "--fail-when-sure", is_flag=True, help="With --fail-above, compare the lower end of the noise rate's interval."
)
@click.option(
    "--summary",
    type=options.Place(path_type=Path, dir_okay=False, writable=True),
    callback=options.appendable,
    metavar="FILE",
    help="Append the Markdown summary to FILE, such as $GITHUB_STEP_SUMMARY.",
)
@options.engine
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of folds at a time (default: by the length of the audit; with ray, one per CPU of the cluster).",
)
@options.together(options.rows, options.seed, options.device, options.data_dir, options.settings)
@options.together(options.out_folder("summary.json and .md, issues, report.html and the cleaned data"), options.as_json)
@click.pass_context
def audit(
    ctx: click.Context,
    source: str,
    probs: tuple[str, ...],
    features: str | None,
    summary: Path | None,
    settings: tuple[str, ...],
    device: str,
    engine: str,
    workers: int | None,
    out: Path,
    as_json: bool,
    **arguments: Any,
) -> int:
    """Find the wrong labels of SOURCE.

    SOURCE is a name of `noisewise sources`, a folder of images per class, a .npz file, a table (.csv, .tsv, .json or
    .jsonl, each also with .gz, .parquet or .xlsx), a .txt file of lines "__label__NAME TEXT", or hf:NAME.
    """
    from noisewise.auditing.gathering.engines import fold_engine
    from noisewise.auditing.pipeline import run_audit
    from noisewise.auditing.plan import AuditPlan
    from noisewise.auditing.progress import Progress
    from noisewise.cli.output import print_json
    from noisewise.cli.progress import progress
    from noisewise.data.readers.matrices import read_given
    from noisewise.files import occupied

    arrays: dict[str, Any] = {
        "probs": [read_given(file, "--probs") for file in probs] or None,
        "features": None if features is None else read_given(features, "--features"),
    }
    plan = AuditPlan(source=source, settings={"device": device, **read_settings(settings)}, **arguments)
    with occupied(out):
        with progress("audit") as meter:
            where = fold_engine(engine, workers, meter.say, gpu=device != "cpu")
            found = run_audit(plan, **arrays, engine=where, progress=Progress(meter))
        found = replace(found, command=command_line(ctx, leave_out=("as_json", "summary")))
        found.save(out)
    if summary is not None:
        _append(summary, found)
    if as_json:
        print_json({**found.summary, "out": out.resolve()})
    else:
        _show(found, out)
    return _verdict(found.gate)


def _verdict(gate: Gate | None) -> int:
    if gate is None or gate.passed:
        return 0
    said = "lower end of the noise rate's interval" if gate.sure else "noise rate"
    click.echo(f"the {said} of {percent(gate.measured)} is above --fail-above {percent(gate.limit)}", err=True)
    return 1


def _append(path: Path, found: Findings) -> None:
    from noisewise.auditing.report.markdown import render_markdown

    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(render_markdown(found))
    except OSError as error:
        raise BadInput(f"cannot append to --summary {path}: {error.strerror or error}") from error


def _show(found: Findings, out: Path) -> None:
    from noisewise.auditing.report.models import models_in_short
    from noisewise.cli.output import about_columns, print_pairs, print_table
    from noisewise.data.images.files import size_note
    from noisewise.data.row_names import name_columns

    if found.weak:
        click.echo(f"Weak evidence: {found.weak}\n")
    (low, high), actions = found.interval, found.judgement.actions
    note = size_note(found.data)
    lines = [
        ("source", f"{found.data.name}: {len(found.data):,} rows, {len(found.data.classes)} classes"),
        *([] if note is None else [("images", note)]),
        *([("unlabelled", found.about_unlabelled)] if found.about_unlabelled else []),
        ("noise rate", f"{percent(found.noise_rate)} (90 % interval {percent(low)} to {percent(high)})"),
        ("issues", f"{int(found.is_issue.sum()):,} rows with suspicion above {found.threshold:.2f}"),
        ("cleaned copy", f"{actions['relabel']:,} relabelled, {actions['unsure']:,} unsure (given label kept)"),
        ("models", models_in_short(found.candidates)),
        *_not_run(found),
        *_conditions(found),
    ]
    if found.metrics:
        lines.append(("true noise rate", percent(found.metrics["true_noise_rate"])))
        known = [f"{title} {found.metrics[key]:.3f}" for key, title in _MEASURED.items() if key in found.metrics]
        lines.append(("against the truth", ", ".join(known)))
    print_pairs([*lines, *about_columns(found.data.columns, found.data.notes)])
    issues = found.issues[found.issues["is_issue"]]
    if len(issues):
        print_table(["given", "suggested", "rows"], _confused(issues), title="Most confused", right="rows")
        columns = [*name_columns(issues, "given"), "given", "suggested", "suspicion"]
        print_table(columns, _suspects(issues[columns]), title="Most suspect", right="index suspicion")
    click.echo(f"\nreport: {(out / 'report.html').resolve()}")


def _not_run(found: Findings) -> list[tuple[str, str]]:
    skipped = [f"{one.name} ({one.note})" for one in found.candidates if one.loss is None]
    return [("not run", "; ".join(skipped))] if skipped else []


def _conditions(found: Findings) -> list[tuple[str, str]]:
    """How many duplicates, outliers and ambiguous rows there are, where they were looked for and found."""
    from noisewise.auditing.report.summary_text import conditions_text

    said = conditions_text(found)
    return [("besides", said)] if said else []


def _confused(issues: pd.DataFrame) -> list[tuple[object, ...]]:
    pairs = issues.groupby(["given", "suggested"]).size().nlargest(_PAIRS)
    return [(*names, rows) for names, rows in zip(pairs.index, pairs, strict=True)]


def _suspects(issues: pd.DataFrame) -> list[tuple[object, ...]]:
    return [(*known, f"{suspicion:.3f}") for *known, suspicion in issues.head(_SUSPECTS).itertuples(index=False)]
