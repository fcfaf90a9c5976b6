"""Resuming: the finished calls of an interrupted recipe, and the checkpoint that stores them.

An interrupted recipe is called again from its start. Its calls of `fit` are numbered: finished ones return immediately,
the interrupted one continues after its last epoch, and memoized values come from the checkpoint. The recipe must
therefore make the same calls in the same order.
"""

from __future__ import annotations

import hashlib
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from noisewise.doors import parsing
from noisewise.errors import BadInput
from noisewise.files import whole
from noisewise.memory import need
from noisewise.training.distributed import agreed, writes

FILE, SEAL = "state.pt", "fingerprint"
CHECKPOINT_SECONDS = 10.0


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

    def save(self, call: int, epoch: int, state: Callable[[], dict[str, Any]]) -> None:
        """Write a checkpoint, unless one was written in the last seconds.

        Args:
            call: number of the present call.
            epoch: how many of its epochs are done.
            state: returns what else is stored.
        """
        if agreed(time.monotonic() - self._saved_at > CHECKPOINT_SECONDS):
            self._write(call, epoch, state())

    def finish(self, state: dict[str, Any]) -> None:
        """Write the last checkpoint, in which all calls so far are done."""
        self._write(self._calls, 0, state)

    def _write(self, call: int, epoch: int, state: dict[str, Any]) -> None:
        if self._folder is None or not writes():
            return
        about = {"identity": self._identity, "calls": call, "epoch": epoch, "remembered": dict(self.memos)}
        write(self._folder, {**about, **state})
        self._saved_at = time.monotonic()


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
