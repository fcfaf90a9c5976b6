"""A command that `torchrun` started in several processes: one of them prints, and one names an error."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

from noisewise.errors import BadInput
from noisewise.threads import launched

_DIVIDED = "train"


class Said(Exception):
    """An error of which another process has told already.

    Args:
        error: the error.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


@contextlib.contextmanager
def joined(arguments: Sequence[str]) -> Iterator[None]:
    """Meet the other processes for the block, if `torchrun` started some.

    Args:
        arguments: of the command line.

    Raises:
        BadInput: a command that several processes cannot share.
        ProcessEnded: another process has ended.
        Said: the block failed, as it did in a process that was faster to tell.
    """
    if not launched():
        yield
        return
    from noisewise.training import distributed

    distributed.join()
    try:
        with contextlib.ExitStack() as stack:
            if not distributed.writes():
                nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
                stack.enter_context(contextlib.redirect_stdout(nowhere))
                stack.enter_context(contextlib.redirect_stderr(nowhere))
            if arguments and not arguments[0].startswith("-") and arguments[0] != _DIVIDED:
                raise BadInput(
                    f"torchrun runs one training in several processes: `noisewise {_DIVIDED}`, not {arguments[0]!r}"
                )
            yield
    except Exception as error:
        if distributed.first_to_say():
            raise
        raise Said(error) from error
