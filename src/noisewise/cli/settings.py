"""`--set name=value`: further fields of the training's `Config`, read by the type of the field."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, get_args, get_type_hints

from noisewise.errors import BadInput, nearest

FLAGS = {"epochs": "--epochs", "seed": "--seed", "device": "--device"}


def read_settings(pairs: Iterable[str]) -> dict[str, Any]:
    """The settings of `--set` options by name.

    Example:
        `read_settings(["lr=0.1", "patience=5"]) == {"lr": 0.1, "patience": 5}`

    Args:
        pairs: of the form name=value; of one name, the last counts.

    Raises:
        BadInput: not of the form name=value, an unknown name, a name that has its own option, or a value of
            another type.
    """
    from noisewise.training import Config

    types = get_type_hints(Config)
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = (part.strip() for part in pair.partition("="))
        if not equals or not text:
            raise BadInput(f"--set {pair!r} is not of the form name=value")
        if name in FLAGS:
            raise BadInput(f"--set {pair!r}: {name} has its own option, {FLAGS[name]}")
        if name not in types:
            hint = nearest(name, types) or f"; known: {', '.join(n for n in types if n not in FLAGS)}"
            raise BadInput(f"--set {pair!r}: there is no setting {name!r}{hint}")
        found[name] = _typed(pair, types[name], text)
    return found


def _typed(pair: str, kind: Any, text: str) -> Any:
    members = get_args(kind)
    if type(None) in members:
        return None if text.lower() == "none" else _typed(pair, members[0], text)
    if members:
        return tuple(_number(pair, members[0], part) for part in text.split(","))
    return text if kind is str else _number(pair, kind, text)


def _number(pair: str, kind: type[int] | type[float], text: str) -> int | float:
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadInput(f"--set {pair!r}: {text!r} is not {'a whole' if kind is int else 'a finite'} number")
    return value
