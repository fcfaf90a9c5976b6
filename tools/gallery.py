"""Collect results of studies and generate the gallery: `python tools/gallery.py DOCS [DIR ...]`.

Every DIR is an output folder of `noisewise study --out DIR`, or the folder of one study in it. Its claims and times are
added to the package's `studies/measured.json`, which `noisewise study --list` reads, and its figures to
`DOCS/gallery/`. Of scale smoke only the times are kept where a larger scale was measured. Then the page
`DOCS/gallery.md` is written. Without a DIR only the page is written, from earlier results.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import noisewise
from noisewise.errors import BadInput
from noisewise.files import recover, whole, write_json
from noisewise.studies.catalogue import STUDIES
from noisewise.studies.frame.claim import Claim
from noisewise.studies.frame.fields import CAUSES
from noisewise.studies.frame.measured import Measured, last, shown, verdicts
from noisewise.studies.frame.report import computing, duration, totals
from noisewise.studies.frame.study import Study

MEASURED = Path(noisewise.__file__).parent / "studies" / "measured.json"

_COUNTED = ("none", "one", "two", "three", "four", "five")
_HEAD = """\
# Gallery

Written by `make gallery` from finished runs; [how to run them](studies.md). Values are given with their standard error,
and n is the number of observations behind it, such as seeds or test rows. A claim *holds* or *fails* where its
threshold lies beyond the sampling error (one-sided 95 %), and is *undecided* otherwise. A claim that fails is reported,
not tuned away, with its cause.
"""
_NOT_YET = "Not measured yet.\n\n"

# What explains noise to somebody who sees it for the first time, in the order of a lecture.
FIRST = {
    "fitting-random-labels": "Why noise is dangerous: a network can learn labels that mean nothing.",
    "two-phases": "Why there is hope: it learns right labels first, and wrong ones later.",
    "early-learning": "So stopping early helps, and can be done without clean labels.",
    "detecting-noise": "How wrong labels show themselves during training, row by row.",
    "trusted-data": "What a few rows with right labels are worth.",
}


def collect(
    known: Measured, folders: Sequence[Path], studies: Mapping[str, Study]
) -> tuple[Measured, dict[str, bytes]]:
    """Merge known results with those in the folders, and read the figures there, by file name.

    Args:
        known: earlier results.
        folders: output folders of studies, or folders of single ones.
        studies: all studies by name; results of others are dropped.

    Raises:
        BadInput: a folder has no finished study, or a study ran on a custom source or model.
    """
    found: Measured = {name: dict(scales) for name, scales in known.items() if name in studies}
    figures = {}
    for folder in folders:
        for place in (folder, *folder.glob("*/")):
            recover(place)
        inside = [folder / "timings.json", *sorted(folder.glob("*/timings.json"))]
        there = [path for path in inside if path.exists() and path.parent.name in studies]
        if not there:
            raise BadInput(f"there is no finished study in {folder}")
        for path in there:
            timings = json.loads(path.read_text(encoding="utf-8"))
            if timings["source"] is not None or timings["model"] is not None:
                raise BadInput(f"{path.parent} ran on a custom source or model, which the gallery does not show")
            name, scale = timings["study"], timings["scale"]
            found.setdefault(name, {})[scale] = {
                "seconds": round(timings["seconds"], 1),
                "cpu_seconds": None if (busy := timings.get("cpu_seconds")) is None else round(busy, 1),
                "longest": round(max((run["seconds"] for run in timings["runs"]), default=0.0), 1),
                "machines": timings["machines"],
                "runs": len(timings["runs"]),
                "claims": json.loads((path.parent / "claims.json").read_text(encoding="utf-8")),
            }
            figures[f"{name}-{scale}.png"] = (path.parent / "figure.png").read_bytes()
    merged = {name: found[name] for name in studies if name in found}
    pictures = _pictures(merged)
    for scales in merged.values():
        # Of a scale that is not shown only the times are wanted.
        scales.update({scale: {**scales[scale], "claims": []} for scale in set(scales) - set(shown(scales))})
    return merged, {name: picture for name, picture in figures.items() if name in pictures}


def _pictures(known: Measured) -> set[str]:
    return {f"{name}-{scale}.png" for name, scales in known.items() for scale in shown(scales)}


def page(known: Measured, studies: Mapping[str, Study]) -> str:
    """The gallery as Markdown, with every scale that `measured.shown` names."""
    parts = [_section(study, known.get(name, {})) for name, study in studies.items()]
    return "\n".join(
        [
            _HEAD,
            *_first(known, studies),
            _overview(known, studies),
            *_unmet(known, studies),
            *(parts or ["There are no studies yet.\n"]),
        ]
    )


def _first(known: Measured, studies: Mapping[str, Study]) -> list[str]:
    """The section of those to start with, if they are there."""
    there = {name: why for name, why in FIRST.items() if name in studies and last(known.get(name, {})) is not None}
    if not there:
        return []
    cells = (
        (_thumbnail(studies[name], known[name], 240), _link(studies[name], studies[name].card.title), why)
        for name, why in there.items()
    )
    rows = "".join(f"| {picture} | {title}<br>{why} |\n" for picture, title, why in cells)
    return [
        f"## Start with these {_COUNTED[len(there)]}\n\n| figure | what it shows |\n|---|---|\n{rows}",
        "## All studies\n",
    ]


def _thumbnail(study: Study, scales: Mapping[str, dict[str, Any]], width: int) -> str:
    """A small picture that leads to the section of a study; nothing for one that was never run."""
    scale, name = last(scales), study.card.name
    if scale is None:
        return ""
    picture = f'<img src="gallery/{name}-{scale}.png" width="{width}" loading="lazy" alt="">'
    return f'<a href="#{_anchor(study)}">{picture}</a>'


def _link(study: Study, text: str) -> str:
    return f"[{text}](#{_anchor(study)})"


def _anchor(study: Study) -> str:
    return re.sub(r"[^\w\- ]", "", study.card.title.lower()).replace(" ", "-")


def _overview(known: Measured, studies: Mapping[str, Study]) -> str:
    """A table of all studies, and their total computing time at scale cpu."""
    head = "| figure | study | scale | hold | fail | undecided | time |\n|---|---|---|---|---|---|---|\n"
    lines = []
    for name, study in studies.items():
        scales = known.get(name, {})
        rows = [
            [scale, *map(str, verdicts(scales[scale]["claims"])), computing(scales[scale])] for scale in shown(scales)
        ] or [[""] * 5]
        cells = ["<br>".join(column) for column in zip(*rows, strict=True)]
        title = f"{_link(study, study.card.title)}<br>`{name}`"
        lines.append(f"| {_thumbnail(study, scales, 160)} | {title} | " + " | ".join(cells) + " |\n")
    return head + "".join(lines) + _together([scales["cpu"] for scales in known.values() if "cpu" in scales])


def _unmet(known: Measured, studies: Mapping[str, Study]) -> list[str]:
    """The section of the claims that fail or are undecided, with their causes; none where all hold."""
    rows: list[str] = []
    causes: Counter[str] = Counter()
    for name, study in studies.items():
        for scale in shown(known.get(name, {})):
            for claim in _claims(study, scale, known[name][scale]):
                if claim.holds:
                    continue
                if claim.fails:
                    causes[_cause(claim)] += 1
                word = claim.verdict + ("" if claim.gated else ", not gated")
                cells = (_link(study, f"`{name}`"), scale, claim.id, word, claim.cause or "-")
                rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    if not rows:
        return []
    counted = ", ".join(f"{number} {cause}" for cause, number in causes.most_common())
    said = f"Of those that fail, by cause: {counted}.\n\n" if causes else ""
    table = "| study | scale | claim | verdict | cause |\n|---|---|---|---|---|\n" + "".join(rows)
    return [f"## Claims that do not hold\n\n{said}{table}"]


def _cause(claim: Claim) -> str:
    """The kind of cause that a claim's text starts with."""
    text = claim.cause.removeprefix("an ")
    return next((cause for cause in CAUSES if text.startswith(cause)), "without a stated cause")


