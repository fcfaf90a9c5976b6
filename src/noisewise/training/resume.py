"""Resuming: the finished calls of an interrupted recipe, and the checkpoint that stores them.

An interrupted recipe is called again from its start. Its calls of `fit` are numbered: finished ones return immediately,
the interrupted one continues after its last epoch, and memoized values come from the checkpoint. The recipe must
therefore make the same calls in the same order.

A checkpoint is written by a thread while the training goes on. It holds copies, except of the ledger, which can be as
large as rows times classes: that promises not to change while it is read, and collects batches meanwhile.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import torch

from noisewise.doors import parsing
from noisewise.errors import BadInput
from noisewise.files import whole
from noisewise.memory import need
from noisewise.training.distributed import agreed, writes
from noisewise.training.ledger import Ledger

FILE, SEAL = "state.pt", "fingerprint"
# From the end of a checkpoint to the beginning of the next; with 0 every epoch has one, and the training waits for it.
CHECKPOINT_SECONDS = 10.0
# What is not copied: the ledger is lent, and the selected weights are never changed, only replaced.
_AS_THEY_ARE = ("ledger", "selected")


class Checkpoints:
    """The checkpoints of one training; of several processes that train together the first writes them, and all read.

    Args:
        folder: where they are stored; None stores none.
        identity: what a checkpoint must agree with to be resumed.
        resume: whether to continue from the one in the folder, if there is one.

    Attributes:
        stored: the state that is resumed, by name; empty in a fresh training.

    Raises:
        BadInput: the checkpoint is damaged, or belongs to another training.
    """

    def __init__(self, folder: Path | None, identity: str, resume: bool) -> None:
        self._folder, self._identity = folder, identity
        self._calls = 0
        self._saved_at = time.monotonic()
        self._writer: ThreadPoolExecutor | None = None
        self._writing: Future[None] | None = None
        self.stored: dict[str, Any] = (resume and folder and read(folder)) or {}
        if self.stored and self.stored["identity"] != identity:
            raise BadInput(f"the checkpoint in {folder} is of another data set, method, model or configuration")
        self.memos: dict[str, tuple[int, Any]] = dict(self.stored.get("remembered", {}))

    def begin(self) -> tuple[int, int | None]:
        """Begin a call of the recipe.

        Returns:
            The number of the call, and how many of its epochs are done already; None where all of them are.
        """
        call, self._calls = self._calls, self._calls + 1
        reached = self.stored.get("calls", 0)
        if call < reached:
            return call, None
        return call, self.stored.get("epoch", 0) if call == reached else 0

    def memoize(self, name: str, compute: Callable[[], Any]) -> Any:
        """The value of `compute`; after an interruption, the stored value."""
        at, value = self.memos.get(name, (-1, None))
        if at < self._calls:  # the value is from before the last call of `fit`, and so out of date
            value, at = compute(), self._calls
        self.memos[name] = (at, value)
        return value

    def save(self, call: int, epoch: int, state: Callable[[], dict[str, Any]], ledger: Ledger) -> None:
        """Begin to write a checkpoint, unless one is being written or was in the last seconds.

        Args:
            call: number of the present call.
            epoch: how many of its epochs are done.
            state: returns what else is stored.
            ledger: is lent until it is written.

        Raises:
            BadInput: the one before could not be written.
        """
        if not agreed(self._is_due()):
            return
        stored = {**self._about(call, epoch), **state()}  # of several processes all must ask for the state
        if self._folder is None or not writes():
            self._saved_at = time.monotonic()
            return
        taken = {name: part if name in _AS_THEY_ARE else _copied(part) for name, part in stored.items()}
        self._writer = self._writer or ThreadPoolExecutor(1, "checkpoint")
        self._writing = self._writer.submit(self._written, taken, self._folder, ledger.lend())
        if CHECKPOINT_SECONDS <= 0:
            self.settle()

    @property
    def stores(self) -> bool:
        """Whether checkpoints are stored, from which an interrupted training goes on."""
        return self._folder is not None

    def keep(self, call: int, epoch: int, state: Callable[[], dict[str, Any]]) -> None:
        """Write a checkpoint now, and wait until it is written; arguments as of `save`."""
        self.settle()
        stored = {**self._about(call, epoch), **state()}
        if self._folder is not None and writes():
            write(self._folder, stored)

    def finish(self, state: dict[str, Any]) -> None:
        """Write the last checkpoint, in which all calls so far are done."""
        self.settle()
        if self._folder is not None and writes():
            write(self._folder, {**self._about(self._calls, 0), **state})
        if self._writer is not None:
            self._writer.shutdown()
            self._writer = None

    def settle(self) -> None:
        """Wait until what is being written is written.

        Raises:
            BadInput: it could not be written.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    @contextlib.contextmanager
    def whole_when_interrupted(self) -> Iterator[None]:
        """An exception leaves the block when what is being written is written."""
        try:
            yield
        except BaseException:
            wait([] if self._writing is None else [self._writing])
            raise

    def _is_due(self) -> bool:
        if self._writing is not None:
            if not self._writing.done():
                return False
            self.settle()
        return time.monotonic() - self._saved_at > CHECKPOINT_SECONDS

    def _about(self, call: int, epoch: int) -> dict[str, Any]:
        return {"identity": self._identity, "calls": call, "epoch": epoch, "remembered": dict(self.memos)}

    def _written(self, state: dict[str, Any], folder: Path, returned: threading.Event) -> None:
        try:
            write(folder, state)
        finally:
            returned.set()
            self._saved_at = time.monotonic()


