"""The two errors that a user can cause. The command line turns both into exit code 2 and one sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BadInput(ValueError):
    """Invalid input. The message is one sentence that names the argument, its value and legal values."""


class Diverged(RuntimeError):
    """The loss of a training became infinite or NaN; the last good checkpoint is kept."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `" (did you mean 'x'?)"` for the closest known name, or an empty string if there is none."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
