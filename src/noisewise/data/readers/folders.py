"""Reader of a folder of images per class; small data sets are loaded into memory, large ones are read lazily."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from noisewise.data.dataset import UNLABELLED, Dataset
from noisewise.data.images.files import RESIDENT, Pictures, shown
from noisewise.data.images.layout import TRAIN, apart, class_folders, splits_of
from noisewise.data.images.opening import Labelled, picture_data
from noisewise.data.images.tree import Tree, in_short, kinds, walk
from noisewise.data.readers.labels import similar_classes
from noisewise.data.reading import DEFAULT, Reading
from noisewise.errors import BadInput


def read_folder(folder: Path, reading: Reading = DEFAULT, resident: int = RESIDENT) -> Dataset:
    """Read a folder with one folder of images per class, or with such folders in folders named as splits.

    Splits are called `train` or `training`, `val`, `valid` or `validation`, `test` or `testing`, and `trusted`, in any
    case; `test`, `val` and `trusted` may also lie beside the folders of the classes. Images in a folder `unlabelled`
    beside the others have no label. `picture_data` documents the size of images.

    Args:
        folder: the folder. Names that start with a dot are ignored; what else is left out is said in the notes.
        reading: `size` and `skip_broken`.
        resident: largest total size of images to load, in bytes; the files of larger data sets are read on access.

    Raises:
        BadInput: there are no images or fewer than 2 classes; the folders are not clearly classes; a split has a class
            that the training split does not have; or an image is damaged.
    """
    root = os.fspath(folder.absolute())  # the files are found from other working directories too
    labelled, unlabelled = apart(walk(root))
    splits, notes = splits_of(labelled)
    found = {split: class_folders(tree, split) for split, tree in splits.items()}
    classes = tuple(found[TRAIN])
    if len(classes) < 2:
        raise BadInput(
            f"{shown(splits[TRAIN].path)} has images of only the class {classes[0]!r}, but at least 2 are needed"
        )
    notes += _left_out(splits, found) + similar_classes([shown(name) for name in classes])
    parts: dict[str, Labelled] = {}
    rows = 0
    for split, trees in found.items():
        numbers = _numbers(split, trees, classes, splits[split].path)
        files = [os.path.relpath(file, root) for tree in trees.values() for file in sorted(tree.every)]
        given = np.repeat(numbers, [sum(1 for _ in tree.every) for tree in trees.values()])
        # rows of the test split are numbered by themselves, since no memory per row holds them
        parts[split] = Labelled(Pictures(files, root), given, 0 if split == "test" else rows)
        rows += 0 if split == "test" else len(files)
    if unlabelled is not None:
        files = [os.path.relpath(file, root) for file in unlabelled.every]
        parts["unlabelled"] = Labelled(Pictures(files, root), np.full(len(files), UNLABELLED), rows)
        name = os.path.basename(unlabelled.path)
        notes.append(f"the {len(files):,} images in {shown(name)} have no label: they are predicted, not judged")
    record: dict[str, Any] = {"step": "load", "source": folder.name, "format": "images"}
    record |= {"notes": notes} if notes else {}
    main = parts.pop(TRAIN)
    names = tuple(shown(name) for name in classes)
    return picture_data(shown(folder.name), main, names, parts, record=record, reading=reading, resident=resident)


def _numbers(split: str, trees: Mapping[str, Tree], classes: tuple[str, ...], path: str) -> list[int]:
    unknown = [name for name in trees if name not in classes]
    if unknown:
        raise BadInput(f"{shown(path)} has the class {shown(unknown[0])!r}, which the training split does not have")
    return [classes.index(name) for name in trees]


def _left_out(splits: Mapping[str, Tree], found: Mapping[str, Mapping[str, Tree]]) -> list[str]:
    """Sentences about what lies in the folders and is not used."""
    notes = []
    others = [name for trees in found.values() for tree in trees.values() for name in tree.left_out]
    others += [name for tree in splits.values() for name in tree.others]
    if others:
        notes.append(f"left out are files that are no images: {kinds(others)} ({in_short(others)})")
    for tree in splits.values():
        if tree.images:
            notes.append(
                f"left out are {len(tree.images)} images that lie in no folder of a class: {in_short(tree.images)}"
            )
        if tree.empty:
            notes.append(f"folders without images are no classes: {in_short(tree.empty)}")
    nested = [name for trees in found.values() for name, tree in trees.items() if tree.folders]
    if nested:
        notes.append(f"images in folders within a folder of a class count to the class: {in_short(nested)}")
    return notes
