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

Fold = TypeVar("Fold")
Work = Callable[[Dataset, int], Fold]


def run_folds(
    engine: Engine, work: Work[Fold], data: Dataset, chosen: Sequence[int], on_progress: Callable[[float], None] | None
) -> list[Fold]:
    """Call `work(data, fold)` for every chosen fold, with one thread each unless in this process.

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
    call: Callable[[int], Any] = _Call(work, data if engine.shares_files else portable(data), not engine.in_process)
    try:
        for fold, result in engine.map(call, chosen):
            if isinstance(result, BaseException):
                raise result
            found[fold] = result
            if on_progress is not None:
                on_progress(len(found) / len(chosen))
    except Unsendable as error:
        raise BadInput(
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

    def __init__(self, work: Work[Fold], data: Dataset, one_thread: bool) -> None:
        self.work, self.data, self.one_thread = work, data, one_thread

    def __call__(self, fold: int) -> Fold:
        if self.one_thread:  # with another number of threads a sum may be rounded differently
            torch.set_num_threads(1)
        return self.work(self.data, fold)


def fold_engine(
    engine: str | Engine, workers: int | None = None, say: Callable[[str], None] | None = None, gpu: bool = True
) -> Engine:
    """An engine by its name.

    Args:
        engine: "serial", "local", "ray", or an engine, which is returned as it is.
        workers: folds at a time; "local" trains them one after the other, in this process, unless this is more than 1.
        say: see `RayEngine`.
        gpu: see `RayEngine`.

    Raises:
        BadInput: an unknown name, or fewer than one worker.
    """
    if not isinstance(engine, str):
        return engine
    chosen = build(engine, workers, say=say, gpu=gpu)
    if isinstance(chosen, LocalEngine):
        return replace(chosen, threads=1) if workers is not None and workers > 1 else SerialEngine()
    return chosen
