"""Reader of pickles, the format of some public data sets, which does not run code that a pickle may contain."""

from __future__ import annotations

import io
import pickle
import tarfile
import warnings
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from noisewise.errors import BadInput

ALLOWED = frozenset(
    {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.numeric", "_frombuffer"),
    }
)


def read_pickles(path: Path, names: Sequence[str]) -> dict[str, dict[bytes, Any]]:
    """Read the dictionaries in the pickles `names` of a folder or tar file, by name.

    Only plain Python data and arrays of numbers are accepted; Python 2 strings stay bytes.

    Raises:
        BadInput: a file is missing or damaged, or contains anything else.
    """
    contents = dict(_members(path, names))
    missing = [name for name in names if name not in contents]
    if missing:
        raise BadInput(f"{path} has no file {missing[0]!r}")
    return {name: unpickle(contents[name], f"{name} of {path}") for name in names}


def unpickle(content: bytes, where: str) -> dict[bytes, Any]:
    """Read a dictionary from a pickle of plain data and arrays.

    Raises:
        BadInput: the pickle is damaged, is not a dictionary, or contains anything but plain data and arrays.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = _Plain(io.BytesIO(content), encoding="bytes").load()
    except BadInput as error:
        raise BadInput(f"{where} is refused: {error}") from error
    except Exception as error:
        raise BadInput(f"{where} is not a readable pickle: {error}") from error
    if not isinstance(found, dict):
        raise BadInput(f"{where} holds {type(found).__name__}, but a dictionary is expected")
    return found


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in ALLOWED:
            raise BadInput(f"it contains {module}.{name}, but only plain data and arrays are read")
        return super().find_class(module, name)


def _members(path: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    try:
        if path.is_dir():
            yield from ((name, (path / name).read_bytes()) for name in names if (path / name).is_file())
            return
        with tarfile.open(path) as archive:
            for member in archive:
                name = member.name.rpartition("/")[2]
                file = archive.extractfile(member) if name in names and member.isfile() else None
                if file is not None:
                    yield name, file.read()
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise BadInput(f"cannot read {path}: {error}") from error
