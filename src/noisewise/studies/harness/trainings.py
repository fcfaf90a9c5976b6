"""Runs that are trainings: `noisewise.train` as a task, and the titles of all tasks that train."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from noisewise.compute import Task

VERSION = 1
_TOLD = ("source", "corrupt", "method", "model", "deficit")


def training(**arguments: Any) -> Task:
    """The task of one training.

    Its result has what `run.json` holds, by name, and the table `history`, one row per recorded epoch.

    Args:
        arguments: of `noisewise.train`, with the `source` in place of the data set.

    Raises:
        BadInput: arguments that are no plain data.
    """
    return titled(trained, "train", arguments, VERSION)


def titled(function: Callable[..., dict[str, Any]], verb: str, arguments: dict[str, Any], version: int) -> Task:
    """The task of a function that trains, with a title that begins with what is trained on what, and how.

    Args:
        function: at the top of a module. verb: the title's first word.
        arguments: of the function. version: of it.

    Raises:
        BadInput: arguments that are no plain data.
    """
    named = [str(arguments[name]) for name in _TOLD if arguments.get(name) is not None]
    others = [f"{name}={value}" for name, value in arguments.items() if name not in _TOLD and value is not None]
    return Task.of(function, version=version, title=" ".join([verb, *named, *others]), **arguments)


def trained(source: str, scratch: Path, **arguments: Any) -> dict[str, Any]:
    """Train, going on from where an interruption left.

    Args:
        source: of the data. scratch: for checkpoints. arguments: further ones of `noisewise.train`.

    Raises:
        BadInput: whatever cannot be done as asked. Diverged: the loss became infinite or NaN.
    """
    from noisewise.run.train import train

    run = train(source, out=scratch, report=False, resume=True, **arguments)
    return {**run.metrics, "history": run.history}
