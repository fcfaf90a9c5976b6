"""The results of a study's runs, and how its claims and its figure ask for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noisewise.compute import Result, Task, read
from noisewise.errors import BadInput


@dataclass(frozen=True)
class Results:
    """Results in the order of the runs; some of them are Results again.

    Attributes:
        scale: of the study.
        items: one per run.
    """

    scale: str
    items: tuple[Result, ...]

    @classmethod
    def read(cls, scale: str, tasks: Iterable[Task], folder: Path) -> Results:
        """Of finished tasks, from the folder of runs."""
        return cls(scale, tuple(read(task, folder / task.key) for task in tasks))

    def __iter__(self) -> Iterator[Result]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def of(self, function: str) -> Results:
        """Those of a function, by its name without the module."""
        return Results(self.scale, tuple(item for item in self.items if item.task.name == function))

    def where(self, **arguments: Any) -> Results:
        """Those whose runs had these arguments; None also matches an argument that was not given."""
        chosen = [
            item
            for item in self.items
            if all(item.task.arguments.get(name) == value for name, value in arguments.items())
        ]
        return Results(self.scale, tuple(chosen))

    def one(self, **arguments: Any) -> Result:
        """The only one with these arguments.

        Raises:
            BadInput: there is none, or more than one.
        """
        found = self.where(**arguments).items
        if len(found) != 1:
            raise BadInput(f"{len(found)} runs match {arguments}, where one is wanted")
        return found[0]

    def choices(self, argument: str) -> list[Any]:
        """The different values that an argument had, in the order of the runs; None for runs without it."""
        found: list[Any] = []
        for item in self.items:
            value = item.task.arguments.get(argument)
            if value not in found:
                found.append(value)
        return found

    def numbers(self, name: str) -> np.ndarray:
        """(runs,) the value of that name of every run; NaN where it was not finite.

        Raises:
            BadInput: a run has no such value.
        """
        return np.array([np.nan if item[name] is None else item[name] for item in self.items], dtype=float)

    def mean(self, name: str) -> float:
        """The mean of that value over the runs.

        Raises:
            BadInput: there are no runs, or one has no such value.
        """
        if not self.items:
            raise BadInput(f"there is no run to take the mean {name!r} of")
        return float(self.numbers(name).mean())
