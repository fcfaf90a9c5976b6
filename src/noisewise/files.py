"""Atomic writing: results are written to a temporary file in the same folder first, then renamed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from noisewise.errors import BadInput


@contextlib.contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` if the block succeeds, otherwise remove it.

    Raises:
        BadInput: the folder is not writable or the disk is full.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        os.chmod(temporary, 0o644)  # mkstemp makes files that only their owner can read
        yield temporary
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        if error.errno is None or isinstance(error, (FileNotFoundError, BlockingIOError)):
            raise
        raise BadInput(f"cannot write {path}: {os.strerror(error.errno)}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Give an empty temporary folder; when the block ends well its entries replace those of the same name in `path`.

    Entries of `path` that the block did not write stay.

    Raises:
        BadInput: the folder cannot be written or the disk is full.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".writing.", dir=path))
        yield temporary
        for entry in sorted(temporary.iterdir()):
            target = path / entry.name
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            os.replace(entry, target)
    except OSError as error:
        if error.errno is None or isinstance(error, FileNotFoundError):
            raise
        raise BadInput(f"cannot write {path}: {os.strerror(error.errno)}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def to_json(value: Any) -> str:
    """JSON text of plain data; NumPy scalars and arrays become numbers and lists, infinities and NaN become null."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def digest(value: Any) -> str:
    """A short stable hash of plain data, for folders named by their config."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_json(path: str | Path, value: Any) -> None:
    """Write `to_json(value)` atomically."""
    text = to_json(value)
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.bool_, bool)):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value
