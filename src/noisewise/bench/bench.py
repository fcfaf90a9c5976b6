"""A bench: expand a grid, run it, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from noisewise.bench.grid import expand, read_spec
from noisewise.bench.leaderboard import collect, tables, to_html, to_markdown, tuned_table
from noisewise.bench.rehearsal import rehearse
from noisewise.bench.tune import read_cases, tune
from noisewise.bounds import FUNCTION, PATH, Bound, bounded
from noisewise.compute import Done, Engine, RayEngine, run
from noisewise.compute.engine import ENGINE
from noisewise.compute.inputs import check_unchanged
from noisewise.files import whole_folder
from noisewise.run.engines import usual

_SPEC = Bound("be a TOML file or its content", lambda value: isinstance(value, Mapping) or PATH.allows(value))


@bounded(None, {"spec": _SPEC, "out": PATH, "engine": ENGINE | None, "on_done": FUNCTION | None})
def bench(
    spec: Mapping[str, Any] | str | Path,
    out: str | Path,
    *,
    engine: Engine | None = None,
    on_done: Callable[[Done], None] | None = None,
) -> pd.DataFrame:
    """Run a grid and write `results.parquet`, `leaderboard.md` and `leaderboard.html`.

    Runs that are finished are not repeated. With a table `[tune]` the methods are also tuned (see `bench.tune`), and
    `tuning.parquet` has one row per trial.

    Args:
        spec: a TOML file, or its content as plain data (see `bench.grid`).
        out: the folder; runs are written to `out/runs/<hash of their arguments>`.
        engine: where to train; by default runs of one kind of network as one computation where there is a GPU (see
            `run.engines.usual`), else in one process per core of this machine.
        on_done: called when a run ends.

    Returns:
        One row per finished run.

    Raises:
        BadInput: a spec that cannot be expanded; a run that could not start, such as for lack of its source; a source
            that has changed since finished runs were trained on it; an unwritable folder.
    """
    plain = spec if isinstance(spec, Mapping) else read_spec(spec)
    trials, folder, name = expand(plain), Path(out), plain.get("name", "bench")
    cases = read_cases(plain, trials)
    places = [(trial, folder / "runs" / trial.key) for trial in trials]
    check_unchanged((trial.experiment.source_name, place) for trial, place in places if trial.finished(place))
    rehearse([trial for trial, place in places if not trial.finished(place)], engine)
    if engine is None:
        engine = usual(trial.experiment.config.device for trial in trials)
    if isinstance(engine, RayEngine) and all(trial.experiment.config.device == "cpu" for trial in trials):
        engine = replace(engine, gpu=False)

    def ended(done: Done) -> None:
        if on_done:
            on_done(done)
        if not done.cached:
            report(name, collect(trials, folder / "runs"), folder)

    for done in run(trials, folder / "runs", engine):
        ended(done)
    tried: list[pd.DataFrame] = []
    for case in cases:
        if (tuned := tune(case, folder / "runs", engine, on_done)) is not None:
            trials, tried = [*trials, *tuned.trials], [*tried, tuned.tried]
            for done in run(tuned.trials, folder / "runs", engine):
                ended(done)
    results = collect(trials, folder / "runs")
    report(name, results, folder, tried)
    return results


def report(name: str, results: pd.DataFrame, folder: Path, tried: Sequence[pd.DataFrame] = ()) -> None:
    """Write the result files from the finished runs, if there are any.

    Args:
        name: title.
        results: one row per run.
        folder: where to.
        tried: per tuned case one row per trial.
    """
    if results.empty:
        return
    found = tables(results)
    if tried:
        found.append(("Tuned on held-out given labels", tuned_table(tried)))
    with whole_folder(folder, stale=("tuning.parquet",), last="results.parquet") as temporary:
        results.to_parquet(temporary / "results.parquet", index=False)
        if tried:
            pd.concat(tried, ignore_index=True).to_parquet(temporary / "tuning.parquet", index=False)
        (temporary / "leaderboard.md").write_text(to_markdown(name, found), encoding="utf-8")
        (temporary / "leaderboard.html").write_text(to_html(name, found), encoding="utf-8")
