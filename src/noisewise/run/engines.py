"""Where the runs of benches and studies are trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch

from noisewise.compute import Engine, LocalEngine
from noisewise.compute.build import build
from noisewise.compute.engine import check_workers
from noisewise.training.replicas import StackedEngine


def engine_of(
    name: str | None,
    workers: int | None = None,
    *,
    devices: Iterable[str] = (),
    say: Callable[[str], None] | None = None,
) -> Engine:
    """The engine of a name.

    Args:
        name: "stacked", runs of one kind of network as one computation; else as in `compute.build`; None is `usual`.
        workers: how many runs at a time.
        devices: what the runs state as their device.
        say: see `RayEngine`.

    Raises:
        BadInput: an unknown name, fewer than one worker, or several for "serial".
    """
    check_workers(workers)
    if name is None:
        return usual(devices, workers)
    if name == "stacked":
        return StackedEngine() if workers is None else StackedEngine(workers)
    return build(name, workers, say=say)


def usual(devices: Iterable[str] = (), workers: int | None = None) -> Engine:
    """Where runs are trained that nobody has chosen an engine for.

    Args:
        devices: what the runs state as their device.
        workers: how many runs at a time.

    Returns:
        Where there is a GPU and no run asks for another device, the stacked engine: a small network alone does not keep
        a GPU busy. Else one process per core of this machine.
    """
    gpu = torch.cuda.is_available() and all(device.partition(":")[0] in ("auto", "cuda") for device in devices)
    return engine_of("stacked", workers) if gpu else LocalEngine(workers)
