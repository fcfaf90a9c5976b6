"""Checks of options that several methods share."""

from __future__ import annotations

from noisewise.errors import BadInput


def within(method: str, name: str, value: float | None, low: float, high: float) -> None:
    """Check that an option lies in [low, high]; None passes.

    Raises:
        BadInput: it does not.
    """
    if value is not None and not (isinstance(value, (int, float)) and low <= value <= high):
        raise BadInput(f"{method}: {name}={value!r} must lie between {low} and {high}")
