"""An object in a file that several processes load without a copy each: large arrays are mapped from the file."""

from __future__ import annotations

import mmap
import pickle
import struct
import tempfile
from typing import IO, Any

import cloudpickle

from noisewise.compute.engine import Unsendable

_LENGTH = struct.Struct("<Q")
_ALIGNMENT = 64  # arrays that start elsewhere are slower, and a sum over them may be rounded differently


def pack(value: Any) -> IO[bytes]:
    """Write an object, which may be or hold a function that cannot be imported, into a file that has no name.

    Raises:
        Unsendable: it cannot be pickled.
    """
    buffers: list[pickle.PickleBuffer] = []
    try:
        content = cloudpickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    except Exception as error:
        raise Unsendable(f"what is to be computed cannot be sent to other processes: {error}") from error
    raw = [buffer.raw() for buffer in buffers]
    head = pickle.dumps((content, [len(part) for part in raw]))
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(_LENGTH.pack(len(head)) + head)
    for part in raw:
        file.seek(_aligned(file.tell()))
        file.write(part)
    file.flush()
    return file


def unpack(number: int) -> Any:
    """The object of an open file; its arrays are read from the file when they are used, and changes to them stay here.

    Args:
        number: the descriptor of the file.
    """
    mapped = memoryview(mmap.mmap(number, 0, access=mmap.ACCESS_COPY))
    position = _LENGTH.size + _LENGTH.unpack_from(mapped)[0]
    content, sizes = pickle.loads(mapped[_LENGTH.size : position])
    parts = []
    for size in sizes:
        position = _aligned(position)
        parts.append(mapped[position : position + size])
        position += size
    return pickle.loads(content, buffers=parts)


def _aligned(position: int) -> int:
    return -(-position // _ALIGNMENT) * _ALIGNMENT
