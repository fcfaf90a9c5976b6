"""The one spec language: `name:value,key=value+name...`, for corruptions and for methods.

    symmetric:0.4                 one term with one positional argument
    pair:0.45+longtail:100        two terms, applied in this order
    cdr:tau=0.4+gce:q=0.7         named arguments

A value is read as an integer, a float, `true`, `false`, `none`, or else as text.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from noisewise.catalogue import Catalogue
from noisewise.errors import BadInput, nearest


@dataclass(frozen=True)
class Term:
    """One named thing with its arguments, as written in a spec."""

    name: str
    args: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    text: str = ""

    def bind(self, function: Callable[..., Any], given: tuple[str, ...] = ()) -> dict[str, Any]:
        """The term's arguments by name, for a call of `function`.

        `given` names parameters that the caller fills in itself and a spec may not.

        Raises:
            BadInput: too many positional arguments, an unknown option, or a missing one.
        """
        parameters = {
            name: parameter
            for name, parameter in inspect.signature(function).parameters.items()
            if name not in (*given, "self") and parameter.kind is not parameter.VAR_KEYWORD
        }
        names = list(parameters)
        if len(self.args) > len(names):
            raise BadInput(f"{self.text!r}: {self.name} takes at most {len(names)} argument(s) ({', '.join(names)})")
        bound = dict(zip(names, self.args, strict=False))
        for key, value in self.options.items():
            if key not in parameters:
                known = nearest(key, names) or f"; it takes {', '.join(names) or 'none'}"
                raise BadInput(f"{self.text!r}: {self.name} has no option {key!r}{known}")
            if key in bound:
                raise BadInput(f"{self.text!r}: {key!r} is given twice")
            bound[key] = value
        for name, parameter in parameters.items():
            if parameter.default is parameter.empty and name not in bound:
                raise BadInput(f"{self.text!r}: {self.name} needs {name!r}, as in '{self.name}:{name}=...'")
        return bound


def parse(text: str, catalogue: Catalogue) -> list[Term]:
    """Read a spec into its terms.

    Raises:
        BadInput: an empty term or an unknown name; the message says at which character.
    """
    terms, position = [], 0
    for piece in text.split("+"):
        stripped = piece.strip()
        where = f" at character {position + 1} of {text!r}"
        if not stripped:
            raise BadInput(f"a {catalogue.kind} is missing{where}")
        name, _, rest = stripped.partition(":")
        catalogue.check(name.strip(), where)
        args, options = _arguments(rest, f"{where}, in {stripped!r}")
        terms.append(Term(name.strip(), args, options, stripped))
        position += len(piece) + 1
    return terms


def _arguments(text: str, where: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    args: list[Any] = []
    options: dict[str, Any] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        key, equals, value = part.partition("=")
        if equals and key.strip().isidentifier():
            options[key.strip()] = _value(value.strip())
        elif options:
            raise BadInput(f"the positional value {part!r} follows a named one{where}")
        else:
            args.append(_value(part))
    return tuple(args), options


def _value(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text
