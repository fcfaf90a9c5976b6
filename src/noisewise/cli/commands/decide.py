"""`noisewise decide`: apply a person's review decisions to the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

import noisewise
from noisewise.cli import options
from noisewise.cli.command import Command
from noisewise.errors import BadInput
from noisewise.formatting import count, percent

_BLOCKS = 10


@click.command(
    cls=Command,
    example="noisewise decide audit/ decisions.csv --out cleaned.csv\n"
    "noisewise decide audit/ decisions.csv --out cleaned/ --out reviewed.parquet\n"
    "noisewise decide photos/ decisions.csv --out cleaned/ --copy\n"
    "noisewise decide photos/ decisions.csv --out moves.csv\n"
    "noisewise decide audit/ ada.csv ben.csv --out reviewed.npz\n"
    "noisewise decide audit/ label-studio-export.json --base cleaned --out reviewed.npz",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("decisions", metavar="DECISIONS...", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.review_base
@click.option(
    "--source",
    metavar="PATH",
    help="The audited folder or table, if it is no longer where it was audited.",
)
@click.option(
    "--copy", is_flag=True, help="Copy images into the new folder (default: links to the files of the source)."
)
@options.reading
@click.option(
    "--out",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="What to write; may be repeated. DIR: a folder of images per class. The suffix of the audited table: this "
    "table, with other labels. .csv for a folder of images: the list of moves. .npz, .parquet: a data "
    "set that remembers what was reviewed.",
)
@options.as_json
def decide(
    folder: Path,
    decisions: tuple[Path, ...],
    base: str,
    source: str | None,
    copy: bool,
    out: tuple[Path, ...],
    as_json: bool,
    **reading: Any,
) -> None:
    """Apply the decisions of a review.

    DIR is the folder of the audit, or the audited data themselves where the decisions name their labels: in the column
    `label`, or for `accept` in `suggested`. DECISIONS is
    the CSV of its report or of `noisewise review`, an export of Label Studio (JSON or JSON-MIN), or FiftyOne's JSON;
    the format is recognised from the content. Several files, or a column `reviewer`, are several reviewers: the
    majority decides, and rows with a tie count as not reviewed.
    """
    from noisewise.auditing.review.folder import is_audit, original_data
    from noisewise.auditing.review.giving.give import check_out, give_back
    from noisewise.cli.output import print_json

    audit = folder if is_audit(folder) else None
    if audit is None:
        data, source = noisewise.load(folder, **reading), source or str(folder)
    else:
        stated = [name for name, value in reading.items() if value]
        if stated:
            raise BadInput(f"--{stated[0].replace('_', '-')} says how data are read, and {folder} is an audit of them")
        data = original_data(folder, source)
    for path in out:
        check_out(data, path, audit=audit, source=source)
    reviewed, summary = noisewise.decide(data, list(decisions), findings_folder=audit, base=base)
    written = [give_back(data, reviewed, path, audit=audit, source=source, copies=copy) for path in out]
    if as_json:
        said = [{**one, "out": Path(one["out"]).resolve()} for one in written]
        print_json({**summary, "out": said[0]["out"], "written": said})
    else:
        _show(summary, len(data), written)


def _show(summary: dict[str, Any], rows: int, written: Sequence[dict[str, Any]]) -> None:
    from noisewise.auditing.review.giving.give import in_words
    from noisewise.cli.output import print_pairs

    kinds = ", ".join(f"{count:,} {kind}" for kind, count in summary["decisions"].items())
    become = "keep the given label" if summary["base"] == "given" else "take the suggestion"
    issues = f", including {summary['issues_not_reviewed']:,} issues" if "issues_not_reviewed" in summary else ""
    per = _per_block(summary["reviewed"])
    lines = [
        ("reviewed", f"{summary['reviewed']:,} rows: {kinds}"),
        ("not reviewed", f"{summary['not_reviewed']:,} rows{issues}, which {become}"),
        ("relabelled", f"{summary['relabelled']:,} rows"),
        *_agreement(summary),
        ("changed", f"{_blocks(summary['changed_per_100'])} labels {per}, in the order of the review"),
    ]
    if "accuracy_before" in summary:
        before, after = percent(summary["accuracy_before"]), percent(summary["accuracy_after"])
        gained = summary["gain_per_100"]
        points = _blocks([100 * gain / rows for gain in gained], "+.2f")
        queued = "in all" if rows < 100 else "per 100"
        whole = summary["simulated_gain_per_100"]
        lines += [
            ("correct labels", f"{before} before, {after} after"),
            ("gain", f"{_blocks(gained, '+d')} labels {per}, in the order of the review"),
            ("", f"{points} points of accuracy"),
            ("simulated", f"{_blocks(whole['queue'], '+d')} labels {queued}, if a perfect reviewer followed the queue"),
            ("", f"{_blocks(whole['random'], '+.1f')} in random order"),
        ]
    lines += _certified(summary.get("certified"), rows)
    print_pairs([*lines, *in_words(written)])


def _agreement(summary: dict[str, Any]) -> list[tuple[str, str]]:
    found = summary.get("agreement")
    if found is None:
        return []
    if found["share"] is None:
        return [("agreement", "no row was decided by two reviewers")]
    kappa = "" if found["kappa"] is None else f", kappa {found['kappa']:.2f}"
    split = found["disagreements"]
    ties = sum(one["decided"] is None for one in split)
    lines = [("agreement", f"{percent(found['share'])} of {found['rows']:,} rows{kappa}")]
    if split:
        which = ", ".join(str(one["index"]) for one in split[:_BLOCKS]) + (", ..." if len(split) > _BLOCKS else "")
        lines.append(("", f"{count(len(split), 'disagreement')}, of which {ties:,} tied and not applied: {which}"))
    return lines


def _certified(found: dict[str, Any] | None, rows: int) -> list[tuple[str, str]]:
    if not found:
        return []
    rate = found["noise_rate"]
    lines = [("certified", f"from {found['reviews']:,} rows drawn at random, with 90 % intervals:")]
    lines.append(("noise rate", _between(rate, percent)))
    lines.append(("precision", f"{_between(found['precision'], percent)}: issues that are wrong"))
    lines.append(("recall", f"{_between(found['recall'], percent)}: wrong labels that are issues"))
    lines.append(("remaining", f"{_between(found['remaining'], '{:,.0f}'.format)} wrong labels among the other rows"))
    if found["undecided"]:
        left = "it may be right or wrong" if found["undecided"] == 1 else "they may be right or wrong"
        lines.append(("", f"{count(found['undecided'], 'row')} unsure or passed over: {left}"))
    more = found["more_for_two_points"]
    needed = "more than 5,000 reviews" if more is None else f"about {more:,} more reviews"
    lines.append(("to +-2 points", "reached" if more == 0 else needed))
    return lines


def _between(found: dict[str, float | None], form: Callable[[float], str]) -> str:
    low, high = form(found["low"] or 0.0), form(found["high"] or 0.0)
    return f"{low} to {high}" if found["estimate"] is None else f"{form(found['estimate'])} ({low} to {high})"


def _per_block(reviewed: int) -> str:
    """What the counts of a review refer to: its last block is smaller unless its length is a multiple of 100."""
    from noisewise.auditing.review.queue import BLOCK

    if 0 < reviewed < BLOCK:
        return f"among the {reviewed} reviewed"
    rest = reviewed % BLOCK
    return f"per {BLOCK} reviewed" + (f" ({rest} in the last block)" if rest else "")


def _blocks(counts: Sequence[float], form: str = "d") -> str:
    """The first of a list of numbers, and how many follow in a long list."""
    shown = ", ".join(format(count, form) for count in counts[:_BLOCKS]) or "0"
    return shown if len(counts) <= _BLOCKS else f"{shown} and {len(counts) - _BLOCKS} more blocks;"
