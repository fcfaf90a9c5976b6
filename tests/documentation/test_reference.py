"""The reference has every public name, and the page on grids every key."""

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
SHOWN = sorted(
    name
    for path in REFERENCE.glob("*.md")
    for name in re.findall(r"^::: (\S+)$", path.read_text(encoding="utf-8"), flags=re.M)
)


def named(name: str) -> object:
    """What a name stands for, as the generator of the reference reads it: a module goes before a value of its name."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise LookupError(name)


@pytest.mark.parametrize(
    "package", ["", ".training", ".studies", ".compute", ".bench", ".noise", ".probes", ".losses", ".integrations"]
)
def test_every_public_name_has_an_entry(package):
    module = importlib.import_module(f"noisewise{package}")
    there = [named(name) for name in SHOWN]
    inside = [vars(one).values() for one in there if isinstance(one, ModuleType)]
    there += [value for values in inside for value in values]
    public = set(module.__all__) - {"__version__"}
    assert {name for name in public if not any(getattr(module, name) is one for one in there)} == set()


@pytest.mark.parametrize("name", SHOWN)
def test_an_entry_is_what_it_seems(name):
    assert isinstance(named(name), ModuleType) == (name == "noisewise.losses")


def test_no_name_has_two_entries():
    assert len(set(map(id, map(named, SHOWN)))) == len(SHOWN)