def _copied(value: Any) -> Any:
    """A copy of nested dicts and lists, with tensors of their own on the host."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return type(value)(map(_copied, value)) if type(value) in (list, tuple) else value


def write(folder: Path, state: dict[str, Any]) -> None:
    """Write `state` (nested dicts and lists of tensors and plain values) to `folder`, replacing the one before.

    Raises:
        BadInput: the folder cannot be written or the disk is full; the checkpoint before is kept.
    """
    with whole(folder / FILE) as temporary:
        try:
            torch.save({**state, SEAL: fingerprint(state)}, temporary)
        except RuntimeError as error:  # torch reports a full disk as a failed zip write
            raise BadInput(f"cannot write the checkpoint in {folder}: is the disk full?") from error


def read(folder: Path) -> dict[str, Any] | None:
    """The state that `write` left in `folder`, or None when there is none. No code in it is executed.

    Raises:
        BadInput: the file exists but is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    damaged = f"the checkpoint {path} is damaged and cannot be resumed: remove it to start again"
    try:
        with parsing(path):
            with zipfile.ZipFile(path) as archive:
                need(sum(member.file_size for member in archive.infolist()), str(path))
            state = torch.load(path, weights_only=True, map_location="cpu")
    except BadInput as error:
        raise BadInput(damaged) from error
    if not isinstance(state, dict) or "identity" not in state or state.pop(SEAL, None) != fingerprint(state):
        raise BadInput(damaged)
    return state


def fingerprint(state: Any) -> str:
    """A digest of nested dicts and lists of tensors and plain values; the file's own format lets flipped bits pass."""
    found = hashlib.blake2b(digest_size=16)
    _digest(state, found.update)
    return found.hexdigest()


def _digest(value: Any, update: Callable[[Any], None]) -> None:
    if isinstance(value, torch.Tensor):
        update(f"tensor {value.dtype} {tuple(value.shape)};".encode())
        if value.numel():  # an empty tensor may have strides that no view accepts
            update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    elif isinstance(value, dict):
        update(f"dict {len(value)};".encode())
        for key, item in value.items():
            update(f"{key!r};".encode("utf-8", "backslashreplace"))
            _digest(item, update)
    elif isinstance(value, (list, tuple)):
        update(f"list {len(value)};".encode())
        for item in value:
            _digest(item, update)
    else:
        update(f"{value!r};".encode("utf-8", "backslashreplace"))