def _claims(study: Study, scale: str, entry: Mapping[str, Any]) -> list[Claim]:
    """The claims of a measured scale, with the causes that the study states now."""
    try:
        now = {claim.id: claim.cause for claim in study.listed(study.scale(scale))}
    except BadInput:  # the scale is gone
        now = {}
    claims = map(stated, entry["claims"])
    return [replace(claim, cause=now.get(claim.id) or claim.cause) for claim in claims]


def _together(entries: Sequence[Mapping[str, Any]]) -> str:
    if not entries:
        return ""
    claims = [stated(claim) for entry in entries for claim in entry["claims"]]
    busy = [entry.get("cpu_seconds") for entry in entries]
    known = [(one, entry["seconds"]) for one, entry in zip(busy, entries, strict=True) if one is not None]
    total = sum(entry["seconds"] for entry in entries)
    said = f"\nAll of scale cpu together: {len(entries)} studies, {totals(claims)}; "
    said += f"{duration(total)} of computing. Computing is summed over runs, each on one core, and was measured while "
    said += "the machine did other work too"
    if known:
        short, long = duration(sum(one for one, _ in known)), duration(sum(other for _, other in known))
        said += f". Of {len(known)} studies the processor time is recorded: {short}, where computing took {long}"
    return said + ".\n"


