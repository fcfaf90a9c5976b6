"""What a checkpoint takes from the training: written at once, or by a thread while the training goes on."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch

from noisewise.training.ledger import Ledger
from noisewise.training.resume import Checkpoints, write

from ..row import Row
from ..turns import QUICK_TURNS, Spread

COMMAND = "python -m benchmarks.speed checkpoints"
SIZES = ((1_000_000, 10), (200_000, 1_000))
TURNS = 5


def measure(quick: bool) -> list[Row]:
    found = []
    for rows, classes in ((10_000, 10),) if quick else SIZES:
        ledger = Ledger(torch.arange(rows) % classes, classes)
        state = {"ledger": ledger.state_dict()}
        size = sum(part.nbytes for part in ledger.buffers()) / 2**20
        kinds = ("at once", "by a thread", "until it is written")
        seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
        with tempfile.TemporaryDirectory() as folder:
            checkpoints = Checkpoints(Path(folder), "", resume=False)
            for _ in range(QUICK_TURNS if quick else TURNS):
                began = time.thread_time()
                write(Path(folder), {"identity": "", **state})
                seconds["at once"].append(time.thread_time() - began)
                checkpoints._saved_at = -float("inf")  # one is due
                began, at = time.thread_time(), time.perf_counter()
                checkpoints.save(0, 1, lambda state=state: state, ledger)  # type: ignore[misc]
                seconds["by a thread"].append(time.thread_time() - began)
                ledger.take_back()
                seconds["until it is written"].append(time.perf_counter() - at)
                checkpoints.settle()
        said = f"{rows:,} rows x {classes:,} classes, {size:.0f} MiB"
        spreads = {kind: Spread.of([1000 * second for second in values]) for kind, values in seconds.items()}
        found += [
            Row.of(f"A checkpoint of {said}, written at once: CPU time", "", spreads["at once"], unit="ms"),
            Row.of(f"{said}, by a thread: CPU time of the training", "", spreads["by a thread"], unit="ms"),
            Row.of(f"{said}, by a thread: time until it is written", "", spreads["until it is written"], unit="ms"),
        ]
    return [Row(**{**vars(row), "command": COMMAND}) for row in found]
