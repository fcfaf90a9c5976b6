"""Settings of papers, by method and name: `--preset paper-cifar10-sym50`. The settings are in `presets.toml`.

A method's defaults are meant for any noise rate. What a paper tuned for one data set and one rate is a preset.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from noisewise.errors import BadInput, nearest
from noisewise.methods.catalogue import METHODS
from noisewise.spec import parse


@dataclass(frozen=True)
class Preset:
    """One published setting.

    Attributes:
        method: the method's spec with the paper's options.
        origin: where the values are from.
        model: a catalogue name; None where the paper's network is not in the catalogue.
        epochs: number of epochs; None where the preset states none.
        settings: further fields of `Config`.
    """

    method: str
    origin: str
    model: str | None = None
    epochs: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def presets(method: str) -> dict[str, Preset]:
    """The presets of a method by name. Most methods have none.

    Raises:
        BadInput: an unknown method.
    """
    return _all().get(METHODS.check(method), {})


def preset(method: str, name: str) -> Preset:
    """Look up a preset. The method must be a single name without options, which the preset sets.

    Raises:
        BadInput: several terms, options in addition to the preset, or an unknown preset.
    """
    terms = parse(method, METHODS)
    if len(terms) != 1 or terms[0].name != method.strip():
        raise BadInput(f"a preset sets the options of one method by its name, but the method is {method!r}")
    known = presets(terms[0].name)
    if name not in known:
        said = f"; available: {', '.join(known)}" if known else ""
        raise BadInput(f"{method} has no preset {name!r}{nearest(name, known) or said}")
    return known[name]


@cache
def _all() -> dict[str, dict[str, Preset]]:
    text = (files("noisewise.methods") / "presets.toml").read_text(encoding="utf-8")
    return {m: {name: _read(m, table) for name, table in tables.items()} for m, tables in tomllib.loads(text).items()}


def _read(method: str, table: dict[str, Any]) -> Preset:
    known = ("method", "origin", "model", "epochs")
    settings = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items() if key not in known}
    own = {key: table[key] for key in known if key in table}
    return Preset(**{"method": method, **own}, settings=settings)
