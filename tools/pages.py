"""Generate the documentation pages that are made from the code: `python tools/pages.py docs`.

`methods.md` lists all methods. `methods/NAME.md` shows the card and the options of a method, and its measurements in
`results/methods.csv` and `results/method-cost.json`, if any. `detectors.md` lists all detectors, `probes.md` all
probes.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

from detector_page import detector_page
from noisewise.bounds import flag
from noisewise.cli.commands.catalogues import Entry, describe_methods, preset_in_words
from noisewise.files import whole
from probe_page import probe_page

STEP = ("edit", "forward", "target", "loss", "weight", "penalty", "backward", "gradient", "optimiser")
MEASURED = ("best", "last", "last 10", "selected", "label-wave", "agreement", "seeds")

_HEAD = """\
# Methods

Generated from the cards of the methods by `make pages`. A method is selected by name, with options after a colon, and
joined with others by `+`: `elr`, `elr:lam=7`, `cdr:tau=0.4+gce:q=0.7`. *Stations* are the places in a training step
where it acts; *cost* is relative to `ce`, in passes through a network.

| method | stations | networks | trusted rows | cost | year |
|---|---|---|---|---|---|
"""


def pages(folder: Path) -> dict[str, str]:
    """All generated pages as Markdown, by their path in `folder`."""
    entries, results = describe_methods(), folder / "results"
    found = {"methods.md": _HEAD + "".join(_line(entry) for entry in entries), "detectors.md": detector_page(folder)}
    found["probes.md"] = probe_page()
    return found | {f"methods/{e['name']}.md": _page(e, _measured(results, e), _cost(results, e)) for e in entries}


def _line(entry: Entry) -> str:
    stations, trusted = ", ".join(entry["stations"]) or "-", "yes" if entry["needs_trusted"] else ""
    name = entry["name"]
    cells = (f"[`{name}`](methods/{name}.md)", stations, entry["networks"], trusted, entry["relative_cost"])
    return "| " + " | ".join(str(cell) for cell in (*cells, entry["year"])) + " |\n"


def _page(entry: Entry, measured: list[dict[str, str]], seconds: float | None) -> str:
    name = entry["name"]
    needs = f"{entry['networks']} network{'s' if entry['networks'] > 1 else ''}"
    needs += ", trusted rows (`--trusted N`)" if entry["needs_trusted"] else ""
    cost = f"{entry['relative_cost']} times `ce` by passes through a network"
    cost += f", {seconds:.2f} times measured" if seconds is not None else ""
    parts = [
        f"# {name}\n\n{entry['idea']}\n",
        f"    {entry['equation']}\n" if entry["equation"] else "",
        _picture(entry["stations"]),
        f"- Needs: {needs}.\n- Cost: {cost}.\n- Paper: {entry['paper']}.\n"
        f"- Departures from it: {entry['departures']}.\n",
        _options(name, entry["options"]),
        _presets(entry["presets"]),
        _table(measured),
        f"## Use\n\n    noisewise train fashion-mnist --method {name}"
        f"{' --trusted 500' if entry['needs_trusted'] else ''} --out run/\n\n[All methods](../methods.md)\n",
    ]
    return "\n".join(part for part in parts if part)


def _picture(stations: list[str]) -> str:
    """The training step, with the stations of the method underlined."""
    marks = [("=" if part in stations else " ") * len(part) for part in STEP]
    picture = f"    {' -> '.join(STEP)}\n"
    return picture + (f"    {'    '.join(marks).rstrip()}\n" if stations else "")


def _options(name: str, options: list[Entry]) -> str:
    if not options:
        return ""
    spec = ",".join(f"{o['name']}={_plain(o['default'])}" for o in options)
    lines = [f"- {o['name']}: {o['does']}{_legal(o['legal'])}\n" for o in options]
    return f"## Options\n\nWith their defaults: `{name}:{spec}`\n\n" + "".join(lines)


def _plain(value: Any) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _legal(says: str | None) -> str:
    """What a value must be, where the default does not show it."""
    return "" if says is None or says == flag().says else f" Must {says}."


def _presets(presets: dict[str, Entry]) -> str:
    if not presets:
        return ""
    return "## Presets\n\n" + "\n".join(_preset(key, value) for key, value in presets.items())


def _preset(key: str, preset: Entry) -> str:
    said = dict(preset_in_words(preset))
    noise = f" Published for {said['noise']}." if said["noise"] else ""
    return (
        f"`--preset {key}`: {said['origin']}.{noise}\n\n"
        f"    {said['method']}, model {said['model']}, {said['epochs']} epochs\n    {said['settings']}\n"
    )


def _table(measured: list[dict[str, str]]) -> str:
    if not measured:
        return ""
    columns = [key for key in MEASURED if any(row.get(key) for row in measured)]
    head = ["noise", *columns]
    rows = [[row["noise"], *(row.get(key, "") for key in columns)] for row in measured]
    lines = [head, ["---"] * len(head), *rows]
    said = f"{measured[0]['setting']}; test accuracy in percent ([all methods](../results/methods.md)).\n\n"
    return "## Measured\n\n" + said + "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _measured(results: Path, entry: Entry) -> list[dict[str, str]]:
    path = results / "methods.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["method"].partition(":")[0] == entry["name"]]


def _cost(results: Path, entry: Entry) -> float | None:
    path = results / "method-cost.json"
    found = json.loads(path.read_text(encoding="utf-8"))["methods"] if path.exists() else {}
    return found[entry["name"]]["measured"] if entry["name"] in found else None


def write(folder: Path) -> None:
    """Write all pages, and remove those of methods that no longer exist."""
    written = pages(folder)
    (folder / "methods").mkdir(exist_ok=True)
    for path in (folder / "methods").glob("*.md"):
        if f"methods/{path.name}" not in written:
            path.unlink()
    for name, text in written.items():
        with whole(folder / name) as page:
            page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
