"""Engines train the folds of an audit: one after the other, in processes of this machine, or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pickle import PicklingError
from typing import Protocol, TypeVar

import torch

from noisewise.auditing.gathering.crossfit import Fold
from noisewise.compute.cluster import cluster, tasks
from noisewise.compute.engine import check_workers
from noisewise.data import Dataset
from noisewise.data.portable import portable
from noisewise.errors import BadInput

Tell = Callable[[float], None]
NAMES = ("local", "ray")
_Result = TypeVar("_Result")


class FoldEngine(Protocol):
    """Trains folds somewhere."""

    def run(self, work: Callable[[Dataset, int], Fold], data: Dataset, count: int, tell: Tell | None) -> list[Fold]:
        """Call `work(data, fold)` for every fold in range(count).

        Args:
            work: trains one fold; it is sent to where it runs, and so is `data`.
            data: without truth. count: how many folds.
            tell: told the share of the folds that is done.

        Returns:
            In the order of the folds.
        """


@dataclass(frozen=True)
class Processes:
    """Folds in processes of this machine, each with one thread.

    Args:
        workers: how many at a time; by default one per core.

    Raises:
        BadInput: fewer than one.
    """

    workers: int | None = None

    def __post_init__(self) -> None:
        check_workers(self.workers)

    def run(self, work: Callable[[Dataset, int], Fold], data: Dataset, count: int, tell: Tell | None) -> list[Fold]:
        """See `FoldEngine`; the processes are joblib's, which need no `if __name__ == "__main__"`.

        Raises:
            BadInput: a process was killed, or the model or the method cannot be sent to one. Whatever else a fold
                raised, as it raised it.
        """
        workers = min(self.workers or os.cpu_count() or 1, count)
        try:
            return self._run(workers, work, data, count, tell)
        except BrokenProcessPool as error:
            said = f"a process that trained a fold was killed, perhaps for lack of memory: try less than {workers=}"
            raise BadInput(said) from error
        except PicklingError as error:
            raise BadInput(f"{workers=} needs a model and a method that can be sent to other processes") from error

    def _run(
        self, workers: int, work: Callable[[Dataset, int], Fold], data: Dataset, count: int, tell: Tell | None
    ) -> list[Fold]:
        from joblib import Parallel, delayed, parallel_config

        found: dict[int, Fold] = {}
        with parallel_config(backend="loky", inner_max_num_threads=1, mmap_mode="c"):
            parallel = Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1, pre_dispatch=workers)
            for fold, result in parallel(delayed(_numbered)(work, data, fold) for fold in range(count)):
                found[fold] = result
                if tell is not None:
                    tell(len(found) / count)
        return [found[fold] for fold in range(count)]


@dataclass(frozen=True)
class Ray:
    """Folds as tasks of a Ray cluster, each with one CPU and one thread, and a GPU where the cluster has any.

    The rows are put into the cluster's memory once. Rows that are read from files when they are asked for are read
    here, so that the other machines need no files.

    Args:
        workers: how many at a time at most.
        say: told in one line which cluster it is.
        gpu: False leaves GPUs to others.

    Raises:
        BadInput: fewer than one worker.
    """

    workers: int | None = None
    say: Callable[[str], None] | None = None
    gpu: bool = True

    def __post_init__(self) -> None:
        check_workers(self.workers)

    def run(self, work: Callable[[Dataset, int], Fold], data: Dataset, count: int, tell: Tell | None) -> list[Fold]:
        """See `FoldEngine`.

        Raises:
            BadInput: no cluster; a fold was lost too often; the model or the method cannot be sent. Whatever else a
                fold raised, as it raised it.
        """
        found: dict[int, Fold] = {}
        with cluster(self.workers, self.say) as ray:
            rows = ray.put(portable(data))
            try:
                sent = ray.put(work)
            except TypeError as error:
                raise BadInput("engine='ray' needs a model and a method that can be sent to other machines") from error
            calls = ((sent, rows, fold) for fold in range(count))
            for fold, result in tasks(ray, _alone, calls, workers=self.workers, gpu=self.gpu):
                if isinstance(result, BaseException):
                    raise result
                found[fold] = result
                if tell is not None:
                    tell(len(found) / count)
        return [found[fold] for fold in range(count)]


def fold_engine(
    engine: str | FoldEngine, workers: int | None = None, say: Callable[[str], None] | None = None, gpu: bool = True
) -> FoldEngine | None:
    """An engine by its name.

    Args:
        engine: "local", "ray", or an engine, which is returned as it is.
        workers: folds at a time; "local" trains them one after the other, in this process, unless this says more.
        say, gpu: see `Ray`.

    Returns:
        The engine; None for one fold after the other.

    Raises:
        BadInput: an unknown name, or fewer than one worker.
    """
    if not isinstance(engine, str):
        return engine
    check_workers(workers)
    if engine == "ray":
        return Ray(workers, say, gpu)
    if engine == "local":
        return Processes(workers) if workers is not None and workers > 1 else None
    raise BadInput(f"engine={engine!r} is not one of {', '.join(NAMES)}")


def _numbered(work: Callable[[Dataset, int], _Result], data: Dataset, fold: int) -> tuple[int, _Result]:
    return fold, _alone(work, data, fold)


def _alone(work: Callable[[Dataset, int], _Result], data: Dataset, fold: int) -> _Result:
    """One fold with one thread: with another number of threads a sum may be rounded otherwise."""
    torch.set_num_threads(1)
    return work(data, fold)
