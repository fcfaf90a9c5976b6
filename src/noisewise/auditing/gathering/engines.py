"""The folds of an audit on an engine: in this process, in processes of this machine, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

import torch

from noisewise.compute import Engine, LocalEngine, Lost, SerialEngine, Unsendable
from noisewise.compute.build import build
from noisewise.data import Dataset
from noisewise.data.portable import portable
from noisewise.errors import BadInput
from noisewise.threads import cores

Fold = TypeVar("Fold")
Work = Callable[[Dataset, int], Fold]
Report = Callable[[float], None]

LONG = 30.0  # counted seconds on one core: shorter work is done before processes that share it have started


def suited(seconds: float, count: int, device: torch.device, parts: int | None = None) -> Engine:
    """Where work is done if nobody says: in this process, or, if it is long, in processes that share the cores.

    Several processes use several cores better than threads do, which wait for each other at every operation: where
    another program needs one of the cores, threads are slower than one thread alone. So as long as there are fewer than
    two cores for each part every part has one thread, wherever it is computed. Up to one part less than twice the cores
    are computed at once: three on two cores then take the time of one and a half, where two at a time take that of two.

    Args:
        seconds: of one core, counted beforehand.
        count: how many parts are to be computed now.
        device: where they are computed; processes share only a CPU.
        parts: into how many parts of equal size the whole work is divided; by default `count`.
    """
    if device.type != "cpu":
        return SerialEngine()
    free = min(cores(), torch.get_num_threads())
    threads = max(1, free // (parts or count)) if seconds >= LONG else 1
    if free < 2 or count < 2 or seconds < LONG:
        return SerialEngine(threads)
    return LocalEngine(count if count < 2 * free else free, threads=threads)


def run_folds(
    engine: Engine, work: Work[Fold], data: Dataset, chosen: Sequence[int], on_progress: Report | None
) -> list[Fold]:
    """Call `work(data, fold)` for every chosen fold, with the threads of the engine; elsewhere with one by default.

    Args:
        engine: where the folds are computed.
        work: trains one fold; it is sent to where it runs, and so is `data`.
        data: without truth; rows that are read from files are read here for machines that do not see the files.
        chosen: numbers of the folds.
        on_progress: called with the share of the chosen folds that is done.

    Returns:
        In the order of `chosen`.

    Raises:
        BadInput: a process was killed, a fold was lost, or the model or the method cannot be sent. Whatever else a
            fold raises, as it raised it.
    """
    found: dict[int, Fold] = {}
    threads = getattr(engine, "threads", None) or (None if engine.in_process else 1)
    call: Callable[[int], Any] = _Call(work, data if engine.shares_files else portable(data), threads)
    try:
        for fold, result in engine.map(call, chosen):
            if isinstance(result, BaseException):
                raise result
            found[fold] = result
            if on_progress is not None:
                on_progress(len(found) / len(chosen))
    except Unsendable as error:
        raise Unsendable(
            f"the model and the method must be such that they can be sent to other processes: {error}"
        ) from error
    except Lost as error:
        if isinstance(engine, LocalEngine):
            hint = f"try less than workers={engine.workers}"
            raise BadInput(f"a process that trained a fold was killed, perhaps for lack of memory: {hint}") from error
        raise
    return [found[fold] for fold in range(len(chosen))]


class _Call(Generic[Fold]):
    """What an engine calls, wherever it runs."""

    def __init__(self, work: Work[Fold], data: Dataset, threads: int | None) -> None:
        self.work, self.data, self.threads = work, data, threads

    def __call__(self, fold: int) -> Fold:
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads or before)  # with another number a sum may be rounded differently
        try:
            return self.work(self.data, fold)
        finally:
            torch.set_num_threads(before)


def fold_engine(
    engine: str | Engine, workers: int | None = None, say: Callable[[str], None] | None = None, gpu: bool = True
) -> Engine | None:
    """An engine by its name; None for "local" without a number of workers, which is chosen by the work (`suited`).

    Args:
        engine: "serial", "local", "ray", or an engine, which is returned as it is.
        workers: folds at a time; with "local" 1 is this process, and more are processes of one thread.
        say: see `RayEngine`.
        gpu: see `RayEngine`.

    Raises:
        BadInput: an unknown name, or fewer than one worker.
    """
    if not isinstance(engine, str):
        return engine
    chosen = build(engine, workers, say=say, gpu=gpu)
    if isinstance(chosen, LocalEngine):
        if workers is None:
            return None
        return replace(chosen, threads=1) if workers > 1 else SerialEngine()
    return chosen
