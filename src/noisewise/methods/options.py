"""The options of a method, with their defaults, legal values and meaning, from its signature, bounds and docstring."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

from noisewise.bounds import Bound, flag
from noisewise.methods.catalogue import METHODS


@dataclass(frozen=True)
class Option:
    """One option of a method.

    Attributes:
        name: as in a spec.
        default: its value where it is not stated.
        legal: what it must do, such as "lie between 0 and 1"; None where nothing is declared.
        does: what it is, from the docstring.
    """

    name: str
    default: Any
    legal: str | None
    does: str


def options(method: str) -> list[Option]:
    """The options of a method or recipe, in the order of its signature.

    Args:
        method: a catalogue name.

    Raises:
        BadInput: an unknown method.
    """
    entry = METHODS[METHODS.check(method)]
    said = _arguments(inspect.getdoc(entry) or "")
    taken = inspect.signature(entry).parameters.values()
    parameters = [p for p in taken if p.name != "training" and p.default is not inspect.Parameter.empty]
    return [Option(p.name, p.default, _legal(p, entry.bounds.get(p.name)), said.get(p.name, "")) for p in parameters]


def _legal(parameter: inspect.Parameter, bound: Bound | None) -> str | None:
    if bound is None:
        return flag().says if isinstance(parameter.default, bool) else None
    return f"{bound.says}, or be none" if bound.optional else bound.says


def _arguments(text: str) -> dict[str, str]:
    """The entries of a docstring's `Args` section by name, each on one line."""
    _, _, section = text.partition("Args:\n")
    entries = re.split(r"\n    (?=\S)", "\n" + section.partition("\n\n")[0])[1:] if section else []
    pairs = (" ".join(line.strip() for line in entry.splitlines()).partition(": ") for entry in entries)
    return {name: does for name, _, does in pairs}
