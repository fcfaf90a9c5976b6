"""The two errors a person can cause. The command line turns both into exit code 2 and one sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BadInput(ValueError):
    """What was asked cannot be done as asked; the message is one sentence that says why and what would work."""


class Diverged(RuntimeError):
    """A training produced a loss that is not finite; the last good checkpoint has been kept."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`" (did you mean 'x'?)"` for the closest known name, or an empty string when none is close."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
