"""Cells in worker processes, most important first, until the time is over."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from noisewise.compute import LocalEngine

from .cells import Cell
from .costs import Costs
from .work import Order, OutOfTime, compute, failed

MARGIN = 1.15  # a cell is started if this times its expected seconds are left
POLL = 0.2


@dataclass(frozen=True)
class Machine:
    """Where cells run.

    Attributes:
        workers: processes, one thread each.
        on_gpu: how many of them may use the GPU at the same time; 0 where there is none.
        regardless: parts whose cells are started whatever they are expected to take.
    """

    workers: int
    on_gpu: int = 0
    regardless: tuple[str, ...] = ()


class Queue:
    """Hands out the most important cell that can finish in time and has a place.

    Args:
        cells: most important first.
        costs: what they are expected to take.
        machine: where they run.
        until: the end, in seconds as of `time.time`; None for never.
    """

    def __init__(self, cells: Iterable[Cell], costs: Costs, machine: Machine, until: float | None) -> None:
        self.waiting = list(cells)
        self.until = float("inf") if until is None else until
        self.orders: list[Order] = []
        self._costs, self._machine = costs, machine
        self._guard = threading.Lock()
        self._on_gpu = 0

    def __iter__(self) -> Iterator[Order]:
        """Orders, taken by the engine when a worker is free; waits where only the GPU's places are missing."""
        while self.waiting:
            with self._guard:
                order = self._next()
                wait = order is None and self._on_gpu and any(self._fits(cell, "cuda") for cell in self.waiting)
            if order is not None:
                yield order
            elif wait:
                time.sleep(POLL)
            else:
                return

    def ended(self, order: Order) -> None:
        """Free the place of an order."""
        with self._guard:
            self._on_gpu -= order.device == "cuda"

    def again(self, cell: Cell) -> None:
        """Hand out a cell once more, on the processor, before all others."""
        with self._guard:
            self.waiting.insert(0, replace(cell, place="cpu"))

    def _next(self) -> Order | None:
        gpu, free = self._machine.on_gpu, self._on_gpu < self._machine.on_gpu
        own = [cell for cell in self.waiting if gpu and cell.place == "gpu"]
        others = [cell for cell in self.waiting if not gpu or cell.place != "gpu"]
        for cell in [*(own if free else ()), *others]:
            device = self._device(cell, free)
            if self._fits(cell, device):
                return self._ordered(cell, device)
        return None

    def _device(self, cell: Cell, free: bool) -> str:
        if not free or cell.place == "cpu":
            return "cpu"
        faster = self._costs.expected(cell, "cuda") < self._costs.expected(cell, "cpu")
        return "cuda" if cell.place == "gpu" or faster else "cpu"

    def _fits(self, cell: Cell, device: str) -> bool:
        if device == "cuda" and cell.place == "cpu":
            return False
        if cell.part in self._machine.regardless:
            return time.time() < self.until
        return time.time() + MARGIN * self._costs.expected(cell, device) <= self.until

    def _ordered(self, cell: Cell, device: str) -> Order:
        self.waiting.remove(cell)
        self._on_gpu += device == "cuda"
        order = Order(cell, device, min(self.until, time.time() + 30 * 24 * 3600))
        self.orders.append(order)
        return order


def read_lines(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """The lines of result files, of which the last one may be cut off; the latest line of a cell counts."""
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                continue
            if "failed" not in line or line["key"] not in found:
                found[line["key"]] = line
    return list(found.values())


def learn(costs: Costs, cells: Iterable[Cell], lines: Iterable[Mapping[str, Any]]) -> None:
    """Correct the costs by what cells of earlier pieces took."""
    known = {cell.key: cell for cell in cells}
    for line in lines:
        if line["key"] in known and "seconds" in line:
            costs.measured(known[line["key"]], line["device"], line["seconds"])


def run(
    cells: list[Cell],
    out: Path,
    machine: Machine,
    *,
    minutes: float | None = None,
    done: Iterable[Path] = (),
    retry: bool = False,
    about: Mapping[str, Any] | None = None,
) -> dict[str, int]:
    """Compute cells until all are done or the time is over, one line per cell in `out / results.jsonl`.

    What fails is in `out / failures.log` with its traceback; a cell that fails on the GPU and may run elsewhere does.

    Args:
        cells: most important first.
        out: the folder.
        machine: where they run.
        minutes: after which everything ends; what is then unfinished is left out.
        done: further result files, whose cells are skipped.
        retry: whether cells that failed are computed again.
        about: added to every line, such as the commit.

    Returns:
        How many cells were `done` before, `finished` now, `failed`, and are `left`.
    """
    until = None if minutes is None else time.time() + 60 * minutes
    out.mkdir(parents=True, exist_ok=True)
    path = out / "results.jsonl"
    if path.exists() and not path.read_bytes().endswith(b"\n"):  # cut off: the next line starts anew
        path.write_bytes(path.read_bytes() + b"\n")
    lines = read_lines([*done, path])
    skipped = {line["key"] for line in lines if not (retry and "failed" in line)}
    costs = Costs()
    learn(costs, cells, lines)
    queue = Queue([cell for cell in cells if cell.key not in skipped], costs, machine, until)
    counts = {"done": len(cells) - len(queue.waiting), "finished": 0, "failed": 0}
    began: dict[int, float] = {}
    with path.open("a", encoding="utf-8") as file:
        for number, answer in LocalEngine(machine.workers, threads=1).map(compute, _timed(queue, began)):
            order = queue.orders[number]
            queue.ended(order)
            took = time.time() - began[number]
            if isinstance(answer, OutOfTime):
                costs.measured(order.cell, order.device, took)
                print(f"stopped   {order.cell.title} after {took:.0f} s {order.device}", flush=True)
                continue
            wrong = isinstance(answer, BaseException)
            if wrong:
                with (out / "failures.log").open("a", encoding="utf-8") as log:
                    log.write("\n".join([order.cell.title, repr(answer), *getattr(answer, "__notes__", ()), "\n"]))
            if wrong and order.device == "cuda" and order.cell.place == "either":
                print(f"failed    {order.cell.title} on the GPU: {answer}", flush=True)
                queue.again(order.cell)
                continue
            line = failed(order.cell, answer) if wrong else answer
            counts["failed" if wrong else "finished"] += 1
            if not wrong:
                costs.measured(order.cell, order.device, line["seconds"])
            file.write(json.dumps({**line, **(about or {})}) + "\n")
            file.flush()
            os.fsync(file.fileno())
            print(_said(line, order, queue), flush=True)
    return {**counts, "left": len(cells) - sum(counts.values())}


def _timed(queue: Queue, began: dict[int, float]) -> Iterator[Order]:
    for number, order in enumerate(queue):
        began[number] = time.time()
        yield order


def _said(line: Mapping[str, Any], order: Order, queue: Queue) -> str:
    left = "" if queue.until == float("inf") else f", {queue.until - time.time():.0f} s left"
    if "failed" in line:
        return f"failed    {order.cell.title}: {line['failed']}"
    accuracy = " ".join(f"{name} {100 * line[name]:.1f}" for name in ("last", "best", "selected") if line[name])
    return f"{order.cell.title}: {accuracy} ({line['seconds']:.0f} s {order.device}{left})"
