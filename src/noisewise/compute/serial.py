"""The engine of the present process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class SerialEngine:
    """One call after the other, in the present process: for debuggers, tests and short work.

    Attributes:
        threads: how many threads torch has in folds of an audit; None leaves them as they are.
    """

    threads: int | None = None

    in_process: ClassVar[bool] = True
    shares_files: ClassVar[bool] = True

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """See `Engine`."""
        for number, item in enumerate(items):
            try:
                result = function(item)
            except (Exception, SystemExit) as error:
                result = error
            yield number, result
