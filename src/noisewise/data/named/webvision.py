"""The named sources of WebVision 1.0 (Li, Wang, Li, Agustsson and Van Gool 2017): what two search engines find.

The folder holds `google/`, `flickr/`, `val_images_256/` and the lists in `info/`.
"""

from __future__ import annotations

from pathlib import Path

from noisewise.data.dataset import Dataset
from noisewise.data.named.finder import Finder
from noisewise.data.named.listed import Rows, first_names, lines, listed, numbered
from noisewise.data.reading import DEFAULT, Reading

MARKS = ("info/train_filelist_google.txt",)
_CLASSES, _FEW = 1000, 50
_FOLDERS = ("", "webvision/", "WebVision/", "webvision1.0/", "webvision-1.0/")


def webvision(finder: Finder, reading: Reading = DEFAULT) -> Dataset:
    """Photographs from Google and Flickr, labelled by the search: 1,000 classes; the validation set tests."""
    root = _root(finder, "webvision")
    engines = ["google", "flickr"] if (root / "info/train_filelist_flickr.txt").is_file() else ["google"]
    note = "this is all of WebVision 1.0; the source webvision-50 has the first 50 classes, as it is mostly used"
    return _read(root, "webvision", engines, _CLASSES, reading, note)


def webvision50(finder: Finder, reading: Reading = DEFAULT) -> Dataset:
    """The first 50 classes of WebVision 1.0 and the Google images alone (Jiang et al. 2018, MentorNet)."""
    return _read(_root(finder, "webvision-50"), "webvision-50", ["google"], _FEW, reading)


def _root(finder: Finder, name: str) -> Path:
    return finder.need(name, [f"{folder}{MARKS[0]}" for folder in _FOLDERS]).parents[1]


def _read(
    root: Path, name: str, engines: list[str], classes: int, reading: Reading, note: str | None = None
) -> Dataset:
    def few(files: dict[str, int], folder: str = "") -> Rows:
        return [(f"{folder}{file}", k) for file, k in files.items() if k < classes]

    lists = [numbered(root / f"info/train_filelist_{engine}.txt", _CLASSES) for engine in engines]
    found = {file: k for one in lists for file, k in one.items()}
    held = root / "info/val_filelist.txt"
    folder = "val_images_256/" if (root / "val_images_256").is_dir() else "val_images/"
    test = few(numbered(held, _CLASSES), folder) if held.is_file() else []
    names = _names(root)[:classes]
    notes = [note] if note else []
    if not held.is_file():
        notes.append("there is no test split: info/val_filelist.txt is missing")
    return listed(name, root, names, {"train": few(found), "test": test}, reading, notes)


def _names(root: Path) -> list[str]:
    """The names of the classes, from lines `n01440764 tench, Tinca tinca`."""
    path = root / "info/synsets.txt"
    if not path.is_file():
        return [str(k) for k in range(_CLASSES)]
    names = first_names([line.partition(" ")[2] or line for line in lines(path)])
    return [*names, *(str(k) for k in range(len(names), _CLASSES))]
