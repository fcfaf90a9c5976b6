"""`noisewise study`: published experiments, run again."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from noisewise.cli import options
from noisewise.cli.command import Command
from noisewise.cli.commands.catalogues import usable
from noisewise.cli.commands.study_list import NO_STUDIES, print_studies
from noisewise.cli.text import printable
from noisewise.errors import BadInput

if TYPE_CHECKING:
    from noisewise.compute import Done
    from noisewise.studies import Claim, Outcome, Study

_LEFT = 3  # the exit code where the minutes were over


@click.command(
    cls=Command,
    example="noisewise study --list\nnoisewise study NAME --list\nnoisewise study NAME --scale smoke --out studies/\n"
    "noisewise study NAME --claims\nnoisewise study --all --out studies/",
)
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--all", "everything", is_flag=True, help="Run all studies that have the scale.")
@click.option(
    "--list",
    "listing",
    is_flag=True,
    help="List the studies, one line each, with expected times and claims; with NAME or --all in detail.",
)
@click.option("--claims", "claims", is_flag=True, help="List claims and their thresholds; run nothing.")
@click.option(
    "--scale",
    type=click.Choice(["smoke", "cpu", "paper"]),
    default="cpu",
    help="smoke: seconds. cpu: minutes on two cores with real data. paper: the paper's data and networks, on a GPU.",
)
@click.option("--panels", is_flag=True, help="Also write every panel of the figure on its own: figure-a.png, ...")
@click.option("--source", metavar="SOURCE", help="Use your own data, where the study allows it.")
@click.option("--model", metavar="NET", help="Use your own network: a name of `noisewise models`, or module:function.")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="M",
    help="Do as much as fits into M minutes: trainings then stop at a checkpoint, and the same command goes on.",
)
@options.device
@options.engine_of_runs
@options.workers
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder to write to: studies and their runs; required unless --list or --claims.",
)
@options.as_json
def study(
    names: tuple[str, ...],
    everything: bool,
    listing: bool,
    claims: bool,
    scale: str,
    panels: bool,
    source: str | None,
    model: str | None,
    minutes: float | None,
    device: str,
    engine: str | None,
    workers: int | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Run published experiments again: their runs, their figure, their claims.

    NAME is one of `--list`, or module:attribute for a study of your own. Runs that are done are not repeated. A claim
    is undecided where its threshold lies within the sampling error. The exit code is 1 when a run or a gated claim
    fails, and 3 when the minutes were over first."""
    if bool(names) + everything + (listing and not names and not everything) != 1:
        raise BadInput("say which studies: NAME..., or --all, or --list")
    if listing:
        print_studies(names, everything, as_json)
        return 0
    if claims:
        _list_claims(_chosen(names, scale), scale, as_json)
        return 0
    if out is None:
        raise BadInput("--out is missing: the folder for the studies and their runs")
    from noisewise.run.engines import engine_of
    from noisewise.studies import perform_all

    chosen = _chosen(names, scale)
    where = engine_of(engine, workers, devices=[device], say=lambda line: click.echo(line, err=True))
    with _reporter(sum(len(one.tasks(scale, source=source, model=model)) for one in chosen)) as report:
        ended = list(
            perform_all(
                chosen,
                scale,
                out=out,
                source=source,
                model=model,
                panels=panels,
                engine=where,
                minutes=minutes,
                device=device,
                on_done=report,
            )
        )
    _show(ended, as_json)
    if any(outcome.left for outcome in ended):
        return _LEFT
    return 0 if all(outcome.passed for outcome in ended) else 1


def _chosen(names: tuple[str, ...], scale: str) -> list[Study]:
    """The studies of these names, each once, or all that have the scale."""
    from noisewise.studies import STUDIES, find

    if names:
        return [find(name) for name in dict.fromkeys(names)]
    if not STUDIES:
        click.echo(NO_STUDIES, err=True)
    chosen = []
    for name in usable(STUDIES):
        found = STUDIES[name]
        if scale in found.card.scales:
            chosen.append(found)
        else:
            click.echo(f"{found.card.name}: has no scale {scale}", err=True)
    return chosen


@contextlib.contextmanager
def _reporter(runs: int) -> Iterator[Callable[[Study, Done, int], None]]:
    """Report every run of a study as it ends, of so many over all studies."""
    from noisewise.cli.progress import progress

    ended: Counter[str] = Counter()
    errors: set[str] = set()
    with progress("studies", tenths=False) as meter:

        def report(one: Study, done: Done, count: int) -> None:
            name = one.card.name
            ended[name] += 1
            ending = "left for the next call" if done.left else "was done" if done.cached else "done"
            if done.error:
                ending = "failed, as one before" if done.error in errors else f"failed: {done.error}"
                errors.add(done.error)
            meter.say(printable(f"{name} {ended[name]}/{count}: {done.task.title}: {ending}"), name)
            meter(ended.total() / runs)

        yield report


def _show(ended: list[Outcome], as_json: bool) -> None:
    from noisewise.cli.output import print_json, print_table

    if as_json:
        print_json([_plain(outcome) for outcome in ended])
        return
    rows = [
        (outcome.study.card.name, claim.id, claim.statement, claim.found, _n(claim), claim.required, _word(claim))
        for outcome in ended
        for claim in outcome.claims
    ]
    if rows:
        print_table(["study", "claim", "statement", "measured", "n", "required", ""], rows, right="measured n required")
    for outcome in ended:
        click.echo(printable(f"{outcome.study.card.name}: {_ending(outcome)}"))


def _list_claims(studies: list[Study], scale: str, as_json: bool) -> None:
    """Print the claims of studies and what they require, before any run."""
    from noisewise.cli.output import print_json, print_table

    claims = [(one.card.name, claim) for one in studies for claim in one.listed(one.scale(scale))]
    if as_json:
        fields = ("claim", "statement", "comparison", "threshold", "scale")
        entries = [(name, claim.plain(scale), claim.optional) for name, claim in claims]
        print_json([{"study": name, **{k: entry[k] for k in fields}, "optional": o} for name, entry, o in entries])
        return
    rows = [
        (name, claim.id, claim.statement, f"{claim.required}{' (optional)' if claim.optional else ''}")
        for name, claim in claims
    ]
    print_table(["study", "claim", "statement", "required"], rows, right="required")


def _n(claim: Claim) -> str:
    return "" if claim.n is None else f"{claim.n:,}"


def _word(claim: Claim) -> str:
    verdict = claim.verdict.upper() if claim.fails and claim.gated else claim.verdict
    return verdict + ("" if claim.gated else " (not gated)")


def _ending(outcome: Outcome) -> str:
    from noisewise.formatting import count
    from noisewise.studies.frame.report import duration, totals

    if outcome.left:
        return f"{count(len(outcome.left), 'run')} left: give the command again to go on"
    if outcome.failed:
        return f"{len(outcome.failed)} runs failed, so nothing is claimed: give the command again to go on"
    said = f"{totals(outcome.claims)} at scale {outcome.scale}"
    return f"{said}; {duration(outcome.seconds)} of computing; report: {(outcome.folder / 'report.html').resolve()}"


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {
        "study": outcome.study.card.name,
        "scale": outcome.scale,
        "passed": outcome.passed,
        "claims": [claim.plain(outcome.scale) for claim in outcome.claims],
        "failed": [{"run": done.task.title, "error": done.error} for done in outcome.failed],
        "left": [done.task.title for done in outcome.left],
        "seconds": outcome.seconds,
        "out": outcome.folder.resolve(),
    }
