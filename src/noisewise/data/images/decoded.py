"""Decoded images in a temporary file, so that an image is decoded once and not once per epoch, whatever fits memory."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import weakref
from pathlib import Path

import numpy as np

from noisewise.data.named.finder import cache_folder

SUFFIX = ".decoded"
_NO_FILE = -1
_SPARED = 2  # times the size of the file that must be free on the disk


class Decoded:
    """The pixels of n images of one shape in a file, each written when it is first decoded.

    The file grows as it is written. The operating system keeps in memory what is used and fits. It is removed with the
    object, or, where its process was killed, when the next one is made. Copies of the object in other processes read
    and write the same file; where there is none, they keep nothing.

    Args:
        count: n.
        shape: (H, W, C) of an image.
        folder: where the file is made.

    Raises:
        OSError: the folder cannot be written, or half of what is free there does not hold the images.
    """

    def __init__(self, count: int, shape: tuple[int, ...], folder: Path | None = None) -> None:
        folder = folder or cache_folder() / "decoded"
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        self._count, self._shape, self._size = count, shape, int(np.prod(shape))
        if shutil.disk_usage(folder).free < _SPARED * count * self._size:
            raise OSError(f"{folder} has too little room")
        self._file, self.path = tempfile.mkstemp(SUFFIX, dir=folder)
        fcntl.flock(self._file, fcntl.LOCK_SH)
        os.truncate(self._file, count * (self._size + 1))
        weakref.finalize(self, _remove, self._file, self.path, os.getpid())

    def __repr__(self) -> str:
        return f"Decoded({self._count:,} images of {self._shape} in {self.path})"

    def __getstate__(self) -> tuple[int, tuple[int, ...], str]:
        return self._count, self._shape, self.path

    def __setstate__(self, state: tuple[int, tuple[int, ...], str]) -> None:
        self._count, self._shape, self.path = state
        self._size = int(np.prod(self._shape))
        try:
            self._file = os.open(self.path, os.O_RDWR)
        except OSError:  # on another machine, or after its end
            self._file = _NO_FILE
        else:
            weakref.finalize(self, os.close, self._file)

    def read(self, position: int) -> np.ndarray | None:
        """An image (H, W, C) uint8, or None if it was not written yet."""
        if self._file == _NO_FILE:
            return None
        # a byte per image, behind all images, says whether it is there; it is written after the image
        if os.pread(self._file, 1, self._count * self._size + position) != b"\x01":
            return None
        content = os.pread(self._file, self._size, position * self._size)
        return np.frombuffer(content, np.uint8).reshape(self._shape)

    def write(self, position: int, image: np.ndarray) -> None:
        """Keep an image; where the disk is full it is decoded again the next time."""
        if self._file == _NO_FILE:
            return
        try:
            os.pwrite(self._file, np.ascontiguousarray(image, np.uint8).data, position * self._size)
            os.pwrite(self._file, b"\x01", self._count * self._size + position)
        except OSError:
            pass


def _remove(file: int, path: str, process: int) -> None:
    os.close(file)
    if os.getpid() == process:  # a forked copy does not own the file
        Path(path).unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove files whose process was killed: nobody holds their lock."""
    for path in folder.glob(f"*{SUFFIX}"):
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
        except OSError:
            continue
