"""Legal values of options, declared once and checked in one place.

A class derived from `Bounded` (every `Method` is) states `bounds`; a recipe hands them to its decorator:

    class GCE(Method):
        bounds = {"q": between(1e-6, 1)}

        def __init__(self, q: float = 0.7) -> None: ...

    @recipe(CARD, {"first": between(0.01, 1), "percentile": between(0.5, 1) | None})
    def forward(training: Training, first: float = 0.5, percentile: float | None = None) -> None: ...

That is all: `GCE(q=3)`, `GCE(3)` and the spec `gce:q=3` raise "gce: q=3 must lie between 1e-06 and 1". A subclass
inherits bounds and may replace some. Options that are `True` or `False` by default are checked without a declaration.
Numbers of NumPy and fractions are accepted and become Python's; booleans and NaN are not numbers. Conditions between
two options are checked by hand with `check`. Public functions check their arguments with `bounded` too:

    @bounded(None, {"data": a(Dataset), "path": PATH, "seed": SEED})
    def save(data: Dataset, path: str | Path, seed: int = 0) -> None: ...
"""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any, ClassVar, TypeVar

import numpy as np

from noisewise.errors import BadInput, nearest, shown

Function = TypeVar("Function", bound=Callable[..., Any])
LARGEST = float(np.finfo(np.float32).max)  # what networks and their optimisers can hold
MOST = 10**9  # of anything that is counted
_PLAIN = (bool, int, float, str, type(None))


@dataclass(frozen=True)
class Bound:
    """What an option may be.

    Attributes:
        says: what it must do, for the message: "lie between 0 and 1".
        allows: whether a value is legal.
        optional: whether None is legal too; `bound | None` makes it so.
        words: the legal words, if the option is a word; a message suggests the nearest.
    """

    says: str
    allows: Callable[[Any], bool]
    optional: bool = False
    words: tuple[str, ...] = ()

    def __or__(self, none: None) -> Bound:
        return replace(self, optional=True)


def between(low: float, high: float) -> Bound:
    """A number in [low, high]."""
    return Bound(f"lie between {_shown(low)} and {_shown(high)}", lambda value: _number(value) and low <= value <= high)


def below(high: float) -> Bound:
    """A number in [0, high)."""
    return Bound(f"be at least 0 and below {_shown(high)}", lambda value: _number(value) and 0 <= value < high)


def at_least(low: float) -> Bound:
    """A number of at least `low` that is finite in 32 bits."""
    return Bound(
        f"be at least {_shown(low)} and finite (in 32 bits)", lambda value: _number(value) and low <= value <= LARGEST
    )


def whole(low: int, high: int | None = None) -> Bound:
    """A whole number in [low, high]; `high` None is a billion, which no count of rows, steps or pixels needs."""
    most = MOST if high is None else high
    limits = f"of at least {low} (at most a billion)" if high is None else f"between {low} and {high}"
    return Bound(f"be a whole number {limits}", lambda value: _number(value, Integral) and low <= value <= most)


def number(value: float | None) -> float | None:
    """A number as a float, so that equal settings are written equally: 0, 0.0 and -0.0 all become 0.0; None stays."""
    return None if value is None else float(value) + 0.0  # -0.0 + 0.0 is 0.0


def _shown(limit: float) -> str:
    return str(int(limit)) if float(limit).is_integer() and abs(limit) < 1e12 else str(limit)


def one_of(*values: str) -> Bound:
    """One of these words."""
    says = f"be one of {', '.join(values)}"
    return Bound(says, lambda value: isinstance(value, str) and value in values, words=values)


def flag() -> Bound:
    """True or false."""
    return Bound("be true or false", lambda value: isinstance(value, bool))


def a(kind: type | tuple[type, ...], says: str | None = None) -> Bound:
    """An object of a class.

    Args:
        kind: the class, or several.
        says: what it must be, for the message; by default the name of the class.
    """
    name = kind.__name__ if isinstance(kind, type) else ""
    article = "an" if name[:1] in "AEIOU" else "a"
    return Bound(says or f"be {article} {name}", lambda value: isinstance(value, kind))


TEXT = Bound("be text or None", lambda value: isinstance(value, str), optional=True)
SEED = Bound("be a whole number of at least 0", lambda value: _number(value, Integral) and value >= 0)
PATH = Bound("be a path", lambda value: isinstance(value, str | PurePath) and _encodable(str(value)))
FUNCTION = Bound("be a function", callable)


