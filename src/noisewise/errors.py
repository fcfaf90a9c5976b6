"""Errors that a command turns into one sentence: two that a user can cause, and the loss of another process."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 200


class BadInput(ValueError):
    """Invalid input. The message is one sentence, on one line, that names the argument, its value and legal values."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(line.strip() for line in str(message).splitlines()))


class Diverged(RuntimeError):
    """The loss of a training became infinite or NaN; the last good checkpoint is kept."""


class ProcessEnded(RuntimeError):
    """Another process of the same training has ended, and this one cannot go on alone."""


def shown(value: object) -> str:
    """A value for a message: its repr on one line, shortened beyond 200 characters."""
    try:
        text = " ".join(repr(value).split("\n"))
    except Exception:  # of a class that cannot be shown, or a whole number of more than 4,300 digits
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def nearest(name: object, known: Iterable[str]) -> str:
    """Return `" (did you mean 'x'?)"` for the closest known name; "" if none is close or it is no text."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5) if isinstance(name, str) else []
    return f" (did you mean {close[0]!r}?)" if close else ""
