"""The named source Tiny-ImageNet (Le and Yang 2015).

The folder holds `train/WNID/images/*.JPEG`, `val/images/*.JPEG`, `val/val_annotations.txt`, `wnids.txt` and
`words.txt`.
"""

from __future__ import annotations

from pathlib import Path

from noisewise.data.dataset import Dataset
from noisewise.data.images.tree import walk
from noisewise.data.named.finder import Finder
from noisewise.data.named.listed import Rows, first_names, lines, listed
from noisewise.data.reading import DEFAULT, Reading
from noisewise.errors import BadInput

MARKS = ("wnids.txt",)
_FOLDERS = ("", "tiny-imagenet-200/", "tiny-imagenet/", "tiny_imagenet/")


def tiny_imagenet(finder: Finder, reading: Reading = DEFAULT) -> Dataset:
    """Photographs of 200 classes of ImageNet, 64 x 64 colour: 100,000, and the 10,000 for validation to test."""
    root = finder.need("tiny-imagenet", [f"{folder}{MARKS[0]}" for folder in _FOLDERS]).parent
    ids = lines(root / "wnids.txt")
    train = [
        (f"train/{name}/{Path(file).relative_to(root / 'train' / name)}", k)
        for k, name in enumerate(ids)
        for file in walk(str(root / "train" / name)).every
    ]
    test, notes = _held(root, ids), []
    if not test:
        notes.append("there is no test split: val/val_annotations.txt is missing")
    return listed("tiny-imagenet", root, _names(root, ids), {"train": train, "test": test}, reading, notes)


def _held(root: Path, ids: list[str]) -> Rows:
    path = root / "val/val_annotations.txt"
    if not path.is_file():
        return []
    rows, numbers = [], {name: k for k, name in enumerate(ids)}
    for line in lines(path):
        file, name, *_ = [*line.split("\t"), ""]
        if name not in numbers:
            raise BadInput(f"{path} has the line {line[:60]!r}, whose class is not in wnids.txt")
        rows.append((f"val/images/{file}", numbers[name]))
    return rows


def _names(root: Path, ids: list[str]) -> list[str]:
    """The names of the classes, from lines `n01443537<tab>goldfish, Carassius auratus`."""
    if not (root / "words.txt").is_file():
        return ids
    names = dict(line.split("\t", 1) for line in lines(root / "words.txt") if "\t" in line)
    return first_names([names.get(name, name) for name in ids])
