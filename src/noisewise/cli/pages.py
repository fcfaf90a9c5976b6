"""The pages of the documentation that are written from the code: `python -m noisewise.cli.pages docs/methods.md`."""

from __future__ import annotations

import sys

from noisewise.cli.catalogues import Entry, describe_methods
from noisewise.files import whole

_HEAD = """\
# Methods

Written from the methods' own cards by `make docs`. A method is used by name, with options after a colon,
and joined to others with `+`: `elr`, `elr:lam=7`, `cdr:tau=0.4+gce:q=0.7`. *Stations* are the places of a training step
where it acts; *cost* is relative to `ce`, by passes through a network.

| method | stations | networks | trusted rows | cost | year |
|---|---|---|---|---|---|
"""


def methods_page() -> str:
    """The page of all methods, as Markdown."""
    entries = describe_methods()
    return _HEAD + "".join(_line(entry) for entry in entries) + "".join(_section(entry) for entry in entries)


def _line(entry: Entry) -> str:
    stations, trusted = ", ".join(entry["stations"]) or "-", "yes" if entry["needs_trusted"] else ""
    cells = (
        f"[`{entry['name']}`](#{entry['name']})",
        stations,
        entry["networks"],
        trusted,
        entry["relative_cost"],
        entry["year"],
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def _section(entry: Entry) -> str:
    equation = f"\n    {entry['equation']}\n" if entry["equation"] else ""
    return (
        f"\n## {entry['name']}\n\n{entry['idea']}\n{equation}\n"
        f"Paper: {entry['paper']}.  \nDepartures from it: {entry['departures']}.\n"
    )


if __name__ == "__main__":
    with whole(sys.argv[1]) as page:
        page.write_text(methods_page(), encoding="utf-8")
