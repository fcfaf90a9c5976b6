"""The report of a study: one HTML file that needs no network."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any

from noisewise.auditing.report.markup import count, escape, source_hash
from noisewise.reports import resource
from noisewise.studies.frame.claim import FAILS, HOLDS, UNDECIDED, Claim
from noisewise.studies.frame.study import StudyCard

_CLASSES = {HOLDS: "yes", FAILS: "no", UNDECIDED: "quiet"}


def render(card: StudyCard, claims: Sequence[Claim], timings: dict[str, Any], figure: bytes) -> str:
    """The text of the page; everything that can come from data is escaped.

    Args:
        card: Of the study.
        claims: About its results.
        timings: The content of `timings.json`.
        figure: As SVG.
    """
    style = resource("page.css")
    return Template(_resource("page.html")).substitute(
        policy=f"default-src 'none'; img-src data:; style-src {source_hash(style)}; base-uri 'none'",
        style=style,
        title=escape(card.title),
        name=escape(card.name),
        shows=escape(card.shows),
        paper=escape(f"{card.paper} ({card.year}), {card.figure}"),
        ran=escape(_ran(card, timings)),
        verdict=_verdict(claims),
        figure=base64.b64encode(figure).decode(),
        claims="".join(map(_claim, claims)),
        explanation=escape(card.explanation),
        departures=escape(card.departures),
        runs="".join(map(_run, timings["runs"])),
        total=f"{count(len(timings['runs']), 'run')}, {computing(timings)}",
        machines=escape(" and ".join(timings["machines"])),
    )


def computing(timings: Mapping[str, Any]) -> str:
    """The time of runs: "3.5 min of computing", and the processor time if it is known."""
    busy = timings.get("cpu_seconds")
    said = "" if busy is None else f" ({duration(busy)} of processor time)"
    return f"{duration(timings['seconds'])} of computing{said}"


def duration(seconds: float) -> str:
    """A time as people say it: "0.4 s", "12 s", "3.5 min", "2.1 h"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"


def _ran(card: StudyCard, timings: dict[str, Any]) -> str:
    scale = timings["scale"]
    chosen = [f"{name} {timings[name]}" for name in ("source", "model") if timings[name] is not None]
    return f"Scale {scale}: {card.scales[scale]}" + (f"; with {' and '.join(chosen)}" if chosen else "")


def totals(claims: Sequence[Claim]) -> str:
    """How many claims hold, fail or are undecided: "5 of 8 claims hold, 2 fail (1 not gated), 1 is undecided"."""
    verdicts = [claim.verdict for claim in claims]
    held, failed, open_ = (verdicts.count(verdict) for verdict in (HOLDS, FAILS, UNDECIDED))
    said = f"{held} of {len(claims)} claims hold"
    if failed:
        loose = sum(claim.fails and not claim.gated for claim in claims)
        said += f", {failed} {'fails' if failed == 1 else 'fail'}" + (f" ({loose} not gated)" if loose else "")
    return said + (f", {open_} {'is' if open_ == 1 else 'are'} undecided" if open_ else "")


def _verdict(claims: Sequence[Claim]) -> str:
    return escape(totals(claims))


def _claim(claim: Claim) -> str:
    verdict = f"<td class={_CLASSES[claim.verdict]}>{claim.verdict}{'' if claim.gated else ' (not gated)'}</td>"
    n = "" if claim.n is None else f"{claim.n:,}"
    cells = "".join(f"<td class=number>{escape(cell)}</td>" for cell in (claim.found, n, claim.required))
    said = claim.statement + (f" ({claim.cause})" if claim.cause and not claim.holds else "")
    return f"<tr><th scope=row>{escape(claim.id)}</th><td>{escape(said)}</td>{cells}{verdict}</tr>"


def _run(run: dict[str, Any]) -> str:
    return f"<tr><td>{escape(run['title'])}</td><td class=number>{run['seconds']:.1f}</td></tr>"


def _resource(file: str) -> str:
    return (files(__package__) / file).read_text(encoding="utf-8")
