"""An engine by its name."""

from __future__ import annotations

from collections.abc import Callable

from noisewise.compute.engine import Engine, check_workers
from noisewise.compute.local import LocalEngine
from noisewise.compute.ray import RayEngine
from noisewise.compute.serial import SerialEngine
from noisewise.errors import BadInput

NAMES = ("serial", "local", "ray")


def build(
    name: str, workers: int | None = None, *, say: Callable[[str], None] | None = None, gpu: bool = True
) -> Engine:
    """The engine of a name.

    Args:
        name: "serial", in this process; "local", processes of this machine; "ray", a cluster.
        workers: how many calls at a time.
        say: see `RayEngine`.
        gpu: see `RayEngine`.

    Raises:
        BadInput: an unknown name, fewer than one worker, or several for "serial".
    """
    check_workers(workers)
    if name == "serial":
        if workers is not None and workers > 1:
            raise BadInput(f"engine='serial' makes one call at a time, so workers={workers} is not possible")
        return SerialEngine()
    if name == "local":
        return LocalEngine(workers)
    if name == "ray":
        return RayEngine(workers, say, gpu)
    raise BadInput(f"engine={name!r} is not one of {', '.join(NAMES)}")
