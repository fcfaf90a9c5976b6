"""`noisewise methods | corruptions | detectors | probes | models | sources`: the catalogues."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import click

import noisewise
from noisewise.catalogue import Catalogue
from noisewise.cli import options
from noisewise.cli.command import Command
from noisewise.cli.text import printable
from noisewise.errors import BadInput

Entry = dict[str, Any]


def describe_methods() -> list[Entry]:
    """Every method's card as plain data."""
    return [describe_method(name) for name in usable(noisewise.METHODS)]


def describe_method(name: str) -> Entry:
    """A method's card, options and presets as plain data.

    Raises:
        BadInput: an unknown method.
    """
    from noisewise.methods import card
    from noisewise.methods.options import options as options_of
    from noisewise.methods.presets import presets

    entry = card(noisewise.METHODS.check(name))
    first = {"name": name, "stations": list(entry.stations), "networks": entry.networks}
    first |= {"needs_trusted": entry.needs_trusted, "relative_cost": entry.relative_cost, "paper": entry.paper}
    rest: Entry = {"idea": entry.idea, "equation": entry.equation, "departures": entry.departures}
    rest["options"] = [asdict(option) for option in options_of(name)]
    rest["presets"] = {key: asdict(value) for key, value in presets(name).items()}
    return {**first, "year": entry.year, **rest, "package": noisewise.METHODS.package(name)}


def describe_probes() -> list[Entry]:
    """Every probe's card as plain data, with its options and their defaults."""
    from noisewise.probes.build import options as defaults

    probes = noisewise.PROBES
    return [{**entry, "options": defaults(probes[entry["name"]])} for entry in describe(probes)]


def describe(catalogue: Catalogue) -> list[Entry]:
    """Every entry's card as plain data; of an entry without a card, the first line of its docstring."""
    return [{"name": name, **_card(catalogue[name]), "package": catalogue.package(name)} for name in usable(catalogue)]


def usable(catalogue: Catalogue) -> list[str]:
    """The names of a catalogue. An entry of another package that cannot be imported is left out, which is said."""
    found = []
    for name in catalogue:
        try:
            catalogue.check(name)
        except BadInput as error:
            click.echo(printable(f"left out: {error}"), err=True)
        else:
            found.append(name)
    return found


def _card(entry: Any) -> Entry:
    if hasattr(entry, "card"):
        return {key: value for key, value in asdict(entry.card).items() if key != "name"}
    return {"does": (inspect.getdoc(entry) or "").partition("\n")[0]}


def _show(entries: list[Entry], columns: Mapping[str, str], as_json: bool) -> None:
    from noisewise.cli.output import print_json, print_table

    if as_json:
        print_json(entries)
    else:
        if any(entry["package"] != "noisewise" for entry in entries):
            columns = {**columns, "package": "package"}
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


_OF_METHODS = {
    "name": "name",
    "stations": "stations",
    "networks": "networks",
    "needs_trusted": "trusted rows",
    "relative_cost": "cost",
    "year": "year",
    "paper": "paper",
}


@click.command(cls=Command, example="noisewise methods\nnoisewise methods dividemix\nnoisewise methods --json")
@click.argument("name", required=False)
@options.as_json
def methods(name: str | None, as_json: bool) -> None:
    """List the training methods; with a NAME, show the card, the options and the presets of that method in full."""
    if name is None:
        _show(describe_methods(), _OF_METHODS, as_json)
        return
    entry = describe_method(name)
    if as_json:
        from noisewise.cli.output import print_json

        print_json(entry)
    else:
        _show_method(entry)


def _show_method(entry: Entry) -> None:
    from noisewise.cli.output import print_pairs, print_table

    about = [(key, str(entry[key])) for key in ("idea", "equation", "paper", "departures") if entry[key]]
    if entry["package"] != "noisewise":
        about.append(("package", entry["package"]))
    print_pairs([("name", entry["name"]), *about, ("cost", f"{entry['relative_cost']} times ce")])
    if entry["options"]:
        rows = [[o["name"], _word(o["default"]), o["legal"] or "", o["does"]] for o in entry["options"]]
        print_table(["option", "default", "must", "meaning"], rows, title="options")
    for key, preset in entry["presets"].items():
        click.echo(f"\npreset {key}")
        print_pairs([(name, value) for name, value in preset_in_words(preset) if value])


def preset_in_words(preset: Entry) -> list[tuple[str, str]]:
    """A preset's fields as names and text, the settings as `--set` takes them."""
    settings = ", ".join(f"{name}={_word(value)}" for name, value in preset["settings"].items())
    return [
        ("method", preset["method"]),
        ("model", preset["model"]),
        ("epochs", str(preset["epochs"])),
        ("settings", settings),
        ("noise", "; ".join(preset["noise"])),
        ("origin", preset["origin"]),
    ]


def _word(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(_word, value)) if isinstance(value, (list, tuple)) else str(value)


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
