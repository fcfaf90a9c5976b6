"""Peak memory of a training beside that of a plain loop on tensors, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import torch

from ..arms import FAST, NARROW, Case, plain, trained
from ..row import Row
from ..turns import Spread

COMMAND = "python -m benchmarks.speed memory"
STEPS = 40  # past the first time that the ledger records


def peak(arm: Callable[[Case], Callable], case: Case, steps: int) -> float:
    """MiB that a process took at most, with all that it imports."""
    torch.set_num_threads(1)
    step = arm(case)
    for _ in range(steps):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(quick: bool) -> list[Row]:
    found = []
    for case in (FAST, NARROW):
        case = replace(case, rows=512 if quick else case.rows)
        peaks = {}
        for arm in (plain, trained):
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
                peaks[arm.__name__] = process.submit(peak, arm, case, 2 if quick else STEPS).result()
        said = f"{peaks['trained']:.0f} and {peaks['plain']:.0f} MiB with Python and torch, batches of 128"
        spread = Spread.of([peaks["trained"] / peaks["plain"]])
        found.append(Row.of(f"{case.name}: peak memory / of a plain loop", "", spread, command=COMMAND, note=said))
    return found
