"""An object in a file that several processes load without a copy each: large arrays are mapped from the file."""

from __future__ import annotations

import mmap
import pickle
from pathlib import Path
from typing import Any

import cloudpickle

from noisewise.compute.engine import Unsendable

_ALIGNMENT = 64  # arrays that start elsewhere are slower, and a sum over them may be rounded differently


def pack(value: Any, path: Path) -> None:
    """Write an object, which may be or hold a function that cannot be imported.

    Raises:
        Unsendable: it cannot be pickled.
    """
    buffers: list[pickle.PickleBuffer] = []
    try:
        content = cloudpickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    except Exception as error:
        raise Unsendable(f"what is to be computed cannot be sent to other processes: {error}") from error
    raw = [buffer.raw() for buffer in buffers]
    with path.open("wb") as file:
        pickle.dump((content, [len(part) for part in raw]), file)
        for part in raw:
            file.seek(_aligned(file.tell()))
            file.write(part)


def unpack(path: Path) -> Any:
    """The object of a file; its arrays are read from the file when they are used, and changes to them stay here."""
    with path.open("rb") as file:
        content, sizes = pickle.load(file)
        position = file.tell()
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    parts = []
    for size in sizes:
        position = _aligned(position)
        parts.append(mapped[position : position + size])
        position += size
    return pickle.loads(content, buffers=parts)


def _aligned(position: int) -> int:
    return -(-position // _ALIGNMENT) * _ALIGNMENT