def check(owner: str | None, option: str, value: Any, bound: Bound) -> Any:
    """The value, a NumPy scalar as a Python one.

    Args:
        owner: name of the method or other thing that has the option, for the message; None for a setting of a run.
        option: name of the option.
        value: what was given.
        bound: what it may be.

    Raises:
        BadInput: the value is not legal; the message names owner, option, value and what is legal.
    """
    plain = _plain(value)
    if not (bound.optional and plain is None) and not bound.allows(plain):
        hint = nearest(plain, bound.words) if isinstance(plain, str) else ""
        raise BadInput(f"{'' if owner is None else owner + ': '}{option}={shown(plain)} must {bound.says}{hint}")
    beyond = isinstance(plain, int) and abs(plain) >= 2**64  # a large number, as 1e30 is; tensors hold no such integers
    return float(plain) if beyond and bound is not SEED else plain


def check_options(owner: str | None, options: Mapping[str, Any], bounds: Mapping[str, Bound]) -> dict[str, Any]:
    """All options, checked where they have a bound.

    Raises:
        BadInput: an option outside its bound.
    """
    return {
        name: check(owner, name, value, bounds[name]) if name in bounds else value for name, value in options.items()
    }


def bounded(owner: str | None, bounds: Mapping[str, Bound]) -> Callable[[Function], Function]:
    """Decorator: check a function's options at every call. The function gets them as its attribute `bounds`.

    Args:
        owner: name for the messages; None for a function whose arguments are named alone.
        bounds: by option.
    """

    def guard(function: Function) -> Function:
        signature = inspect.signature(function)
        known = {**_flags(signature), **bounds}

        @wraps(function)
        def guarded(*args: Any, **options: Any) -> Any:
            bound = signature.bind(*args, **options)
            bound.arguments.update(check_options(owner, bound.arguments, known))
            return function(*bound.args, **bound.kwargs)

        guarded.bounds = known  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value]

    return guard


class Bounded:
    """Base of classes whose options are checked when they are constructed, before `__init__` runs.

    Attributes:
        bounds: what each option may be; those of base classes are added.
        options: the arguments of the constructor that are numbers, words, true, false or None, with defaults.
    """

    bounds: ClassVar[Mapping[str, Bound]] = {}
    options: dict[str, Any]

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        inherited = [base.bounds for base in reversed(cls.__mro__[1:]) if issubclass(base, Bounded)]
        cls.bounds = {name: bound for part in (*inherited, vars(cls).get("bounds", {})) for name, bound in part.items()}
        if "__init__" in vars(cls):
            signature = inspect.signature(cls.__init__)
            cls.bounds = {**_flags(signature), **cls.bounds}
            cls.__init__ = _checked(cls.__init__, signature)  # type: ignore[method-assign]

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in getattr(self, "options", {}).items())
        return f"{type(self).__name__}({given})"


def _checked(init: Callable[..., None], signature: inspect.Signature) -> Callable[..., None]:
    @wraps(init)
    def checked(self: Any, *args: Any, **options: Any) -> None:
        kind = type(self)
        bound = signature.bind(self, *args, **options)
        bound.arguments.update(check_options(name_of(kind), bound.arguments, kind.bounds))
        if kind.__init__ is checked:  # not for a base's constructor, called by that of the class itself
            bound.apply_defaults()
            taken = {name: value for name, value in bound.arguments.items() if isinstance(value, _PLAIN)}
            object.__setattr__(self, "options", taken)  # before nn.Module is initialised
        init(*bound.args, **bound.kwargs)

    return checked


def name_of(owner: Any) -> str:
    """The name on the card of a class or function; its own name where it has no card."""
    card = getattr(owner, "card", None)
    name: str = owner.__name__ if card is None else card.name
    return name


def _flags(signature: inspect.Signature) -> dict[str, Bound]:
    return {name: flag() for name, p in signature.parameters.items() if isinstance(p.default, bool)}


def _encodable(path: str) -> bool:
    """Whether a file can have the name."""
    try:
        return path != "" and b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def _plain(value: Any) -> Any:
    """A number, truth value or text as Python's own."""
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, bool) or not isinstance(value, Real | np.str_) or isinstance(value, np.timedelta64):
        return value
    if isinstance(value, np.str_ | Integral):
        return str(value) if isinstance(value, np.str_) else int(value)
    with contextlib.suppress(OverflowError):  # a fraction beyond the range of floats
        return float(value)
    return value


def _number(value: Any, kind: type[Any] = Real) -> bool:
    # Only NaN differs from itself; math.isnan fails on integers beyond the range of floats.
    return isinstance(value, kind) and not isinstance(value, bool | np.timedelta64) and bool(value == value)
