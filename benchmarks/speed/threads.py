"""Threads and processes on cores that others may need: seconds on the clock, because waiting is what is measured.

PyTorch's default is one process with a thread per core; its waiting threads loop. The machine is best idle: the other
program that needs a core is started here.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import IO

import numpy as np

from noisewise.auditing.gathering.crossfit import CrossFit, train_folds
from noisewise.compute import Engine, LocalEngine, SerialEngine
from noisewise.data import Dataset
from noisewise.threads import cores
from noisewise.training.config import Config

from .row import Row
from .turns import QUICK_TURNS, Spread

COMMAND = "python -m benchmarks.speed threads"
TURNS, SECONDS = 5, 1.0
LOOPING = {"GOMP_SPINCOUNT": "300000"}  # the default of the OpenMP that torch brings
SLEEPING = {"OMP_WAIT_POLICY": "PASSIVE"}
FOLD_ROWS, EPOCHS, FOLDS = 4000, 4, 3


class Stepping:
    """Processes that train a network when told to, all at the same time.

    Args:
        network: name of the network.
        processes: how many.
        threads: of each.
        variables: of the environment.
    """

    def __init__(self, network: str, processes: int, threads: int, variables: dict[str, str]) -> None:
        command = [sys.executable, "-m", "benchmarks.speed.stepping", network, str(threads)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}
        environment = {**kept, **variables, "OMP_NUM_THREADS": str(threads)}
        self.processes = [
            subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(processes)
        ]

    def __call__(self, steps: int) -> float:
        """Seconds until all processes have taken that many steps each."""
        for process in self.processes:
            _pipe(process.stdin).write(f"{steps}\n")
            _pipe(process.stdin).flush()
        return max(float(_pipe(process.stdout).readline()) for process in self.processes)

    def close(self) -> None:
        """End the processes."""
        for process in self.processes:
            _pipe(process.stdin).close()
            process.wait()
            _pipe(process.stdout).close()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """Other programs that need a core each."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measure(quick: bool) -> list[Row]:
    turns, found = QUICK_TURNS if quick else TURNS, []
    for network in ("lenet",) if quick else ("lenet", "fast"):
        arms = {
            "one": Stepping(network, 1, 1, SLEEPING),
            "looping": Stepping(network, 1, cores(), LOOPING),
            "sleeping": Stepping(network, 1, cores(), SLEEPING),
            "processes": Stepping(network, cores(), 1, SLEEPING),
        }
        try:
            arms["one"](2)
            steps = 1 if quick else max(1, round(SECONDS / (arms["one"](10) / 10)))
            for others in (0,) if quick else (0, 1):
                found += _compared(network, arms, others, turns, steps)
        finally:
            for arm in arms.values():
                arm.close()
    found += _folds(quick)
    return [replace(row, command=COMMAND) for row in found]


def _compared(network: str, arms: dict[str, Stepping], others: int, turns: int, steps: int) -> list[Row]:
    taken: dict[str, list[float]] = {name: [] for name in arms}
    with busy(others):
        for arm in arms.values():
            arm(1)
        for _ in range(turns):
            for name, arm in arms.items():
                taken[name].append(arm(steps))

    def ratio(name: str, base: str) -> Spread:
        return Spread.of([one / other for one, other in zip(taken[name], taken[base], strict=True)])

    where = f"{network}, {cores()} cores, {'one other program' if others else 'no other program'}"
    rows = [
        Row.of(f"{where}: a thread per core, waiting in a loop / one thread", "", ratio("looping", "one")),
        Row.of(f"{where}: a thread per core, sleeping while it waits / one thread", "", ratio("sleeping", "one")),
    ]
    goal = "" if others else ">= 1.8"
    packed = Spread.of([cores() * one / every for one, every in zip(taken["looping"], taken["processes"], strict=True)])
    said = "steps per second"
    rows.append(Row.of(f"{where}: a process per core / PyTorch's default", goal, packed, note=said))
    return rows


def _folds(quick: bool) -> list[Row]:
    """The folds of an audit where they are trained by default, beside one after the other with one thread."""
    rng = np.random.default_rng(0)
    n = 60 if quick else FOLD_ROWS
    data = Dataset(
        rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8), np.arange(n) % 10, tuple(map(str, range(10))), "image"
    )
    fit = CrossFit("fast", config=Config(epochs=1 if quick else EPOCHS, device="cpu"), folds=FOLDS)
    engines: dict[str, Engine] = {
        "one": SerialEngine(1),
        "two": LocalEngine(2, threads=1),
        "default": LocalEngine(FOLDS, threads=1),
    }
    rows = []
    for others in (0,) if quick else (0, 1):
        taken: dict[str, list[float]] = {name: [] for name in engines}
        with busy(others):
            for _ in range(1 if quick else 2):
                for name, engine in engines.items():
                    began = time.perf_counter()
                    train_folds(data, fit, range(FOLDS), engine)
                    taken[name].append(time.perf_counter() - began)
        for name, said in (("default", "three"), ("two", "two")):
            spread = Spread.of([one / base for one, base in zip(taken[name], taken["one"], strict=True)])
            what = f"three folds, {'one' if others else 'no'} other program: {said} processes / one thread"
            goal = "<= 1" if name == "default" else ""
            rows.append(Row.of(what, goal, spread, note=f"{n:,} rows, the start of processes included"))
    return rows
