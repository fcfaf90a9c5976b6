"""The protocol of engines: call one function for many items, and return each item's result or error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from noisewise.bounds import Bound, check, whole
from noisewise.errors import BadInput


class Lost(BadInput):
    """The process or machine that computed an item ended before the item was done."""


class Unsendable(BadInput):
    """A function or an item that cannot be pickled and therefore cannot be sent to another process."""


class Engine(Protocol):
    """Calls a function for many items."""

    @property
    def in_process(self) -> bool:
        """Whether the calls are made in the present process, where they can reach its objects."""

    @property
    def shares_files(self) -> bool:
        """Whether the calls see the files of this machine."""

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """Call `function(item)` for every item.

        An error of one item does not stop the others. Closing the iterator ends the running calls.

        Args:
            function: what to call.
            items: taken one at a time, when there is room for another call.

        Yields:
            The number of the item, and what the function returned or the exception it raised, in the order in which
            the calls end.

        Raises:
            Unsendable: the function cannot be sent to another process.
        """


ENGINE = Bound(
    "be an engine, which has a method `map`", lambda value: hasattr(value, "map") and hasattr(value, "shares_files")
)


def check_workers(workers: int | None) -> None:
    """Raise BadInput unless `workers` is None or a whole number of at least 1."""
    check(None, "workers", workers, whole(1) | None)
