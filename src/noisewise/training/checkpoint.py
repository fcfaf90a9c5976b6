"""Checkpoints: plain data and tensors, written whole, read without executing code."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from noisewise.errors import BadInput
from noisewise.files import whole

FILE = "state.pt"


def write(folder: Path, state: dict[str, Any]) -> None:
    """Write `state` (nested dicts and lists of tensors and plain values) to `folder`, replacing the one before.

    Raises:
        BadInput: the folder cannot be written or the disk is full; the checkpoint before is kept.
    """
    with whole(folder / FILE) as temporary:
        try:
            torch.save(state, temporary)
        except RuntimeError as error:  # torch reports a full disk as a failed zip write
            raise BadInput(f"cannot write the checkpoint in {folder}: is the disk full?") from error


def read(folder: Path) -> dict[str, Any] | None:
    """The state that `write` left in `folder`, or None when there is none.

    Raises:
        BadInput: the file is there but damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise BadInput(f"the checkpoint {path} is damaged and cannot be resumed: remove it to start again") from error
