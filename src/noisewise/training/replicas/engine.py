"""The engine that trains several networks of one form as one computation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from noisewise.bounds import check, whole
from noisewise.training.replicas.turns import together

AT_ONCE = 32


@dataclass(frozen=True)
class StackedEngine:
    """Calls in the present process, whose trainings of networks of one form are one computation (see `together`).

    Each call ends as it would alone, to rounding. It is made for a GPU, which a small network alone does not keep busy;
    on a CPU only very small networks gain.

    Attributes:
        at_once: how many calls are under way at the same time: each holds its data set and its network.

    Raises:
        BadInput: fewer than one at a time.
    """

    at_once: int = AT_ONCE
    in_process: ClassVar[bool] = True
    shares_files: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check(None, "at_once", self.at_once, whole(1))

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """See `Engine`."""
        return together((partial(function, item) for item in items), self.at_once)
