"""What `noisewise study --list` prints: a line per study, or all about some."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from noisewise.cli.commands.catalogues import usable
from noisewise.cli.text import printable
from noisewise.threads import cores

NO_STUDIES = "there are no studies in this version"
_WIDTH_OF_FILES = 160
_TIMES = ("smoke", "cpu")


def print_studies(names: Sequence[str], everything: bool, as_json: bool) -> None:
    """Print the studies and what is known of them.

    Args:
        names: Studies to tell all about; none for a line per study.
        everything: Whether to tell all about all studies.
        as_json: Whether to print JSON.
    """
    from noisewise.cli.output import print_json
    from noisewise.studies import STUDIES, find
    from noisewise.studies.frame.measured import measured

    known = measured()
    chosen = [find(name) for name in dict.fromkeys(names)] if names else [STUDIES[name] for name in usable(STUDIES)]
    entries = [{**asdict(one.card), "measured": known.get(one.card.name, {})} for one in chosen]
    if as_json:
        print_json(entries)
    elif not entries:
        click.echo(NO_STUDIES)
    elif names or everything:
        click.echo("\n".join(map(_details, entries)), nl=False)
    else:
        _print_lines(entries)


def _print_lines(entries: Sequence[Mapping[str, Any]]) -> None:
    wide = max(len(entry["name"]) for entry in entries)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH_OF_FILES
    rows = [("study", *_TIMES, "claims", "finding"), *map(_cells, entries)]
    for name, smoke, cpu, claims, title in rows:
        line = f"{name:<{wide}}  {smoke:>7}  {cpu:>8}  {claims:<8}  {title}"
        click.echo(line if len(line) <= width else line[: width - 3].rstrip() + "...")
    click.echo(
        f"\nTimes are expected on the {cores()} cores here. Claims: hold/fail/undecided at the largest scale run."
    )
    click.echo("All about one: noisewise study NAME --list")


def _cells(entry: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    from noisewise.studies.frame.measured import last, verdicts

    found, scale = entry["measured"], last(entry["measured"])
    counted = "-" if scale is None else "/".join(map(str, verdicts(found[scale]["claims"])))
    smoke, cpu = (_expected(found.get(one)) for one in _TIMES)
    return printable(entry["name"]), smoke, cpu, counted, printable(entry["title"])


def _expected(measured: Mapping[str, Any] | None) -> str:
    from noisewise.studies.frame.measured import wall
    from noisewise.studies.frame.report import duration

    return "?" if measured is None else duration(wall(measured, cores()))


def _details(entry: Mapping[str, Any]) -> str:
    from noisewise.studies.frame.measured import last

    lines = [f"{entry['title']} ({entry['paper']}, {entry['year']}, {entry['figure']})", entry["shows"]]
    for scale, runs in entry["scales"].items():
        needs = f"; needs {entry['needs'][scale]}" if scale in entry["needs"] else ""
        lines.append(_time(scale, f"{runs}{needs}", entry["measured"].get(scale)))
    scale = last(entry["measured"])
    if scale is not None:
        lines.append(_judged(scale, entry["measured"][scale]["claims"]))
    wrapped = [textwrap.fill(printable(line), 110, initial_indent="  ", subsequent_indent="  ") for line in lines]
    return "\n".join([entry["name"], *wrapped]) + "\n"


def _time(scale: str, runs: str, measured: Mapping[str, Any] | None) -> str:
    from noisewise.studies.frame.report import computing

    if measured is None:
        return f"{scale}: {runs}; not measured"
    said = f"about {_expected(measured)} on the {cores()} cores here"
    return f"{scale}: {runs}; {said} ({computing(measured)} on {' and '.join(measured['machines'])})"


def _judged(scale: str, claims: Sequence[Mapping[str, Any]]) -> str:
    from noisewise.studies.frame.measured import verdict

    found = {claim["claim"]: verdict(claim) for claim in claims}
    counts = Counter(found.values())
    said = f"{counts['holds']} of {len(claims)} claims held when last run, at scale {scale}"
    for word, name in (("failed", "fails"), ("undecided", "undecided")):
        some = [claim for claim, one in found.items() if one == name]
        said += f"; {word}: {', '.join(some)}" if some else ""
    return said
