"""Folders that have the layout of a published data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from noisewise.data.catalogue import SOURCES
from noisewise.data.dataset import Dataset
from noisewise.data.named import animal10n, clothing1m, food101, tiny_imagenet, webvision
from noisewise.data.named.finder import Finder
from noisewise.data.reading import Reading

_MARKS = {
    "clothing1m": clothing1m.MARKS,
    "webvision": webvision.MARKS,
    "food-101": food101.MARKS,
    "food-101n": food101.MARKS_N,
    "tiny-imagenet": tiny_imagenet.MARKS,
}


def published(folder: Path) -> str | None:
    """The named source whose layout a folder has; None if it has none."""
    for name, marks in _MARKS.items():
        if any((folder / mark).is_file() for mark in marks) and any(entry.is_dir() for entry in folder.iterdir()):
            return name
    return "animal-10n" if animal10n.is_animal10n(folder) else None


def read_published(name: str, folder: Path, reading: Reading) -> Dataset:
    """Read such a folder as the named source.

    Raises:
        BadInput: its lists or images cannot be read.
    """
    data: Dataset = SOURCES[name](Finder((folder,), download=False), reading)
    first, *rest = data.provenance
    note = f"the folder has the layout of {name} as it is published, and is read as the source {name}"
    return replace(data, provenance=({**first, "notes": [note, *first.get("notes", ())]}, *rest))
