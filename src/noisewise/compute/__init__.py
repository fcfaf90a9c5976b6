"""Computations in folders addressed by what they compute: done once, resumed, shared by several writers."""

from __future__ import annotations

from noisewise.compute.engine import Computation, Done, Engine
from noisewise.compute.local import LocalEngine
from noisewise.compute.task import Result, Task, read

__all__ = ["Computation", "Done", "Engine", "LocalEngine", "Result", "Task", "read"]
