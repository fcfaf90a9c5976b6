"""The engine of this machine: worker processes."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from noisewise.compute.engine import check_workers
from noisewise.compute.packed import pack
from noisewise.compute.worker import Worker
from noisewise.threads import cores

_WAIT_SECONDS = 0.5


@dataclass(frozen=True)
class LocalEngine:
    """Processes of this machine, by default one per core with one thread each; fewer processes share the cores.

    The function may be a closure; items must survive `pickle`. Processes start when they are first needed and need no
    `if __name__ == "__main__"`. Large arrays of the function are held in memory once, for all of them.

    Attributes:
        workers: number of processes; by default one per core.
        threads: threads per process; by default its share of the cores, and at most `OMP_NUM_THREADS`.
        waiting: called twice a second, by the thread that iterates, while it waits for a call to end.

    Raises:
        BadInput: fewer than one worker.
    """

    workers: int | None = None
    threads: int | None = None
    waiting: Callable[[], None] | None = None
    in_process: ClassVar[bool] = False
    shares_files: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_workers(self.workers)

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """See `Engine`."""
        count = self.workers or cores()
        threads = self.threads or _share_of_cores(count)
        with pack(function) as packed:
            yield from _Spread(items, [Worker(packed, threads) for _ in range(count)], self.waiting)


class _Spread:
    """Items over workers: a thread per worker sends it one item after the other."""

    def __init__(self, items: Iterable[Any], workers: list[Worker], waiting: Callable[[], None] | None) -> None:
        self._todo = enumerate(items)
        self._workers = workers
        self._waiting = waiting
        self._taking = threading.Lock()
        self._ended: queue.SimpleQueue[tuple[int, Any] | BaseException | None] = queue.SimpleQueue()
        self._stop = threading.Event()

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        drivers = [threading.Thread(target=self._drive, args=(worker,), daemon=True) for worker in self._workers]
        try:
            for driver in drivers:
                driver.start()
            running = len(drivers)
            while running:
                answer = self._next()
                if answer is None:
                    running -= 1
                elif isinstance(answer, BaseException):
                    raise answer
                else:
                    yield answer
        finally:
            self._stop.set()
            for worker in self._workers:
                worker.close()
            for driver in drivers:
                driver.join()

    def _next(self) -> tuple[int, Any] | BaseException | None:
        while self._waiting is not None:
            try:
                return self._ended.get(timeout=_WAIT_SECONDS)
            except queue.Empty:
                self._waiting()
        return self._ended.get()

    def _drive(self, worker: Worker) -> None:
        try:
            while not self._stop.is_set():
                with self._taking:
                    number, item = next(self._todo, (-1, None))
                if number < 0:
                    break
                self._ended.put((number, worker(item)))
        except BaseException as error:
            self._ended.put(error)
        finally:
            worker.close()
            worker.reap()
            self._ended.put(None)


def _share_of_cores(workers: int) -> int:
    """Threads per process: its share of the cores, and at most OMP_NUM_THREADS where that is set."""
    share = max(1, cores() // workers)
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(share, int(limit)) if limit.isdecimal() and int(limit) else share
