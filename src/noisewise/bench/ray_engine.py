"""The engine for several machines: every run a task of a Ray cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from noisewise.bench.grid import Job
from noisewise.compute import Done
from noisewise.compute.cluster import cluster, tasks
from noisewise.compute.engine import check_workers
from noisewise.data import Dataset, load
from noisewise.data.portable import portable
from noisewise.errors import BadInput
from noisewise.files import whole_folder


class RayEngine:
    """Runs as tasks of one CPU, and of one GPU where the cluster has any and the grid does not ask for the CPU.

    The machines share no folder: a data set is read here, put into the cluster's memory once, and the files of a run
    come back and are written here, whole. A source that cannot be read here is looked for by the machine that runs the
    task. A run whose machine dies starts again from its beginning.

    Args:
        workers: runs at a time at most; by default as many as the cluster has CPUs.
        say: told in one line which cluster it is.

    Raises:
        BadInput: fewer than one worker.
    """

    def __init__(self, workers: int | None = None, say: Callable[[str], None] | None = None) -> None:
        check_workers(workers)
        self.workers, self.say = workers, say

    def run(self, jobs: Sequence[Job], folder: Path) -> Iterator[Done]:
        """See `Engine`.

        Raises:
            BadInput: no cluster; a folder that cannot be written.
        """
        waiting = []
        for job in jobs:
            if job.finished(folder / job.key):
                yield Done(job, folder / job.key, cached=True)
            else:
                waiting.append(job)
        if not waiting:
            return
        gpu = any(job.arguments.get("device") != "cpu" for job in waiting)
        with cluster(self.workers, self.say) as ray:
            sources = _Sources(ray)
            calls = ((job.arguments, sources(job)) for job in waiting)
            for number, result in tasks(ray, run_files, calls, workers=self.workers, gpu=gpu):
                yield _ended(waiting[number], folder / waiting[number].key, result)


def run_files(arguments: dict[str, Any], data: Dataset | None) -> dict[str, bytes]:
    """Train one run in this process, with one thread.

    Args:
        arguments: of `noisewise.train`, with the `source`.
        data: the source, where it was sent along.

    Returns:
        The files of the run's folder, by their path in it.

    Raises:
        BadInput: whatever cannot be done as asked. Diverged: the loss became infinite or NaN.
    """
    import torch

    from noisewise.run.train import train

    torch.set_num_threads(1)
    call = dict(arguments)
    source = call.pop("source")
    with tempfile.TemporaryDirectory(prefix="noisewise.") as name:
        train(source if data is None else data, out=name, report=False, **call)
        found = sorted(path for path in Path(name).rglob("*") if path.is_file())
        return {path.relative_to(name).as_posix(): path.read_bytes() for path in found}


def _ended(job: Job, folder: Path, result: Any) -> Done:
    if isinstance(result, BaseException):
        lines = str(result).strip().splitlines() or [""]
        return Done(job, folder, error=f"{type(result).__name__}: {lines[-1]}")
    with whole_folder(folder) as temporary:
        for name, content in result.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return Done(job, folder)


class _Sources:
    """References to the data sets of the jobs in the cluster's memory; None for what cannot be read here."""

    def __init__(self, ray: Any) -> None:
        self.ray = ray
        self.known: dict[tuple[str, str | None], Any] = {}

    def __call__(self, job: Job) -> Any:
        key = (job.arguments["source"], job.arguments.get("labels"))
        if key not in self.known:
            try:
                self.known[key] = self.ray.put(portable(load(key[0], labels=key[1])))
            except BadInput:
                self.known[key] = None
        return self.known[key]
