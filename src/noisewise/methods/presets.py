"""Published runs, by method and name: `--preset paper-cifar10-sym50`. They are in `presets.toml`.

A method's defaults are meant for any data and noise rate. What a paper ran on one data set is a preset: the method's
options together with the model and all settings of the training, so that a run differs from the published one only in
what the preset's `origin` and the cards of method and model say.
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

Table = dict[str, Any]

_OWN = ("method", "origin", "noise", "model", "epochs")


@dataclass(frozen=True)
class Preset:
    """One published run.

    Attributes:
        method: the method's spec with the paper's options.
        origin: where the values are from, and what of the run differs here.
        model: a catalogue name with its options.
        epochs: number of epochs.
        noise: specs of the corruptions that it was published for, which are not injected; empty for correct labels and
            for noise that no corruption makes.
        settings: further fields of `Config` and of `Experiment`, such as `noise_rate` and `trusted`.
    """

    method: str
    origin: str
    model: str
    epochs: int
    noise: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


def presets(method: str) -> dict[str, Preset]:
    """The presets of a method by name; some methods have none.

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
    written: dict[str, dict[str, Table]] = tomllib.loads(text)
    return {method: {name: _read(_stated(written, method, name)) for name in written[method]} for method in written}


def _stated(written: Mapping[str, Mapping[str, Table]], method: str, name: str) -> Table:
    """The values of a preset, with those of the one that it is `like`; the options of another method are not taken."""
    own = dict(written[method][name])
    base: Table = {}
    if (like := own.pop("like", None)) is not None:
        other, _, of = like.rpartition(".")
        base = _stated(written, other or method, of)
        if (other or method) != method:
            base["method"] = method
    return {"method": method, **base, **own}


def _read(table: Table) -> Preset:
    values: Table = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    own: Table = {key: values.pop(key) for key in _OWN if key in values}
    return Preset(**own, settings=values)
