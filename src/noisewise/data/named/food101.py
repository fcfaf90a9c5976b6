"""The named sources Food-101 (Bossard, Guillaumin and Van Gool 2014) and Food-101N (Lee, He, Zhang and Yang 2018)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from noisewise.data.dataset import Dataset
from noisewise.data.named.finder import Finder
from noisewise.data.named.listed import Rows, lines, listed
from noisewise.data.reading import DEFAULT, Reading
from noisewise.errors import BadInput

MARKS, MARKS_N = ("meta/train.txt",), ("meta/imagelist.tsv",)
_FOLDERS = ("", "food-101/", "food101/", "Food-101/")
_FOLDERS_N = ("", "Food-101N_release/", "food-101n/", "Food-101N/")
_HEADING = "class_name"  # with which lists of Food-101N begin


def food101(finder: Finder, reading: Reading = DEFAULT) -> Dataset:
    """Photographs of 101 dishes: 75,750 of which some are labelled wrongly, and 25,250 checked ones to test."""
    root = _root(finder, "food-101", _FOLDERS, MARKS)
    classes = _classes(root)
    parts = {split: _rows(root / f"meta/{split}.txt", classes, ".jpg") for split in ("train", "test")}
    return listed("food-101", root / "images", classes, parts, reading)


def food101n(finder: Finder, reading: Reading = DEFAULT) -> Dataset:
    """310,009 photographs of the dishes of Food-101, found by searches; the test split is that of Food-101.

    The column `verified` says which labels were checked, and whether they are right.
    """
    root = _root(finder, "food-101n", _FOLDERS_N, MARKS_N)
    classes = _classes(root)
    rows = _rows(root / MARKS_N[0], classes)
    clean = finder.find(*(f"{folder}meta/test.txt" for folder in _FOLDERS))
    if clean is None and (beside := root.parent / "food-101/meta/test.txt").is_file():
        clean = beside
    notes = [] if clean else ["there is no test split: it is that of food-101, which was not found"]
    parts: dict[str, Rows] = {"train": [(f"images/{file}", k) for file, k in rows]}
    if clean is not None:
        held = clean.parents[1].absolute() / "images"
        parts["test"] = [(str(held / file), k) for file, k in _rows(clean, classes, ".jpg")]
    data = listed("food-101n", root, classes, parts, reading, notes)
    return _with_verified(data, root)


def _with_verified(data: Dataset, root: Path) -> Dataset:
    known: dict[str, str] = {}
    for path in (root / "meta/verified_train.tsv", root / "meta/verified_val.tsv"):
        for line in lines(path) if path.is_file() else ():
            file, _, right = line.partition("\t")
            if not line.startswith(_HEADING):
                known[f"images/{file}"] = "right" if right.strip() == "1" else "wrong"
    assert data.described is not None  # of pictures in files
    verified = data.described["file"].map(known)
    return replace(data, described=data.described.assign(verified=verified))


def _root(finder: Finder, name: str, folders: tuple[str, ...], marks: tuple[str, ...]) -> Path:
    return finder.need(name, [f"{folder}{mark}" for folder in folders for mark in marks]).parents[1]


def _classes(root: Path) -> list[str]:
    names = [name for name in lines(root / "meta/classes.txt") if name != _HEADING]
    return sorted(names)


def _rows(path: Path, classes: list[str], suffix: str = "") -> Rows:
    """Files below `images` with class numbers, from lines `CLASS/NAME`."""
    found, numbers = [], {name: k for k, name in enumerate(classes)}
    for line in lines(path):
        if line.startswith(_HEADING):
            continue
        name = line.partition("/")[0]
        if name not in numbers:
            raise BadInput(f"{path} has the line {line[:60]!r}, whose class is not in meta/classes.txt")
        found.append((f"{line}{suffix}", numbers[name]))
    return found
