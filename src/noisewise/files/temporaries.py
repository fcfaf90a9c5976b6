"""Temporary files and folders: their locks tell those of living writers from those that a killed one left."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
from pathlib import Path

from noisewise.files.locks import LOCKS, is_at, lock, release

WRITING = ".noisewise-writing-"
LOCK, NEW = "lock", "new"  # in a temporary folder: the file that is locked, and the folder for what is written
_NAME = re.compile(re.escape(WRITING) + r"[0-9a-f]{16}(\..*)?", re.DOTALL)
_MANY = 256
_OPENED = os.O_RDWR if os.name == "nt" else os.O_RDONLY


def new_file(folder: Path, suffix: str = "") -> tuple[Path, int]:
    """A new empty file with the rights that the user's files have, and its locked descriptor."""
    while True:
        path = folder / f"{WRITING}{secrets.token_hex(8)}{suffix}"
        if (file := _made(path)) is not None:
            return path, file


def new_folder(folder: Path) -> tuple[Path, int]:
    """A new folder with an empty folder `NEW` and a file `LOCK` in it, and the locked descriptor of that file."""
    while True:
        path = folder / f"{WRITING}{secrets.token_hex(8)}"
        path.mkdir()
        with contextlib.suppress(FileNotFoundError):  # it was swept before its lock was there
            if (file := _made(path / LOCK)) is not None:
                (path / NEW).mkdir()
                return path, file


def sweep(folder: Path) -> None:
    """Remove what writers that are dead left in a folder. Without locks of files nothing is removed."""
    if not LOCKS:
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in [entry for entry in entries if _NAME.fullmatch(entry.name)]:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    _sweep_folder(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    _sweep_file(Path(entry.path))


def flush(path: Path) -> None:
    """Wait until the content of a file is on the disk."""
    file = os.open(path, _OPENED)
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno != errno.EINVAL:  # nothing on a disk
            raise
    finally:
        os.close(file)


def flush_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk, where the platform can do that."""
    with contextlib.suppress(OSError):
        flush(path)


def flush_all(folder: Path) -> None:
    """Wait until all that is in a folder is on the disk."""
    files, folders = [], [folder]
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            files.append(path)
        elif stat.S_ISDIR(mode):
            folders.append(path)
    if len(files) > _MANY and hasattr(os, "sync"):
        os.sync()  # all at once; one by one each waits for the disk
    for path in files:
        flush(path)
    for path in folders:
        flush_folder(path)


def _made(path: Path) -> int | None:
    """A new file, open and locked; None if it was swept before it was locked."""
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    with contextlib.suppress(OSError):  # a file system without locks, where nothing is swept
        lock(file, wait=True)
    if is_at(file, path):
        return file
    os.close(file)
    return None


def _sweep_file(path: Path) -> None:
    file = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        if lock(file) and is_at(file, path):
            path.unlink()
    finally:
        release(file)


def _sweep_folder(path: Path) -> None:
    try:
        file = os.open(path / LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        path.rmdir()  # one whose writer had not made the lock yet; with anything in it, it is not ours
        return
    try:
        if lock(file) and is_at(file, path / LOCK):
            shutil.rmtree(path, ignore_errors=True)
    finally:
        release(file)
