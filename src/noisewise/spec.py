"""The spec language of corruptions, methods, models and probes: `name:value,key=value+name...`.

    symmetric:0.4                 one term with one positional argument
    pair:0.45+longtail:100        two terms, applied in this order
    cdr:tau=0.4+gce:q=0.7         named arguments
    matrix:"a+b, c.npy"           text in double quotes is taken literally
    my_module:MyLoss:q=0.5        an object of your own, as "module:attribute", with its arguments

A value is read as an integer, a float, `true`, `false`, `none`, or else as text.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from noisewise.catalogue import Catalogue, is_place
from noisewise.errors import BadInput, nearest

QUOTE = '"'


@dataclass(frozen=True)
class Term:
    """One term of a spec: a name with its arguments.

    Attributes:
        name: the name.
        args: positional arguments.
        options: named arguments.
        text: the term as written.
    """

    name: str
    args: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    text: str = ""

    def bind(self, function: Callable[..., Any], given: tuple[str, ...] = ()) -> dict[str, Any]:
        """The term's arguments by name, for a call of `function`.

        Args:
            function: the function to call.
            given: parameters that the caller supplies, which a spec may not set.

        Raises:
            BadInput: there are too many positional arguments, an option is unknown, or one is missing.
        """
        parameters = {
            name: parameter
            for name, parameter in inspect.signature(function).parameters.items()
            if name not in (*given, "self") and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        }
        names = list(parameters)
        if len(self.args) > len(names):
            takes = f"at most {len(names)} argument(s) ({', '.join(names)})" if names else "no arguments"
            raise BadInput(f"{self.text!r}: {self.name} takes {takes}")
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
    """Parse a spec into its terms.

    Args:
        text: the spec.
        catalogue: the known names.

    Raises:
        BadInput: the spec is not text, a quote is open, a term is empty, a name is unknown, or a value is missing,
            misplaced or repeated; the message gives the position.
    """
    if not isinstance(text, str):
        raise BadInput(f"a {catalogue.kind} spec is text such as 'name:value', not {text!r}")
    if text.count(QUOTE) % 2:
        raise BadInput(f"a quote is not closed{_where(text, text.rindex(QUOTE))}")
    return [_term(piece, position, text, catalogue) for position, piece in _split(text, "+", 0)]


def places(text: str, catalogue: Catalogue) -> list[str]:
    """The names "module:attribute" in a spec; nothing is imported.

    A spec that a file states, rather than the person who runs the command, must have none: code would run that came
    with the file.

    Args:
        text: the spec.
        catalogue: the known names.
    """
    names = (catalogue.split(piece)[0] for _, piece in _split(text, "+", 0))
    return [name for name in names if is_place(name)]


def _term(piece: str, position: int, text: str, catalogue: Catalogue) -> Term:
    where = _where(text, position)
    if not piece:
        raise BadInput(f"a {catalogue.kind} is missing{where}")
    name, colon, rest = catalogue.split(piece)
    catalogue.check(name, where)
    parts = list(_split(rest, ",", position + len(piece) - len(rest))) if colon else []
    args, options = _arguments(parts, text)
    return Term(name, args, options, piece)


def _arguments(parts: list[tuple[int, str]], text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    args: list[Any] = []
    options: dict[str, Any] = {}
    for position, part in parts:
        where = _where(text, position)
        key, equals, value = (side.strip() for side in part.partition("="))
        named = bool(equals) and key.isidentifier()
        if not (value if named else part):
            raise BadInput(f"a value is missing{where}")
        if named and key in options:
            raise BadInput(f"{key!r} is given twice{where}")
        if named:
            options[key] = _value(value)
        elif options:
            raise BadInput(f"the positional value {part!r} follows a named one{where}")
        else:
            args.append(_value(part))
    return tuple(args), options


def _split(text: str, separator: str, start: int) -> Iterator[tuple[int, str]]:
    """The stripped pieces between separators outside quotes, each with its position, counted from `start`."""
    begin, quoted = 0, False
    for end, character in enumerate(text + separator):
        if character == QUOTE:
            quoted = not quoted
        elif character == separator and not quoted:
            piece = text[begin:end]
            yield start + begin + len(piece) - len(piece.lstrip()), piece.strip()
            begin = end + 1


def _where(text: str, position: int) -> str:
    return f" at character {position + 1} of {text!r}"


def _value(text: str) -> Any:
    if len(text) > 1 and text[0] == text[-1] == QUOTE:
        return text[1:-1]
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text
