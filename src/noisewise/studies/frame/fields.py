"""The fields of a study's TOML file: which there are, and what each may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from noisewise.bounds import Bound, at_least, check, flag, one_of, whole
from noisewise.errors import BadInput

SCALES = ("smoke", "cpu", "paper")
CHOICES = ("source", "model")
_HIDDEN = ("name", "values", "chosen")  # attributes of a `Scale`, which would hide a value of that name

_TEXT = Bound("be text", lambda value: isinstance(value, str) and bool(value.strip()))
_LIST = Bound("be a list", lambda value: isinstance(value, list))
_TABLE = Bound("be a table", lambda value: isinstance(value, dict))
_TABLES = Bound("be a list of tables", lambda value: isinstance(value, list) and all(map(_TABLE.allows, value)))
_SECONDS = Bound("be a positive number of seconds", lambda value: at_least(0).allows(value) and value > 0)
_MEMBERS = Bound(
    "be a list of tables, or a table of lists and names of values",
    lambda value: (
        all(isinstance(of, list | str) for of in value.values()) if isinstance(value, dict) else _TABLES.allows(value)
    ),
)

CARD = {
    **dict.fromkeys(("name", "title", "shows", "paper", "figure", "explanation"), _TEXT),
    "year": whole(1),
}
OPTIONAL = {"departures": _TEXT, "takes": _LIST}
_PARTS = {"scales": _TABLE, "claims": _TABLES}
_FILE = {**CARD, **OPTIONAL, **_PARTS, "values": _TABLE}
_CLAIM = {"id": _TEXT, "says": _TEXT, "holds": _TEXT}
CAUSES = ("too small", "too short", "settings", "honest negative")
_CAUSES = Bound(
    f"be a table of texts by scale that start with {', '.join(map(repr, CAUSES[:-1]))} or {CAUSES[-1]!r}",
    lambda value: _TABLE.allows(value) and all(_TEXT.allows(text) and _cause(text) for text in value.values()),
)
_CLAIM_OPTIONAL = {"each": _MEMBERS, "scales": _LIST, "optional": flag(), "gate": flag(), "cause": _CAUSES}


def check_file(table: Mapping[str, Any]) -> None:
    """Check the fields of a study's TOML file, but not the names and thresholds in them.

    Args:
        table: What the file holds.

    Raises:
        BadInput: a field that is missing, unknown or of the wrong kind.
    """
    _names(table, {*CARD, *_PARTS}, set(_FILE), "")
    for name, value in table.items():
        check(None, name, value, _FILE[name])
    _values(table.get("values", {}), "values")
    for name, values in table["scales"].items():
        check(None, f"scales.{name}", values, _TABLE)
        if "runs" not in values:
            raise BadInput(f"[scales.{name}] does not say what it runs; add `runs`")
        check(None, f"scales.{name}.runs", values["runs"], _TEXT)
        check(None, f"scales.{name}.budget", values.get("budget"), _SECONDS | None)
        check(None, f"scales.{name}.needs", values.get("needs"), _TEXT | None)
        _values(values, f"scales.{name}")
    for entry in table["claims"]:
        check_claim(entry, table["scales"])


def check_claim(entry: Mapping[str, Any], scales: Iterable[str] = SCALES) -> None:
    """Check the fields of a table `[[claims]]`.

    Args:
        entry: The table.
        scales: Those that the claim may name.

    Raises:
        BadInput: a field that is missing, unknown or of the wrong kind.
    """
    owner, known = f"claim {entry.get('id')!r}", {**_CLAIM, **_CLAIM_OPTIONAL}
    _names(entry, set(_CLAIM), set(known), f"{owner}: ")
    for name, value in entry.items():
        check(owner, name, value, known[name])
    for scale in entry.get("scales", ()):
        check(owner, "scales", scale, one_of(*scales))
    for scale in entry.get("cause", {}):
        check(owner, "cause", scale, one_of(*scales))


def _cause(text: str) -> bool:
    return " ".join(text.split()).removeprefix("an ").startswith(CAUSES)


def _names(table: Mapping[str, Any], wanted: set[str], known: set[str], where: str) -> None:
    missing, unknown = wanted - set(table), set(table) - known
    if missing or unknown:
        raise BadInput(f"{where}missing {sorted(missing)}, unknown {sorted(unknown)}")


def _values(values: Mapping[str, Any], where: str) -> None:
    for name in _HIDDEN:
        if name in values:
            raise BadInput(f"[{where}] has a value {name!r}, which is an attribute of every scale; rename it")
