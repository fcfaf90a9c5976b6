"""Reader of arrays in NumPy's format, in `.npy` files and in the members of `.npz` archives.

The header is checked before anything is allocated: what it promises must be there, and must fit into memory.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import IO, Any

import numpy as np

from noisewise.doors import parsing, regular
from noisewise.errors import BadInput
from noisewise.memory import need

_HEADERS: dict[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_PLAIN = "biufcSUmM"  # kinds of entries: numbers, text and times, but no objects and no records
_PIECE = 1 << 24


def read_npy(path: str | Path, what: str = "", *, mapped: bool = False) -> np.ndarray:
    """Read the array in a `.npy` file.

    Args:
        path: the file.
        what: it holds, for messages.
        mapped: whether the array is mapped from the file instead of read into memory.

    Raises:
        BadInput: the file cannot be read, is of another kind or damaged, does not fit into memory, or holds Python
            objects or records.
    """
    path = regular(path, what)
    named = f"{what} {path}".strip()
    with parsing(named), path.open("rb") as file:
        size = path.stat().st_size
        dtype, shape, order = _header(file, named, size)
        if mapped and 0 not in shape:
            return np.memmap(path, dtype, "r", file.tell(), shape, order)
        return _content(file, dtype, shape, order, named)


def from_stream(file: IO[bytes], size: int, named: str) -> np.ndarray:
    """Read the array in a stream of `size` bytes, such as a member of an archive.

    Args:
        file: at its start.
        size: in bytes, as the archive states it.
        named: the stream in messages.

    Raises:
        BadInput: as for `read_npy`.
    """
    with parsing(named):
        dtype, shape, order = _header(file, named, size)
        return _content(file, dtype, shape, order, named)


def _header(file: IO[bytes], named: str, size: int) -> tuple[np.dtype[Any], tuple[int, ...], Any]:
    version = _version(file, named)
    try:
        shape, fortran, dtype = _HEADERS[version](file)
    except Exception as error:  # of many kinds: the header is evaluated as Python's literals
        raise BadInput(f"cannot read {named}: its NumPy header is damaged") from error
    if dtype.hasobject:
        raise BadInput(
            f"cannot read {named}: it holds Python objects, which are not read because they can run code: save "
            "plain arrays"
        )
    if dtype.kind not in _PLAIN or not dtype.itemsize:
        raise BadInput(f"cannot read {named}: it must be a plain array of numbers or text, not of {dtype}")
    if not all(isinstance(length, int) and type(length) is not bool and length >= 0 for length in shape):
        raise BadInput(f"cannot read {named}: its NumPy header is damaged (shape {shape})")
    promised, held = math.prod(shape) * dtype.itemsize, size - file.tell()
    if promised > held:
        raise BadInput(
            f"cannot read {named}: its header promises {promised:,} bytes of shape {_shape(shape)}, "
            f"but {max(held, 0):,} follow"
        )
    return dtype, shape, "F" if fortran else "C"


def _version(file: IO[bytes], named: str) -> tuple[int, int]:
    try:
        version = np.lib.format.read_magic(file)
    except ValueError as error:
        raise BadInput(f"cannot read {named}: it is not a .npy file of numbers") from error
    if version not in _HEADERS:
        raise BadInput(f"cannot read {named}: version {version[0]}.{version[1]} of NumPy's format is not known")
    return version


def _content(file: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...], order: Any, named: str) -> np.ndarray:
    size = math.prod(shape) * dtype.itemsize
    need(size, named)
    content, at = np.empty(size, np.uint8), 0
    while at < size and (piece := file.read(min(_PIECE, size - at))):
        content[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
        at += len(piece)
    if at < size:
        raise BadInput(f"cannot read {named}: it ends after {at:,} of {size:,} bytes")
    return content.view(dtype).reshape(shape, order=order)


def _shape(shape: tuple[int, ...]) -> str:
    text = str(shape)
    return text if len(text) < 60 else f"{text[:57]}..."
