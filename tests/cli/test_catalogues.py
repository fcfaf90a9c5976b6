"""The listings, and the page of methods written from them."""

import json
from pathlib import Path

import pytest

import noisewise
from pages import pages

DOCS = Path(__file__).parents[2] / "docs"
CATALOGUES = ("METHODS", "CORRUPTIONS", "DETECTORS", "PROBES", "MODELS", "SOURCES")


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_listings_name_everything(run, catalogue):
    names = list(getattr(noisewise, catalogue))
    ended = run(catalogue.lower(), "--json")
    assert ended.code == 0
    assert ended.err == ""
    assert [entry["name"] for entry in json.loads(ended.out)] == names
    table = run(catalogue.lower()).out
    assert all(name in table for name in names)


def test_methods_tell_what_the_contract_names(run):
    entries = {entry["name"]: entry for entry in json.loads(run("methods", "--json").out)}
    keys = {"name", "stations", "networks", "needs_trusted", "relative_cost", "paper", "year"}
    assert all(keys <= set(entry) for entry in entries.values())
    assert entries["elr"]["stations"] == ["penalty"]
    assert entries["coteaching"]["networks"] == 2
    assert entries["ce"]["relative_cost"] == 1.0
    assert entries["l2rw"]["needs_trusted"] is True


def test_one_method_is_shown_in_full(run):
    shown = run("methods", "elr").out
    for part in (
        "idea",
        "departures",
        "lam",
        "lie between",
        "preset code-cifar10-sym",
        "cycles=15",
        "model     resnet34",
    ):
        assert part in shown
    entry = json.loads(run("methods", "elr", "--json").out)
    assert [option["name"] for option in entry["options"]] == ["beta", "lam"]
    assert entry["presets"]["code-cifar10-sym"]["settings"]["least_lr"] == 0.001
    assert entry["presets"]["code-cifar10-sym"]["noise"][0] == "uniform:0.2"
    refused = run("methods", "elf")
    assert (refused.code, refused.out) == (2, "")
    assert "unknown method 'elf'" in refused.err


def test_the_pages_of_methods_are_up_to_date():
    written = pages(DOCS)
    there = {
        "methods.md",
        "detectors.md",
        "probes.md",
        *(f"methods/{path.name}" for path in (DOCS / "methods").glob("*.md")),
    }
    assert written.keys() == there, "run `make pages`"
    stale = [name for name, text in written.items() if (DOCS / name).read_text(encoding="utf-8") != text]
    assert stale == [], "run `make pages`"


def test_catalogues_show_their_names():
    from noisewise.studies import STUDIES

    assert repr(noisewise.SOURCES).startswith("Catalogue of 19 sources: digits, mnist, ")
    assert repr(STUDIES).startswith(f"Catalogue of {len(STUDIES)} studies: ")
