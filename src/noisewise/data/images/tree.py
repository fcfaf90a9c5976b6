"""Folders with images: what lies where, without opening a file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from noisewise.data.images.files import shown
from noisewise.errors import BadInput

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pnm")
_SYSTEM = ("thumbs.db", "desktop.ini", "__macosx")  # what systems leave behind
_NAMED = 3


@dataclass(frozen=True, eq=False)
class Tree:
    """A folder.

    Attributes:
        path: of the folder.
        images: names of the images directly in it, sorted.
        folders: the folders directly in it that hold images at any depth, by name, sorted.
        others: names of further files directly in it.
        empty: names of the folders directly in it without images.
    """

    path: str
    images: list[str] = field(default_factory=list)
    folders: dict[str, Tree] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    @property
    def every(self) -> Iterator[str]:
        """Paths of all images, at any depth."""
        yield from (os.path.join(self.path, name) for name in self.images)
        for folder in self.folders.values():
            yield from folder.every

    @property
    def left_out(self) -> Iterator[str]:
        """Names of all files that are no images, at any depth."""
        yield from self.others
        for folder in self.folders.values():
            yield from folder.left_out


def walk(path: str, above: frozenset[tuple[int, int]] = frozenset()) -> Tree:
    """What lies in a folder, except names that start with a dot and what systems leave behind.

    Args:
        path: the folder.
        above: the folders around it, as device and number, so that a link to one of them ends.

    Raises:
        BadInput: a folder cannot be read.
    """
    tree = Tree(path)
    try:
        known = os.stat(path)
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError as error:
        raise BadInput(f"cannot read the folder {shown(path)}: {error.strerror}") from error
    within = above | {(known.st_dev, known.st_ino)}
    for entry in entries:
        if entry.name.startswith(".") or entry.name.lower() in _SYSTEM:
            continue
        if _is_folder(entry):
            inside = _below(entry, within)
            if inside is not None and (inside.images or inside.folders):
                tree.folders[entry.name] = inside
            else:
                tree.empty.append(entry.name)
        elif entry.name.lower().endswith(SUFFIXES) and _may_be_read(entry):
            tree.images.append(entry.name)
        else:
            tree.others.append(entry.name)
    return tree


def in_short(names: list[str]) -> str:
    """A few of the names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(shown(name) for name in names[:_NAMED]) + more


def kinds(names: list[str]) -> str:
    """How many files there are of each suffix, such as "3 .txt, 1 .heic"."""
    found = Counter(os.path.splitext(name)[1].lower() or "without a suffix" for name in names)
    return ", ".join(
        f"{count} {shown(suffix)}" for suffix, count in sorted(found.items(), key=lambda one: (-one[1], one[0]))
    )


def _below(entry: os.DirEntry[str], within: frozenset[tuple[int, int]]) -> Tree | None:
    """What lies in a folder; None if it is a link to a folder around it."""
    known = entry.stat()
    return None if (known.st_dev, known.st_ino) in within else walk(entry.path, within)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _may_be_read(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a file, or a link to nothing, which is a broken image; pipes and devices are neither."""
    try:
        return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))
    except OSError:
        return entry.is_symlink()
