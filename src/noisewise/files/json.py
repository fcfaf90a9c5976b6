"""JSON: plain text of plain data, written whole."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from noisewise.files.atomic import whole


def to_json(value: Any, *, plain: bool = False) -> str:
    """JSON text of plain data; NumPy scalars and arrays become numbers and lists, infinities and NaN become null.

    Args:
        value: the data.
        plain: whether all other characters than those of ASCII are escaped; those that UTF-8 lacks always are.
    """
    text = json.dumps(_plain(value), indent=2, ensure_ascii=plain, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def digest(value: Any) -> str:
    """A short stable hash of plain data, for folders named by their config."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_whole(path: Path) -> bool:
    """Whether a file holds a JSON object: one that is missing, empty, cut or something else counts as not written."""
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
    except (OSError, ValueError, RecursionError):
        return False


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
