"""Checks of the parameters of corruptions."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from noisewise.errors import BadInput


def share(corruption: str, name: str, value: Any) -> None:
    """Check that the parameter is a number in [0, 1].

    Raises:
        BadInput: it is no number, not a number (NaN), or out of range.
    """
    if not 0 <= _number(value) <= 1:
        raise BadInput(f"the {name} of {corruption!r} must be a number from 0 to 1, not {value!r}")


def scale(corruption: str, name: str, value: Any) -> None:
    """Check that the parameter is a number above 0 and at most 1e6.

    Raises:
        BadInput: it is no number, not a number (NaN), or out of range.
    """
    if not 0 < _number(value) <= 1e6:
        raise BadInput(f"the {name} of {corruption!r} must be a number above 0 and at most 1e6, not {value!r}")


def ratio(corruption: str, name: str, value: Any) -> None:
    """Check that the parameter is a number from 1 to 1e6.

    Raises:
        BadInput: it is no number, not a number (NaN), or out of range.
    """
    if not 1 <= _number(value) <= 1e6:
        raise BadInput(f"the {name} of {corruption!r} must be a number from 1 to 1e6, not {value!r}")


def whole(corruption: str, name: str, value: Any) -> None:
    """Check that the parameter is a whole number from 1.

    Raises:
        BadInput: it is anything else.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise BadInput(f"the {name} of {corruption!r} must be a whole number from 1, not {value!r}")


def switch(corruption: str, name: str, value: Any) -> None:
    """Check that the parameter is `true` or `false`.

    Raises:
        BadInput: it is anything else.
    """
    if not isinstance(value, bool):
        raise BadInput(f"{name!r} of {corruption!r} must be true or false, not {value!r}")


def choice(corruption: str, name: str, value: Any, legal: tuple[str, ...]) -> None:
    """Check that the parameter is one of the legal words.

    Raises:
        BadInput: it is anything else.
    """
    if value not in legal:
        raise BadInput(f"the {name} of {corruption!r} must be one of {', '.join(legal)}, not {value!r}")


def _number(value: Any) -> Any:
    return value if isinstance(value, Real) and not isinstance(value, bool) else math.nan
