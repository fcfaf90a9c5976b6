"""Collect results of studies and generate the gallery: `python tools/gallery.py DOCS [DIR ...]`.

Every DIR is an output folder of `noisewise study --out DIR`. Its claims and times are added to the package's
`studies/measured.json`, which `noisewise study --list` reads, and its figures to `DOCS/gallery/`. Then the page
`DOCS/gallery.md` is written. Without a DIR only the page is written, from earlier results.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import noisewise
from noisewise.errors import BadInput
from noisewise.files import whole, write_json
from noisewise.studies.catalogue import STUDIES
from noisewise.studies.frame.claim import Claim
from noisewise.studies.frame.measured import Measured, last
from noisewise.studies.frame.report import computing, duration
from noisewise.studies.frame.study import Study

MEASURED = Path(noisewise.__file__).parent / "studies" / "measured.json"

_COUNTED = ("none", "one", "two", "three", "four", "five")
_HEAD = """\
# Gallery

Written by `make gallery` from finished runs; [how to run them](studies.md). A claim that fails is reported, not tuned
away.
"""

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
        folders: output folders of studies.
        studies: all studies by name; results of others are dropped.

    Raises:
        BadInput: a folder has no finished study, or a study ran on a custom source or model.
    """
    found: Measured = {name: dict(scales) for name, scales in known.items() if name in studies}
    figures = {}
    for folder in folders:
        there = [path for path in sorted(folder.glob("*/timings.json")) if path.parent.name in studies]
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
                "machines": timings["machines"],
                "runs": len(timings["runs"]),
                "claims": json.loads((path.parent / "claims.json").read_text(encoding="utf-8")),
            }
            figures[f"{name}-{scale}.png"] = (path.parent / "figure.png").read_bytes()
    return {name: found[name] for name in studies if name in found}, figures


def page(known: Measured, studies: Mapping[str, Study]) -> str:
    """The gallery as Markdown, with the largest measured scale of every study."""
    parts = [_section(study, known.get(name, {})) for name, study in studies.items()]
    return "\n".join(
        [_HEAD, *_first(known, studies), _overview(known, studies), *(parts or ["There are no studies yet.\n"])]
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
    head = "| figure | study | claims that hold | scale | time |\n|---|---|---|---|---|\n"
    lines = []
    for name, study in studies.items():
        scale = last(known.get(name, {}))
        result = ["", "", ""]
        if scale is not None:
            entry = known[name][scale]
            held = sum(stated(claim).holds for claim in entry["claims"])
            result = [f"{held} of {len(entry['claims'])}", scale, computing(entry)]
        picture = _thumbnail(study, known.get(name, {}), 160)
        title = f"{_link(study, study.card.title)}<br>`{name}`"
        lines.append(f"| {picture} | {title} | " + " | ".join(result) + " |\n")
    return head + "".join(lines) + _together([scales["cpu"] for scales in known.values() if "cpu" in scales])


def _together(entries: Sequence[Mapping[str, Any]]) -> str:
    if not entries:
        return ""
    claims = [stated(claim).holds for entry in entries for claim in entry["claims"]]
    busy = [entry.get("cpu_seconds") for entry in entries]
    known = [(one, entry["seconds"]) for one, entry in zip(busy, entries, strict=True) if one is not None]
    total = sum(entry["seconds"] for entry in entries)
    said = f"\nAll of scale cpu together: {len(entries)} studies, {sum(claims)} of {len(claims)} claims hold, "
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
    shown = {f"{name}-{scale}.png" for name, scales in known.items() for scale in scales}
    for path in (docs / "gallery").glob("*.png"):
        if path.name not in shown:
            path.unlink()
    if known != before:
        write_json(record, known)
    with whole(docs / "gallery.md") as text:
        text.write_text(page(known, STUDIES), encoding="utf-8")


def _section(study: Study, scales: Mapping[str, dict[str, Any]]) -> str:
    card, scale = study.card, last(scales)
    head = f"## {card.title}\n\n`noisewise study {card.name}`: {card.shows}\n\n"
    tail = (
        f"{card.explanation}\n\n{card.paper} ({card.year}), {card.figure}. Departures: {card.departures.rstrip('.')}.\n"
    )
    if scale is None:
        return f"{head}Not measured yet.\n\n{tail}"
    entry = scales[scale]
    ran = f"Scale {scale}: {card.scales.get(scale, scale)}; {entry['runs']} runs, {computing(entry)} on "
    ran += f"{' and '.join(entry['machines'])}.\n"
    rows = "".join(map(_row, entry["claims"]))
    table = f"| claim | measured | required | holds |\n|---|---|---|---|\n{rows}"
    return f"{head}![{card.title}](gallery/{card.name}-{scale}.png)\n\n{ran}\n{table}\n{tail}"


def _row(entry: dict[str, Any]) -> str:
    claim = stated(entry)
    cells = (f"{claim.id}: {claim.statement}", claim.found, claim.required, "yes" if claim.holds else "**no**")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def stated(entry: dict[str, Any]) -> Claim:
    """The claim of an entry of `claims.json`."""
    threshold = entry["threshold"]
    ends = tuple(threshold) if isinstance(threshold, list) else threshold
    return Claim(entry["claim"], entry["statement"], entry["measured"], entry["comparison"], ends)


if __name__ == "__main__":
    try:
        write(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
    except BadInput as error:
        sys.exit(f"error: {error}")
