"""The results of a study's runs: a table with one row per run, and ways to choose among the runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.compute import Result, Task, read
from noisewise.errors import BadInput
from noisewise.formatting import count


@dataclass(frozen=True, repr=False)
class Results:
    """Results in the order of the runs. A selection of them is a `Results` too.

    Attributes:
        scale: The `Scale` of the study.
        items: One result per run.
    """

    scale: Any
    items: tuple[Result, ...]

    def __repr__(self) -> str:
        functions = Counter(item.task.name for item in self.items)
        found = ", ".join(f"{number} {name}" for name, number in functions.items())
        return f"Results({getattr(self.scale, 'name', self.scale)}: {count(len(self), 'run')}{found and ': ' + found})"

    @classmethod
    def read(cls, scale: Any, tasks: Iterable[Task], folder: Path) -> Results:
        """The results of finished tasks.

        Args:
            scale: The `Scale` that the tasks are of.
            tasks: In the order of the runs.
            folder: The folder of runs.
        """
        return cls(scale, tuple(read(task, folder / task.key) for task in tasks))

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per run; arguments and values of the result are columns.

        A cell may hold an array, a list or a table such as `history`. The column `task` is the name of the function.
        Numbers that were not finite, and what a run does not have, are NaN. Where an argument and a value have one
        name, the column of that name is the argument and `result.NAME` is the value. `means` averages over groups of
        runs.
        """
        return pd.DataFrame([_row(item) for item in self.items])

    def __iter__(self) -> Iterator[Result]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def of(self, function: str) -> Results:
        """The results of a function, by its name without the module."""
        return Results(self.scale, tuple(item for item in self.items if item.task.name == function))

    def where(self, **arguments: Any) -> Results:
        """The results of runs with these arguments; None also matches an argument that was not given."""
        chosen = [
            item
            for item in self.items
            if all(item.task.arguments.get(name) == value for name, value in arguments.items())
        ]
        return Results(self.scale, tuple(chosen))

    def of_seed(self, seed: int) -> Results:
        """The results of the runs with this argument `seed`, and of those without such an argument."""
        return Results(self.scale, tuple(i for i in self.items if i.task.arguments.get("seed") in (None, seed)))

    def one(self, **arguments: Any) -> Result:
        """The only result with these arguments.

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
            raise BadInput(f"there is no run to average {name!r} over")
        return float(self.numbers(name).mean())


def means(runs: pd.DataFrame, by: str | list[str], columns: Any) -> Any:
    """The mean of columns over groups of runs, in the order of the runs.

    Unlike in pandas, a mean is NaN where a run of the group has NaN: a claim about runs that did not get there cannot
    hold. Runs whose key is None are a group of their own.

    Args:
        runs: A table with one row per run.
        by: The column, or columns, that runs of a group have in common.
        columns: The name of a column, or a list of names.

    Returns:
        A series for a name, a table for a list of names; indexed by the keys.
    """
    return runs.groupby(by, sort=False, dropna=False)[columns].agg(lambda values: values.mean(skipna=False))


def _row(result: Result) -> dict[str, Any]:
    arguments = result.task.arguments
    values = {f"result.{name}" if name in arguments else name: value for name, value in result.values.items()}
    return {"task": result.task.name, **arguments, **values}
