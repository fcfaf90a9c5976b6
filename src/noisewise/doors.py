"""Where files come in: what they are, and one sentence for whatever is wrong with their content."""

from __future__ import annotations

import contextlib
import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

from noisewise.errors import BadInput

_LONGEST = 200  # characters of another library's message
_KINDS = {
    stat.S_ISFIFO: "a named pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


@contextlib.contextmanager
def parsing(what: object) -> Iterator[None]:
    """Whatever a library raises about a file in the block becomes one sentence: "cannot read WHAT: why".

    Libraries that parse files raise many kinds of errors on broken or hostile ones and list them nowhere, so every kind
    is caught. Put nothing but their calls into the block: an error of our own would look like that of the file. Their
    warnings are not shown.

    Args:
        what: the file, perhaps with its format, for the message.

    Raises:
        BadInput: anything went wrong.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except BadInput:
        raise
    except MemoryError as error:
        raise BadInput(f"cannot read {what}: there is not enough memory for it") from error
    except RecursionError as error:
        raise BadInput(f"cannot read {what}: it is nested too deeply") from error
    except OSError as error:
        raise BadInput(f"cannot read {what}: {error.strerror or _short(error)}") from error
    except Exception as error:
        raise BadInput(f"cannot read {what}: {_short(error)}") from error


def place(path: str | Path) -> Path:
    """A path that a person gave, with `~` expanded; whether there is anything is another question.

    Raises:
        BadInput: it is empty, names a user who does not exist, or cannot be the path of anything.
    """
    text = os.fspath(path)
    if not text or "\0" in text:
        raise BadInput(f"{text!r} is not a path")
    try:
        found = Path(text).expanduser()
        found.stat()
    except (FileNotFoundError, NotADirectoryError):
        return found
    except RuntimeError as error:
        raise BadInput(f"cannot find {text}: {str(error)[:_LONGEST]}") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {_cut(text)!r}: {getattr(error, 'strerror', None) or error}") from error
    return found


def regular(path: str | Path, what: str = "") -> Path:
    """The path of a file that can be read from start to end.

    Args:
        path: of the file.
        what: it should be, for the message, such as "--probs".

    Raises:
        BadInput: there is no such file; it is a folder, or a pipe, a socket or a device, which may never end.
    """
    path = place(path)
    named = f"{what} {path}".strip()
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise BadInput(f"cannot read {named}: {error.strerror}") from error
    if stat.S_ISDIR(mode):
        raise BadInput(f"cannot read {named}: it is a folder")
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in _KINDS.items() if test(mode)), "no regular file")
        raise BadInput(f"cannot read {named}: it is {kind}")
    return path


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return _cut(text) if text else type(error).__name__


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
