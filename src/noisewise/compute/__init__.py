"""Where work runs: one protocol, three engines, and computations kept in folders named by what they compute."""

from __future__ import annotations

from noisewise.compute.computation import Computation, Done, run
from noisewise.compute.engine import Engine, Lost, Unsendable
from noisewise.compute.local import LocalEngine
from noisewise.compute.ray import RayEngine
from noisewise.compute.serial import SerialEngine
from noisewise.compute.task import Result, Task, read

__all__ = [
    "Computation",
    "Done",
    "Engine",
    "LocalEngine",
    "Lost",
    "RayEngine",
    "Result",
    "SerialEngine",
    "Task",
    "Unsendable",
    "read",
    "run",
]
