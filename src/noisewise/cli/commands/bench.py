"""`noisewise bench`: a grid of runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from noisewise.cli import options
from noisewise.cli.command import Command
from noisewise.cli.text import printable

if TYPE_CHECKING:
    from noisewise.compute import Done


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.command(cls=Command, example="noisewise bench grid.toml --workers 2 --out bench/")
@click.argument("spec", type=click.Path(path_type=Path), metavar="SPEC.toml")
@options.engine_of_runs
@options.workers
@options.together(options.out_folder("results.parquet, the leaderboard and the runs"), options.as_json)
def bench(spec: Path, engine: str | None, workers: int | None, out: Path, as_json: bool) -> int:
    """Train a grid of runs and rank the methods.

    Runs that are finished are not repeated. The exit code is 1 when a run fails.
    """
    from noisewise.bench import bench as run_grid
    from noisewise.cli.output import print_json, print_pairs
    from noisewise.run.engines import engine_of

    failed: list[Done] = []

    def report(done: Done) -> None:
        failed.extend([done] if done.error else [])
        ending = f"failed: {done.error}" if done.error else ("was done" if done.cached else "done")
        click.echo(printable(f"{done.task.title}: {ending}"), err=True)

    results = run_grid(spec, out, engine=engine_of(engine, workers, say=_say), on_done=report)
    if as_json:
        print_json({"finished": len(results), "failed": [done.error for done in failed], "out": out.resolve()})
    else:
        board = str((out / "leaderboard.html").resolve()) if len(results) else "none: no run finished"
        print_pairs([("finished", f"{len(results)} runs"), ("failed", f"{len(failed)} runs"), ("leaderboard", board)])
    return 1 if failed else 0
