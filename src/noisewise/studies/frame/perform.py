"""Perform a study, from its runs to its report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from noisewise.allowance import AUTO, Allowance, now
from noisewise.bounds import Bound, at_least, check
from noisewise.catalogue import load as named
from noisewise.compute import Done, Engine, Result, run
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
        BadInput: a scale, source or model that the study does not take; a source that cannot be read, a model that
            cannot be built for it; an unwritable folder; a device that is not here; minutes that are not positive, or
            with an engine of other machines.
    """
    until = None if minutes is None else now() + 60 * check(None, "minutes", minutes, _MINUTES)
    _ = Config(device=device).torch_device  # refuses one that is not here
    tasks = study.tasks(scale, source=source, model=model)
    _check(source, model)
    folder = Path(out) / study.card.name
    failed, left = [], []
    for done in run(tasks, Path(out) / RUNS, engine or usual([device]), Allowance(until, device)):
        if on_done is not None:
            on_done(done, len(tasks))
        failed.extend([done] if done.error else [])
        left.extend([done] if done.left else [])
    if failed or left:
        return Outcome(study, scale, [], failed, 0.0, folder, left=left)
    results = Results.read(study.scale(scale, source=source, model=model), tasks, Path(out) / RUNS)
    claims, seconds = study.judged(results), sum(item.seconds for item in results)
    about = {"study": study.card.name, "scale": scale, "source": source, "model": model}
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
