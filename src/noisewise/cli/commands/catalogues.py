"""`noisewise methods | corruptions | detectors | probes | models | sources`: the catalogues."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import click

import noisewise
from noisewise.cli import options
from noisewise.cli.command import Command

Entry = dict[str, Any]


def describe_methods() -> list[Entry]:
    """Every method's card as plain data."""
    from noisewise.methods import card
    from noisewise.methods.presets import presets

    found = []
    for name in noisewise.METHODS:
        entry = card(name)
        first = {"name": name, "stations": list(entry.stations), "networks": entry.networks}
        first |= {"needs_trusted": entry.needs_trusted, "relative_cost": entry.relative_cost, "paper": entry.paper}
        rest: Entry = {"idea": entry.idea, "equation": entry.equation, "departures": entry.departures}
        rest["presets"] = {key: asdict(value) for key, value in presets(name).items()}
        found.append({**first, "year": entry.year, **rest})
    return found


def describe_probes() -> list[Entry]:
    """Every probe's card as plain data, with its options and their defaults."""
    from noisewise.probes.build import options as defaults

    probes = noisewise.PROBES
    return [{**entry, "options": defaults(probes[entry["name"]])} for entry in describe(probes)]


def describe(catalogue: Mapping[str, Any]) -> list[Entry]:
    """Every entry's card as plain data; of an entry without a card, the first line of its docstring."""
    return [{"name": name, **_card(entry)} for name, entry in catalogue.items()]


def _card(entry: Any) -> Entry:
    if hasattr(entry, "card"):
        return {key: value for key, value in asdict(entry.card).items() if key != "name"}
    return {"does": (inspect.getdoc(entry) or "").partition("\n")[0]}


def _show(entries: list[Entry], columns: Mapping[str, str], as_json: bool) -> None:
    from noisewise.cli.output import print_json, print_table

    if as_json:
        print_json(entries)
    else:
        rows = [[_cell(entry[key]) for key in columns] for entry in entries]
        print_table(list(columns.values()), rows)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _command(name: str, said: str, entries: Callable[[], list[Entry]], columns: Mapping[str, str]) -> click.Command:
    @click.command(name, cls=Command, help=said, example=f"noisewise {name}\nnoisewise {name} --json")
    @options.as_json
    def listing(as_json: bool) -> None:
        _show(entries(), columns, as_json)

    return listing


methods = _command(
    "methods",
    "List the training methods.",
    describe_methods,
    {
        "name": "name",
        "stations": "stations",
        "networks": "networks",
        "needs_trusted": "trusted rows",
        "relative_cost": "cost",
        "year": "year",
        "paper": "paper",
    },
)
corruptions = _command(
    "corruptions",
    "List the corruptions.",
    lambda: describe(noisewise.CORRUPTIONS),
    {"example": "example", "changes": "changes", "does": "does", "paper": "paper"},
)
detectors = _command(
    "detectors",
    "List the detectors of label errors.",
    lambda: describe(noisewise.DETECTORS),
    {"name": "name", "needs": "needs", "cost": "costs extra", "equation": "score", "year": "year", "paper": "paper"},
)
probes = _command(
    "probes",
    "List the probes: measurements of networks and data.",
    describe_probes,
    {
        "name": "name",
        "network": "needs a network",
        "truth": "needs truth",
        "cost": "cost",
        "year": "year",
        "paper": "paper",
    },
)
models = _command(
    "models",
    "List the networks.",
    lambda: describe(noisewise.MODELS),
    {"name": "name", "does": "what it is", "parameters": "parameters", "paper": "paper"},
)
sources = _command(
    "sources",
    "List the named data sets.",
    lambda: describe(noisewise.SOURCES),
    {"name": "name", "does": "what it is"},
)
