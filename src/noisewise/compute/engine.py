"""What engines execute, and what an engine is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from noisewise.errors import BadInput


class Computation(Protocol):
    """Something that is computed into a folder of its own. It must survive pickling, since engines send it."""

    @property
    def key(self) -> str:
        """The name of its folder: a hash of all that determines what is computed."""

    @property
    def title(self) -> str:
        """For progress lines."""

    def finished(self, folder: Path) -> bool:
        """Whether the folder holds its result."""

    def compute(self, folder: Path) -> None:
        """Compute into the folder, in the present process; at the end, and not before, it is finished."""


@dataclass(frozen=True)
class Done:
    """How one computation ended.

    Attributes:
        task: what was computed. folder: where its result is.
        error: the sentence it failed with, or None.
        cached: whether its result was there already.
    """

    task: Any
    folder: Path
    error: str | None = None
    cached: bool = False


class Engine(Protocol):
    """Executes computations, each into `folder / task.key`, and tells of each as it ends.

    What is finished is not computed again, what another writer computes at the moment is waited for, and a failure
    stops nothing but the computation that failed.
    """

    def run(self, tasks: Sequence[Any], folder: Path) -> Iterator[Done]:
        """Execute, giving one `Done` per task in the order in which they end."""


def check_workers(workers: int | None) -> None:
    """Raise BadInput unless `workers` is None or at least 1."""
    if workers is not None and workers < 1:
        raise BadInput(f"workers={workers} must be at least 1")
