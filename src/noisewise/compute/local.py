"""The engine of this machine."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from noisewise.compute.engine import Done
from noisewise.compute.lease import BUSY, CACHED
from noisewise.compute.worker import Worker
from noisewise.errors import BadInput

_POLL_SECONDS = 0.2


class LocalEngine:
    """One process per core, each with one thread; fewer processes share the cores.

    Several engines may work on one folder at a time, also in different processes: each computes what no other
    computes, and waits at the end for what others have under way. Nothing is computed twice.

    Args:
        workers: number of processes; by default one per core.

    Raises:
        BadInput: fewer than one.
    """

    def __init__(self, workers: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise BadInput(f"workers={workers} must be at least 1")
        self.workers = workers or os.cpu_count() or 1

    def run(self, tasks: Sequence[Any], folder: Path) -> Iterator[Done]:
        """See `Engine`. Closing the iterator ends what is under way.

        Raises:
            BadInput: the folder cannot be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"cannot write {folder}: {error.strerror}") from error
        waiting = []
        for task in tasks:
            if task.finished(folder / task.key):
                yield Done(task, folder / task.key, cached=True)
            else:
                waiting.append(task)
        yield from self._spread(waiting, folder)

    def _spread(self, waiting: list[Any], folder: Path) -> Iterator[Done]:
        todo: queue.SimpleQueue[Any] = queue.SimpleQueue()
        ended: queue.SimpleQueue[Done] = queue.SimpleQueue()
        for task in waiting:
            todo.put(task)
        stop = threading.Event()
        threads = _threads(self.workers)
        workers = [Worker(threads) for _ in range(min(self.workers, len(waiting)))]
        drivers = [threading.Thread(target=_drive, args=(w, todo, ended, folder, stop), daemon=True) for w in workers]
        try:
            for driver in drivers:
                driver.start()
            for _ in waiting:
                yield ended.get()
        finally:
            stop.set()
            for worker in workers:
                worker.close()
            for driver in drivers:
                driver.join()


def _threads(workers: int) -> int:
    """Threads per process: its share of the cores, and no more than OMP_NUM_THREADS says where that is set."""
    share = max(1, (os.cpu_count() or 1) // workers)
    said = os.environ.get("OMP_NUM_THREADS", "")
    return min(share, int(said)) if said.isdecimal() and int(said) else share


def _drive(
    worker: Worker,
    todo: queue.SimpleQueue[Any],
    ended: queue.SimpleQueue[Done],
    folder: Path,
    stop: threading.Event,
) -> None:
    """Send one task after the other; one that another writer computes goes to the end of the queue."""
    while not stop.is_set():
        try:
            task = todo.get_nowait()
        except queue.Empty:
            break
        status, error = worker(task, folder)
        if status == BUSY:
            time.sleep(_POLL_SECONDS)
            todo.put(task)
        else:
            ended.put(Done(task, folder / task.key, error, cached=status == CACHED))
    worker.close()
    worker.reap()
