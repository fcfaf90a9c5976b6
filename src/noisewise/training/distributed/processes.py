"""The processes of one training: how they meet, and how they end when one of them ends."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor, distributed, nn

from noisewise.errors import BadInput, ProcessEnded
from noisewise.threads import launched

_COUNT, _RANK, _LOCAL = "WORLD_SIZE", "RANK", "LOCAL_RANK"
_SAID = "noisewise/said"


@dataclass(frozen=True)
class Processes:
    """The processes that train together.

    Attributes:
        rank: number of this process, from 0.
        count: how many there are.
    """

    rank: int
    count: int

    def part(self, rows: int, rank: int | None = None) -> slice:
        """The rows of a batch that a process computes: equal parts, up to one row."""
        at = self.rank if rank is None else rank
        return slice(rows * at // self.count, rows * (at + 1) // self.count)

    def sizes(self, rows: int) -> list[int]:
        """How many rows of a batch every process computes."""
        parts = [self.part(rows, rank) for rank in range(self.count)]
        return [part.stop - part.start for part in parts]

    def total(self, values: Tensor) -> Tensor:
        """The sum of a tensor over all processes, the same to the bit in each."""
        found = values.clone(memory_format=torch.contiguous_format)
        with _or_ended():
            distributed.all_reduce(found)
        return found

    def gather(self, part: Tensor, rows: int) -> Tensor:
        """The parts of all processes, one after the other along the second axis.

        Args:
            part: (N, b, ...) of this process, whose b rows are `self.part(rows)`.
            rows: B.

        Returns:
            (N, B, ...).
        """
        padded = part.new_zeros(part.shape[0], -(-rows // self.count), *part.shape[2:])
        padded[:, : part.shape[1]] = part
        found = [torch.empty_like(padded) for _ in range(self.count)]
        with _or_ended():
            distributed.all_gather(found, padded)
        return torch.cat([one[:, :size] for one, size in zip(found, self.sizes(rows), strict=True)], dim=1)


_JOINED: Processes | None = None
_TOGETHER = False


def join() -> None:
    """Meet the other processes that `torchrun` started, until this process ends; without others nothing happens.

    From then on SIGTERM, which `torchrun` sends where a process has ended, raises `ProcessEnded`.

    Raises:
        ProcessEnded: another process ended before all had met.
    """
    global _JOINED
    if _JOINED is not None or not launched():
        return
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get(_LOCAL, "0")) % torch.cuda.device_count())
        backend = "cpu:gloo,cuda:nccl"
    # Optimisers import this late. Imported after the group is made, it keeps the group alive beyond `_leave`. The
    # group's threads may then still run while the interpreter ends, which aborts the process.
    importlib.import_module("torch._dynamo")
    with _or_ended():
        distributed.init_process_group(backend)
    _JOINED = Processes(int(os.environ[_RANK]), int(os.environ[_COUNT]))
    atexit.register(_leave)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminated)


def _leave() -> None:
    with contextlib.suppress(RuntimeError):
        distributed.destroy_process_group()


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Divide the work of all networks among the processes that have joined, for the block.

    All of them must go through the same passes in the same order.
    """
    global _TOGETHER
    before, _TOGETHER = _TOGETHER, _JOINED is not None
    try:
        yield
    finally:
        _TOGETHER = before


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Divide nothing in the block: every process computes all of it."""
    global _TOGETHER
    before, _TOGETHER = _TOGETHER, False
    try:
        yield
    finally:
        _TOGETHER = before


def current() -> Processes | None:
    """The processes that divide the work now; None where this one does all of it."""
    return _JOINED if _TOGETHER else None


def writes() -> bool:
    """Whether this process writes files and prints: the first does."""
    return _JOINED is None or _JOINED.rank == 0


def agreed(decision: bool, device: torch.device | str = "cpu") -> bool:
    """What the first process decided, in all that divide the work: one may look at a clock alone.

    Args:
        decision: of this process.
        device: of the exchange.
    """
    processes = current()
    if processes is None:
        return decision
    first = torch.tensor(float(decision and processes.rank == 0), device=device)
    return bool(processes.total(first) > 0)


def expect_alone(setting: str) -> None:
    """Refuse a setting that is for one process.

    Args:
        setting: as it was stated.

    Raises:
        BadInput: several processes divide the work.
    """
    if current() is not None:
        raise BadInput(f"{setting} is for one process, and torchrun started several")


def expect_equal(what: str, value: Any) -> None:
    """Check that all processes agree, where they have joined.

    Args:
        what: names the value in the message.
        value: text or a number.

    Raises:
        BadInput: they do not.
    """
    if _JOINED is None:
        return
    found: list[Any] = [None] * _JOINED.count
    with _or_ended():
        distributed.all_gather_object(found, value)
    other = next((rank for rank, one in enumerate(found) if one != found[0]), None)
    if other is not None:
        raise BadInput(
            f"the processes of one training must have the same {what}, and processes 0 and {other} have not: "
            f"{found[0]!r} and {found[other]!r}"
        )


def expect_equal_weights(nets: nn.Module) -> None:
    """Check after an epoch that the networks are the same in all processes that divide the work.

    Raises:
        RuntimeError: they are not: a method or a network computed something else in another process.
    """
    processes = current()
    if processes is None:
        return
    own = torch.stack([p.detach().double().sum() for p in nets.parameters()])
    every = processes.gather(own[None, None], processes.count)[0]
    if not bool((every == own).all()):
        raise RuntimeError(
            "the networks are no longer the same in all processes: this method or network cannot train in several"
        )


def first_to_say() -> bool:
    """Whether this process is the first with an error to print; the others keep silent, as one sentence is enough."""
    if _JOINED is None:
        return True
    try:
        store: Any = distributed.distributed_c10d._get_default_store()
        return bool(store.add(_SAID, 1) == 1)
    except RuntimeError:  # the store is gone with the process that held it
        return True


@contextlib.contextmanager
def _or_ended() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, ProcessEnded):
            raise
        raise ProcessEnded(
            "another process of this training has ended, and the rest cannot go on: start all of them again, "
            "with --resume to continue from the last checkpoint"
        ) from error


def _terminated(number: int, frame: object) -> NoReturn:
    raise ProcessEnded("this process was told to end, as torchrun does when another process of the training has ended")
