"""What a tree of folders is: folders of classes, splits of such folders, or something else, which is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from noisewise.data.images.files import shown
from noisewise.data.images.tree import Tree, in_short
from noisewise.errors import BadInput

TRAIN, HELD = "train", ("test", "validation", "trusted")
NAMES = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
    "trusted": "trusted",
}
_UNLABELLED = ("unlabelled", "unlabeled")
_BESIDE = re.compile(r"[\W_]+|\d+")  # what may stand beside the name of a split, as in `training_set` and `val_256`
_FILLING = {"", "set", "data", "dataset", "images", "imgs", "image", "split", "folder"}
_TABLE = "or list the images in a table with a column of files and a column of labels"


def split_name(name: str) -> str | None:
    """The split that a folder is called after, such as `Train`, `valid` or `test_set`; None for other names."""
    words = [word for word in _BESIDE.split(name.lower()) if word not in _FILLING]
    return NAMES.get(words[0]) if len(words) == 1 else None


def apart(tree: Tree) -> tuple[Tree, Tree | None]:
    """The tree without its folder of images that have no labels, and that folder; None where there is none."""
    name = next((name for name in tree.folders if name.lower() in _UNLABELLED), None)
    if name is None or len(tree.folders) == 1:
        return tree, None
    rest = {other: folder for other, folder in tree.folders.items() if other != name}
    return replace(tree, folders=rest), tree.folders[name]


def splits_of(tree: Tree) -> tuple[dict[str, Tree], list[str]]:
    """The trees of the splits by name, `train` first, and sentences about how the folders were understood.

    Raises:
        BadInput: the folders are not clearly splits or classes.
    """
    where = shown(tree.path)
    if not tree.folders:
        loose = (
            f"holds {len(tree.images)} images and no folders with images"
            if tree.images
            else "holds no folders with images"
        )
        raise BadInput(f"{where} {loose}: expected one folder of images per class, {_TABLE}")
    named = {name: split for name in tree.folders if (split := split_name(name)) is not None}
    flat = [name for name in named if not tree.folders[name].folders]
    nested = [name for name in named if name not in flat]
    rest = [name for name in tree.folders if name not in named]
    if not nested:
        if flat and (not rest or len(flat) > 1):
            raise BadInput(
                f"{where} looks like splits ({in_short(flat)}) without labels: each must hold one folder of images per "
                f"class, {_TABLE}"
            )
        said = (
            f"the folder {flat[0]} is a class here, since it lies among classes and holds images itself" if flat else ""
        )
        return {TRAIN: tree}, [said] if said else []
    main: Tree | None = None
    if rest:
        main = _classes_beside(tree, nested, rest, where, named)
    return _by_split(tree, named, nested, flat, main, where)


def _classes_beside(tree: Tree, nested: list[str], rest: list[str], where: str, named: dict[str, str]) -> Tree:
    """The classes among which lie held-out splits with the same classes."""
    alike = all(set(tree.folders[name].folders) <= set(rest) for name in nested)
    if alike and TRAIN not in {named[name] for name in nested} and all(tree.folders[name].images for name in rest):
        return Tree(tree.path, tree.images, {name: tree.folders[name] for name in rest}, tree.others, tree.empty)
    raise BadInput(
        f"{where} looks like splits ({in_short(nested)}) beside something else ({in_short(rest)}): keep folders that "
        f"are called train, val, test or trusted, with one folder of images per class each, or give the folder that "
        f"holds the folders of classes, such as {shown(tree.folders[(rest + nested)[0]].path)}"
    )


def _by_split(
    tree: Tree, named: dict[str, str], nested: list[str], flat: list[str], main: Tree | None, where: str
) -> tuple[dict[str, Tree], list[str]]:
    found: dict[str, Any] = {} if main is None else {TRAIN: main}
    for name in nested:
        split = named[name]
        if split in found:
            raise BadInput(f"{where} has several folders of the {split} split ({in_short(nested)}): keep one of each")
        found[split] = tree.folders[name]
    if TRAIN not in found:
        held = f"the splits {in_short(nested)}" if len(nested) > 1 else f"the split {nested[0]}"
        raise BadInput(
            f"{where} has {held} but no split train: give the one to use, such as {shown(tree.folders[nested[0]].path)}"
        )
    notes = ["splits: " + "; ".join(f"{name} is {_USE[named[name]]}" for name in nested)]
    if main is None and tree.images:
        notes.append(f"left out are {len(tree.images)} images that lie beside the splits: {in_short(tree.images)}")
    for name in flat:
        notes.append(f"left out is {name}: its {len(tree.folders[name].images)} images lie in no folders of classes")
    return {TRAIN: found.pop(TRAIN), **found}, notes


_USE = {
    TRAIN: "what is learned from and audited",
    "validation": "held out to choose the best epoch",
    "test": "held out to measure",
    "trusted": "trusted to be labelled correctly",
}


def class_folders(tree: Tree, split: str) -> dict[str, Tree]:
    """The folders of the classes by name.

    Raises:
        BadInput: the folders do not look like classes.
    """
    where = shown(tree.path)
    inner = sorted({name for folder in tree.folders.values() for name in folder.folders if split_name(name)})
    if inner and len(tree.folders) > 1:
        raise BadInput(
            f"{where} looks like classes ({in_short(list(tree.folders))}) with splits inside ({in_short(inner)}): "
            f"put the splits above the classes, as in {inner[0]}/{shown(next(iter(tree.folders)))}"
        )
    deep = {name: _unwrapped(folder) for name, folder in tree.folders.items() if not folder.images}
    unclear = [name for name, folder in deep.items() if len(folder.folders) > 1]
    if unclear:
        raise BadInput(f"{where} {_looks_like(tree, unclear)}")
    return tree.folders


def _unwrapped(folder: Tree) -> Tree:
    """The first folder downwards that holds images or several folders."""
    while not folder.images and len(folder.folders) == 1:
        folder = next(iter(folder.folders.values()))
    return folder


def _looks_like(tree: Tree, unclear: list[str]) -> str:
    one = tree.folders[unclear[0]]
    inner = [set(_unwrapped(tree.folders[name]).folders) for name in unclear]
    example = shown(one.path)
    if len(tree.folders) == 1:
        inside = in_short(list(one.folders))
        return f"holds only the folder {shown(unclear[0])}, which holds folders ({inside}): give {example}"
    shared = sorted(set.intersection(*inner))
    if len(unclear) > 1 and shared:
        return (
            f"is not one folder of images per class: {in_short(unclear)} hold the same folders ({in_short(shared)}), "
            f"and look like splits or parts of one data set: give one of them, such as {example}, call them train and "
            f"test, {_TABLE}"
        )
    return (
        f"is not one folder of images per class: {in_short(unclear)} hold{'s' if len(unclear) == 1 else ''} no images "
        f"but folders ({in_short(_some(inner))}), and might be groups of classes or parts of one class: put one folder "
        f"per class into one folder, give a group, such as {example}, {_TABLE}"
    )


def _some(inner: Iterable[set[str]]) -> list[str]:
    return sorted(set().union(*inner))
