"""Stacked runs beside the same runs one after the other: CPU seconds, and operations that a device has to start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from noisewise.methods import METHODS
from noisewise.training import Training
from noisewise.training.replicas.epoch import Epoch, train_alone, train_stacked
from noisewise.training.streams import Streams

from .arms import FAST, LENET, Case
from .row import Row
from .turns import QUICK_TURNS, Spread, take_turns

COMMAND = "python -m benchmarks.speed replicas"
SMALL = Case("MLP 64, 8x8x1", "mlp:64", 8, 1)
STEPS, RUNS = 8, 16
COUNTED = 64  # steps of an epoch whose operations are counted: its beginning and end weigh little
FEWEST = 30  # runs of a figure, which should cost less than five
# Operations that start nothing on a device though they are no views.
IDLE = ("empty", "new_empty", "_unsafe_view", "_local_scalar_dense", "is_same_size", "lift_fresh")


class Started(TorchDispatchMode):
    """Counts operations that are not views."""

    def __init__(self) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, returned = func.overloadpacket.__name__, func._schema.returns
        view = any(one.alias_info is not None and not one.alias_info.is_write for one in returned)
        self.names[name] += not view and not name.startswith(IDLE)
        return func(*args, **(kwargs or {}))


def measure(quick: bool) -> list[Row]:
    found = []
    runs = 3 if quick else RUNS
    for case in (SMALL, LENET, FAST):
        arms: dict[str, Callable[[], object]] = {
            "stacked": partial(train_stacked, made(case, "ce", runs)),
            "alone": partial(each, made(case, "ce", runs)),
        }
        spread = take_turns(arms, QUICK_TURNS if quick else 7, 1).ratio("alone", "stacked")
        found.append(Row.of(f"{case.name}: {runs} runs of ce one after the other / stacked", "", spread))
    for method in ("ce", "elr"):
        steps = STEPS if quick else COUNTED
        many, known = made(LENET, method, FEWEST, steps), {}  # type: ignore[var-annotated]
        train_stacked(many, known)  # tries what can be shared, once
        alone, stacked = (
            started(each, made(LENET, method, 1, steps)),
            started(partial(train_stacked, known=known), many),
        )
        ratio = alone / (stacked / FEWEST)
        what = f"{LENET.name}, {method}: operations of a step started alone / stacked, of {FEWEST} runs"
        note = f"{alone / steps:.0f} alone, {stacked / steps / FEWEST:.1f} per run stacked"
        found.append(Row.of(what, ">= 6", Spread(ratio, ratio, ratio), note=note))
    return [replace(row, command=COMMAND) for row in found]


def made(case: Case, method: str, runs: int, steps: int = STEPS) -> list[Epoch]:
    """The next epoch of some runs that differ in their seed."""
    data, found = replace(case, rows=steps * 128).data(), []
    for seed in range(runs):
        training, acting = Training(data, case.model, case.config(epochs=10, seed=seed)), METHODS[method]()
        learner, joint = training.learner(), training._register(acting)
        streams = Streams(training.rows, None, {}, training.config.batch_size, training.classes)
        found.append(Epoch(training.config, learner, acting, streams, training.ledger, joint))
    return found


def each(epochs: list[Epoch]) -> None:
    """Train epochs one after the other."""
    for epoch in epochs:
        for _ in train_alone(epoch):
            pass


def started(train: Callable[[list[Epoch]], object], epochs: list[Epoch]) -> int:
    """How many operations an epoch starts, with its beginning and end."""
    with Started() as counted:
        train(epochs)
    return sum(counted.names.values())