def write(docs: Path, folders: Sequence[Path], *, record: Path = MEASURED) -> None:
    """Write `measured.json`, the figures and the page.

    Args:
        docs: the documentation folder.
        folders: output folders of finished studies.
        record: path of `measured.json`.

    Raises:
        BadInput: see `collect`.
    """
    before: Measured = json.loads(record.read_text(encoding="utf-8"))
    known, figures = collect(before, folders, STUDIES)
    (docs / "gallery").mkdir(parents=True, exist_ok=True)
    for name, content in figures.items():
        with whole(docs / "gallery" / name) as picture:
            picture.write_bytes(content)
    pictures = _pictures(known)
    for path in (docs / "gallery").glob("*.png"):
        if path.name not in pictures:
            path.unlink()
    if known != before:
        write_json(record, known)
    with whole(docs / "gallery.md") as text:
        text.write_text(page(known, STUDIES), encoding="utf-8")


def _section(study: Study, scales: Mapping[str, dict[str, Any]]) -> str:
    card = study.card
    head = f"## {card.title}\n\n`noisewise study {card.name}`: {card.shows}\n\n"
    tail = (
        f"{card.explanation}\n\n{card.paper} ({card.year}), {card.figure}. Departures: {card.departures.rstrip('.')}.\n"
    )
    wanted = {scale: needs for scale, needs in card.needs.items() if scale not in scales}
    needs = "".join(f"Scale {scale}, not run yet, needs {needs.rstrip('.')}.\n\n" for scale, needs in wanted.items())
    return head + ("".join(_result(study, scale, scales[scale]) for scale in shown(scales)) or _NOT_YET) + needs + tail


def _result(study: Study, scale: str, entry: Mapping[str, Any]) -> str:
    """The figure, the runs and the claims of a measured scale."""
    card = study.card
    ran = f"Scale {scale}: {card.scales.get(scale, scale)}; {entry['runs']} runs, {computing(entry)} on "
    ran += f"{' and '.join(entry['machines'])}.\n"
    rows = "".join(map(_row, _claims(study, scale, entry)))
    table = f"| claim | measured | n | required | verdict |\n|---|---|---|---|---|\n{rows}"
    return f"![{card.title}](gallery/{card.name}-{scale}.png)\n\n{ran}\n{table}\n"


def _row(claim: Claim) -> str:
    verdict = (f"**{claim.verdict}**" if claim.fails else claim.verdict) + ("" if claim.gated else " (not gated)")
    verdict += f": {claim.cause}" if claim.cause and not claim.holds else ""
    n = "" if claim.n is None else f"{claim.n:,}"
    cells = (f"{claim.id}: {claim.statement}", claim.found, n, claim.required, verdict)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def stated(entry: Mapping[str, Any]) -> Claim:
    """The claim of an entry of `claims.json`."""
    threshold = entry["threshold"]
    ends = tuple(threshold) if isinstance(threshold, list) else threshold
    known = {name: entry[name] for name in ("error", "n", "gated", "cause") if name in entry}
    return Claim(entry["claim"], entry["statement"], entry["measured"], entry["comparison"], ends, **known)


if __name__ == "__main__":
    try:
        write(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
    except BadInput as error:
        sys.exit(f"error: {error}")
