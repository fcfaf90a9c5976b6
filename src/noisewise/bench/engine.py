"""Engines execute jobs. An engine is anything with `run`; this one uses this machine, `ray_engine` a cluster."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from noisewise.bench.grid import Job
from noisewise.errors import BadInput


@dataclass(frozen=True)
class Done:
    """How one job ended: `error` is None, or the sentence it failed with."""

    job: Job
    folder: Path
    error: str | None = None
    cached: bool = False


class Engine(Protocol):
    """Runs jobs, each into `folder / job.key`, and reports each as it ends; a job whose `run.json` is there is not
    run again."""

    def run(self, jobs: Sequence[Job], folder: Path) -> Iterator[Done]: ...


class LocalEngine:
    """One process per core, each with one thread, resuming what an interruption left.

    Args:
        workers: number of processes.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1
        if self.workers < 1:
            raise BadInput(f"workers={workers} must be at least 1")

    def run(self, jobs: Sequence[Job], folder: Path) -> Iterator[Done]:
        with ThreadPoolExecutor(self.workers) as pool:
            waiting = [pool.submit(self._one, job, folder / job.key) for job in jobs]
            try:
                for future in as_completed(waiting):
                    yield future.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _one(self, job: Job, folder: Path) -> Done:
        if (folder / "run.json").exists():
            return Done(job, folder, cached=True)
        threads = str(max(1, (os.cpu_count() or 1) // self.workers))
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        command = [sys.executable, "-m", "noisewise.bench.engine", json.dumps(job.arguments), str(folder)]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if result.returncode == 0:
            return Done(job, folder)
        lines = result.stderr.strip().splitlines()
        return Done(job, folder, error=lines[-1] if lines else f"exit code {result.returncode}")


def execute(arguments: dict[str, Any], folder: Path) -> None:
    """One job in this process: train into `folder`, resuming.

    A second writer on the folder waits, and then finds the run done.
    """
    from noisewise.run import train

    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "run.json").exists():
            call = dict(arguments)
            train(call.pop("source"), out=folder, resume=True, **call)


if __name__ == "__main__":
    try:
        execute(json.loads(sys.argv[1]), Path(sys.argv[2]))
    except (BadInput, RuntimeError) as failure:
        sys.exit(f"{type(failure).__name__}: {failure}")
