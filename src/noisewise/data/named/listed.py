"""Data sets of photographs that are published as files and lists of files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.data.images.files import Pictures
from noisewise.data.images.opening import Labelled, picture_data
from noisewise.data.reading import Reading
from noisewise.errors import BadInput

Rows = Sequence[tuple[str, int]]


def lines(path: Path) -> list[str]:
    """The lines of a text file that are not empty, without white space around them.

    Raises:
        BadInput: the file is missing or no text.
    """
    try:
        found = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path}: {error}") from error
    return [line.strip() for line in found if line.strip()]


def numbered(path: Path, classes: int) -> dict[str, int]:
    """The class number of every file, from lines `FILE NUMBER`.

    Args:
        path: the list.
        classes: K; numbers must be below it.

    Raises:
        BadInput: the list cannot be read, or a line is not of this form.
    """
    found = {}
    for line in lines(path):
        file, _, number = line.rpartition(" ")
        if not file or not number.isdecimal() or int(number) >= classes:
            raise BadInput(f"{path} has the line {line[:60]!r}, but each must be a file and a number below {classes}")
        found[file.strip()] = int(number)
    return found


def first_names(names: Sequence[str]) -> list[str]:
    """The first of the synonyms of every class, or all of them where two classes share the first."""
    short = [name.split(",")[0].strip() for name in names]
    return [name if short.count(one) > 1 else one for name, one in zip(names, short, strict=True)]


def listed(
    name: str,
    root: Path,
    classes: Sequence[str],
    parts: Mapping[str, Rows],
    reading: Reading,
    notes: Sequence[str] = (),
) -> Dataset:
    """A data set of files with class numbers.

    Args:
        name: of the data set.
        root: the folder that the paths of the files start from.
        classes: K class names.
        parts: files with class numbers by split, "train" among them; an empty one makes no split.
        reading: `size` and `skip_broken`.
        notes: sentences for people.

    Raises:
        BadInput: there are no training rows, or an image cannot be read.
    """
    if not parts["train"]:
        raise BadInput(f"{root} lists no training images of {name}")
    made, rows = {}, 0
    for split, part in parts.items():
        pictures = Pictures([file for file, _ in part], str(root.absolute()))
        # rows of the test split are numbered by themselves, since no memory per row holds them
        made[split] = Labelled(pictures, np.array([k for _, k in part], dtype=np.int64), 0 if split == "test" else rows)
        rows += 0 if split == "test" else len(part)
    main = made.pop("train")
    record = {"step": "load", "source": name, "format": "images", **({"notes": list(notes)} if notes else {})}
    splits = {split: part for split, part in made.items() if len(part.given)}
    return picture_data(name, main, tuple(classes), splits, record=record, reading=reading)
