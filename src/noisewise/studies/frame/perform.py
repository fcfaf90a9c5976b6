"""Perform a study, from its runs to its report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from noisewise.allowance import AUTO, Allowance, now
from noisewise.bounds import Bound, at_least, check
from noisewise.catalogue import load as named
from noisewise.compute import Done, Engine, Result, Task, run
from noisewise.compute.inputs import check_unchanged, content, note
from noisewise.data import load
from noisewise.figures import PANELS, styled, write_figure, write_panels
from noisewise.files import to_json, whole_folder
from noisewise.models import MODELS, build
from noisewise.run.engines import usual
from noisewise.spec import parse
from noisewise.studies.frame.claim import Claim
from noisewise.studies.frame.report import render
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Study
from noisewise.training import Config

RUNS = "runs"
_MINUTES = Bound("be a positive number of minutes", lambda value: at_least(0).allows(value) and value > 0)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a study.

    Attributes:
        study: The study.
        scale: The name of its scale.
        claims: The claims with what was measured; empty when a run failed.
        failed: The runs that failed, without which nothing is claimed.
        seconds: Seconds of computing, over all runs.
        folder: The folder with its files.
        cpu_seconds: Seconds of processor time, over all runs; None where one run's is not known.
        left: The runs for which there was no time, without which nothing is claimed; the next call goes on with them.
    """

    study: Study
    scale: str
    claims: list[Claim]
    failed: list[Done]
    seconds: float
    folder: Path
    cpu_seconds: float | None = None
    left: list[Done] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether all runs ended well and no gated claim fails; a claim that is undecided does not fail."""
        return not self.failed and not self.left and not any(claim.fails and claim.gated for claim in self.claims)


def perform(
    study: Study,
    scale: str = "cpu",
    *,
    out: str | Path,
    source: str | None = None,
    model: str | None = None,
    panels: bool = False,
    engine: Engine | None = None,
    minutes: float | None = None,
    device: str = AUTO,
    on_done: Callable[[Done, int], None] | None = None,
) -> Outcome:
    """Run a study; write `claims.json`, `timings.json`, `figure.png`, `figure.svg` and `report.html` into `out/NAME`.

    Runs lie in `out/runs`, which studies share; those that are done are not computed again. When a run fails, the
    others are finished and nothing is written into `out/NAME`. Nor is it when the time is over first: runs then end
    where they can go on, and the same call goes on with them.

    Args:
        study: From `find`.
        scale: smoke, cpu or paper.
        out: The folder for studies.
        source: Your own data, where the study takes them.
        model: Your own network, where the study takes one.
        panels: Whether to write every panel of the figure on its own, too: `figure-a.png` and so on.
        engine: Executes the runs; by default as `run.engines.usual`.
        minutes: How long to compute; None computes to the end. A training ends after an epoch, so it may take longer by
            the first epoch of a run.
        device: "cpu", "cuda" or such, or "auto", a GPU where there is one.
        on_done: Called with every run that ended, and the number of runs.

    Raises:
        BadInput: a scale, source or model that the study does not take; a source that cannot be read, or that has
            changed since runs in `out` were computed from it; a model that cannot be built for it; an unwritable
            folder; a device that is not here; minutes that are not positive, or with an engine of other machines.
    """
    report = None if on_done is None else lambda _, done, count: on_done(done, count)
    [outcome] = perform_all(
        [study],
        scale,
        out=out,
        source=source,
        model=model,
        panels=panels,
        engine=engine,
        minutes=minutes,
        device=device,
        on_done=report,
    )
    return outcome


def perform_all(
    studies: Sequence[Study],
    scale: str = "cpu",
    *,
    out: str | Path,
    source: str | None = None,
    model: str | None = None,
    panels: bool = False,
    engine: Engine | None = None,
    minutes: float | None = None,
    device: str = AUTO,
    on_done: Callable[[Study, Done, int], None] | None = None,
) -> Iterator[Outcome]:
    """Run several studies, without a pause between them: the next one begins while the last runs of one are computed.

    Args:
        studies: From `find`.
        scale: As in `perform`.
        out: As in `perform`.
        source: As in `perform`, for all of them.
        model: As in `perform`, for all of them.
        panels: As in `perform`.
        engine: As in `perform`.
        minutes: As in `perform`, for all of them together.
        device: As in `perform`.
        on_done: Called with every run that ended, after its study and before the number of the study's runs.

    Yields:
        The outcome of every study, when its last run has ended.

    Raises:
        BadInput: as in `perform`.
    """
    until = None if minutes is None else now() + 60 * check(None, "minutes", minutes, _MINUTES)
    _ = Config(device=device).torch_device  # refuses one that is not here
    tasks = [study.tasks(scale, source=source, model=model) for study in studies]
    _check(source, model)
    folder = Path(out) / RUNS
    _check_source(source, [task for of_study in tasks for task in of_study], folder)
    held = None if source is None else content(source)
    ended: list[list[Done]] = [[] for _ in studies]
    owners: dict[str, list[int]] = {}  # by the key of a run, which several studies may have
    first: dict[str, Task] = {}
    for number, of_study in enumerate(tasks):
        for task in of_study:
            first.setdefault(task.key, task)
            owners.setdefault(task.key, []).append(number)
    for done in run(list(first.values()), folder, engine or usual([device]), Allowance(until, device)):
        if source is not None and not (done.cached or done.error or done.left):
            note(source, done.folder, held)
        for number in owners[done.task.key]:
            ended[number].append(done)
            if on_done is not None:
                on_done(studies[number], done, len(tasks[number]))
            if len(ended[number]) == len(tasks[number]):
                about = {"scale": scale, "source": source, "model": model}
                yield _concluded(studies[number], about, tasks[number], ended[number], Path(out), panels)


def _concluded(
    study: Study, chosen: dict[str, Any], tasks: list[Task], ended: list[Done], out: Path, panels: bool
) -> Outcome:
    """Judge the claims of a study whose runs have ended, and write its files; `chosen` are its scale and input."""
    folder, scale = out / study.card.name, chosen["scale"]
    failed, left = [done for done in ended if done.error], [done for done in ended if done.left]
    if failed or left:
        return Outcome(study, scale, [], failed, 0.0, folder, left=left)
    results = Results.read(study.scale(scale, source=chosen["source"], model=chosen["model"]), tasks, out / RUNS)
    claims, seconds = study.judged(results), sum(item.seconds for item in results)
    about = {"study": study.card.name, **chosen}
    with whole_folder(folder, stale=(PANELS,), last="claims.json") as writing:
        with styled():
            figure = study.figure(results)
        write_figure(figure, writing)
        if panels:
            write_panels(figure, writing)
        timings = _timings(results.items, about, seconds)
        (writing / "timings.json").write_text(to_json(timings), encoding="utf-8")
        (writing / "claims.json").write_text(to_json([claim.plain(scale) for claim in claims]), encoding="utf-8")
        page = render(study.card, claims, timings, (writing / "figure.svg").read_bytes())
        (writing / "report.html").write_text(page, encoding="utf-8")
    return Outcome(study, scale, claims, [], seconds, folder, timings["cpu_seconds"])


def _check_source(source: str | None, tasks: Sequence[Task], folder: Path) -> None:
    """Check that no finished run was computed from a former content of a person's own source."""
    if source is not None:
        done = [(source, folder / task.key) for task in tasks if task.finished(folder / task.key)]
        check_unchanged(done)


def _check(source: str | None, model: str | None) -> None:
    """Raise now for input with which every run would fail."""
    if source is not None:
        data = load(source)
        if model is not None:
            build(model, data.shape, len(data.classes))
    elif model is not None and model.partition(":")[0] in MODELS:
        parse(model, MODELS)
    elif model is not None:
        named(model, here=True) if ":" in model else MODELS.check(model)


def _timings(results: tuple[Result, ...], about: dict[str, Any], seconds: float) -> dict[str, Any]:
    return {
        **about,
        "seconds": seconds,
        "cpu_seconds": _sum([item.cpu_seconds for item in results]),
        "machines": sorted({item.machine for item in results}),
        "runs": [{"title": item.task.title, "key": item.task.key, "seconds": item.seconds} for item in results],
    }


def _sum(seconds: list[float | None]) -> float | None:
    """None where one of them is not known."""
    known = [one for one in seconds if one is not None]
    return sum(known) if len(known) == len(seconds) else None
