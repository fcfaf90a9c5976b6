"""A task: a function by name and its arguments as plain data; its result is kept in a folder."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.allowance import present
from noisewise.catalogue import load
from noisewise.compute.computation import WORK, emptied, publish
from noisewise.doors import parsing
from noisewise.errors import BadInput
from noisewise.files import digest, is_whole, to_json
from noisewise.former_names import stable_name

RESULT, ARRAYS = "result.json", "arrays.npz"


@dataclass(frozen=True)
class Task:
    """A function's value for some arguments, kept in a folder.

    The function is called with the arguments by name. If it has a parameter `scratch`, it gets the path of a folder
    for checkpoints, which outlives an interruption and is removed when the task is done. It returns a dict of plain
    data, NumPy arrays and pandas tables by name.

    Attributes:
        function: "module:name" of a function that can be imported.
        arguments: plain data: what JSON can hold.
        version: of the function; raise it when the same arguments give another result, so that old results are not
            reused.
        title: for progress lines; by default the function's name and its arguments.

    Raises:
        BadInput: a name without a colon, or arguments that are not plain data.
    """

    function: str
    arguments: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    title: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w.]+:\w+", self.function):
            raise BadInput(f"function={self.function!r} is not of the form 'module:name'")
        try:
            plain = json.loads(json.dumps(self.arguments, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise BadInput(f"the arguments of {self.function} must be plain data: {error}") from error
        object.__setattr__(self, "arguments", plain)
        if not self.title:
            said = [f"{name}={value}" for name, value in plain.items()]
            object.__setattr__(self, "title", " ".join([self.name, *said]))

    @classmethod
    def of(
        cls, function: Callable[..., dict[str, Any]], *, version: int = 1, title: str = "", **arguments: Any
    ) -> Task:
        """The task of a function and its arguments.

        Raises:
            BadInput: the function is not at the top of an importable module, or the arguments are not plain data.
        """
        name = getattr(function, "__qualname__", repr(function))
        if not name.isidentifier() or function.__module__ == "__main__":
            raise BadInput(f"{name} must be a named function at the top of a module that can be imported")
        return cls(stable_name(f"{function.__module__}:{name}"), arguments, version, title)

    @property
    def name(self) -> str:
        """The function's name without its module."""
        return self.function.partition(":")[2]

    @property
    def key(self) -> str:
        """A hash of function, version and arguments."""
        return digest([self.function, self.version, self.arguments])

    def finished(self, folder: Path) -> bool:
        """See `Computation`."""
        return is_whole(folder / RESULT)

    def compute(self, folder: Path) -> None:
        """Call the function and publish its result with one rename; see `Computation`.

        Raises:
            BadInput: no such function, or a result that cannot be kept. Whatever else the function raises.
        """
        function, work = load(self.function), folder.parent / WORK / folder.name
        arguments = dict(self.arguments)
        if "scratch" in inspect.signature(function).parameters:
            arguments["scratch"] = work / "scratch"
            arguments["scratch"].mkdir(parents=True, exist_ok=True)
        started, worked = time.perf_counter(), time.process_time()
        values = function(**arguments)
        took = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - worked}
        writing = emptied(work / "writing")
        about = {"function": self.function, "version": self.version, "arguments": self.arguments}
        _write(writing, {**about, **took, **_place()}, self._checked(values))
        publish(writing, folder)
        shutil.rmtree(work, ignore_errors=True)

    def _checked(self, values: Any) -> dict[str, Any]:
        if not isinstance(values, dict):
            raise BadInput(f"{self.function} must give a dict of results by name, not {type(values).__name__}")
        for name, value in values.items():
            if not isinstance(name, str) or not name.isidentifier():
                raise BadInput(f"{self.function} gives a result called {name!r}, which is not an identifier")
            if isinstance(value, np.ndarray) and value.dtype.hasobject:
                raise BadInput(f"{self.function} gives an array of objects as {name!r}; numbers or text can be kept")
        return values


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """The result of a task, read from its folder; `result["name"]` is one of its values.

    Attributes:
        task: the task.
        values: plain data, arrays and tables by name; plain numbers that were not finite are None.
        seconds: time it took, since the last interruption.
        machine: the machine that computed it.
        cpu_seconds: processor time in these seconds, which does not depend on what else the machine does; None for
            results from before it was recorded.
    """

    task: Task
    values: dict[str, Any]
    seconds: float
    machine: str
    cpu_seconds: float | None = None

    def __repr__(self) -> str:
        return f"Result({self.task.title}: {', '.join(self.values)}; {self.seconds:.1f} s)"

    def __getitem__(self, name: str) -> Any:
        """One value.

        Raises:
            BadInput: there is no value of that name.
        """
        if name not in self.values:
            known = ", ".join(self.values)
            raise BadInput(f"the result of {self.task.title!r} has no {name!r}; it has: {known}")
        return self.values[name]


def read(task: Task, folder: Path) -> Result:
    """The result of a finished task from its folder.

    Raises:
        BadInput: a file in it is damaged.
    """
    with parsing(f"the result in {folder} (remove the folder to compute it again)"):
        about = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        values: dict[str, Any] = about["values"]
        if (folder / ARRAYS).exists():
            with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
                values |= dict(arrays)
        values |= {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
        return Result(task, values, about["seconds"], about["machine"], about.get("cpu_seconds"))


def _write(folder: Path, about: dict[str, Any], values: dict[str, Any]) -> None:
    frames = {name: value for name, value in values.items() if isinstance(value, pd.DataFrame)}
    arrays: dict[str, Any] = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    plain = {name: value for name, value in values.items() if name not in frames and name not in arrays}
    for name, frame in frames.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)
    if arrays:
        np.savez_compressed(folder / ARRAYS, **arrays)
    (folder / RESULT).write_text(to_json({**about, "values": plain}), encoding="utf-8")


def _place() -> dict[str, Any]:
    """The machine and the versions that a result comes from."""
    from noisewise._version import __version__

    torch = sys.modules.get("torch")
    versions = {"noisewise": __version__, "numpy": np.__version__}
    versions |= {} if torch is None else {"torch": str(torch.__version__)}
    gpu = torch is not None and torch.cuda.is_available() and present().device != "cpu"
    machine = torch.cuda.get_device_name() if torch is not None and gpu else f"{os.cpu_count()} CPU cores"
    return {"machine": machine, "versions": versions}
