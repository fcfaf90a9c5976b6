"""The named sources of Clothing1M (Xiao, Xia, Yang, Huang and Wang 2015): photographs of shops, labelled by texts.

The folder holds `images/`, and there or in `annotations/` the lists `noisy_train_key_list.txt` and
`clean_{train,val,test}_key_list.txt` and the labels `noisy_label_kv.txt` and `clean_label_kv.txt`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.data.named.finder import Finder
from noisewise.data.named.listed import Rows, lines, listed, numbered
from noisewise.data.reading import DEFAULT, Reading
from noisewise.errors import BadInput

CLASSES = (
    *("T-Shirt", "Shirt", "Knitwear", "Chiffon", "Sweater", "Hoodie", "Windbreaker", "Jacket"),
    *("Down Coat", "Suit", "Shawl", "Dress", "Vest", "Underwear"),
)
MARKS = ("noisy_label_kv.txt", "annotations/noisy_label_kv.txt")
_FOLDERS = ("clothing1m", "Clothing1M", "clothing1M")
_CLEAN = {"validation": "val", "test": "test", "trusted": "train"}


def clothing1m(finder: Finder, reading: Reading = DEFAULT) -> Dataset:
    """Clothes from shops, 14 classes: 1,000,000 noisy labels; checked labels as validation, test and trusted rows."""
    root, lists = _place(finder)
    noisy, clean = _labels(lists)
    parts = {"train": _rows(lists / "noisy_train_key_list.txt", noisy, root)}
    for split, name in _CLEAN.items():
        parts[split] = _rows(lists / f"clean_{name}_key_list.txt", clean, root)
    return listed("clothing1m", root, CLASSES, parts, reading)


def clothing1m_both(finder: Finder, reading: Reading = DEFAULT) -> Dataset:
    """The images of Clothing1M with both labels: the noisy one is given, the checked one the truth."""
    root, lists = _place(finder)
    noisy, clean = _labels(lists)
    keys = [key for name in ("train", "val", "test") for key in lines(lists / f"clean_{name}_key_list.txt")]
    both = [key for key in keys if key in noisy and key in clean]
    rows = list(zip(_files(both, root), (noisy[key] for key in both), strict=True))
    data = listed("clothing1m-both", root, CLASSES, {"train": rows}, reading)
    return replace(data, truth=np.array([clean[both[at]] for at in data.index]))


def _place(finder: Finder) -> tuple[Path, Path]:
    """The folder of the images, and that of the lists."""
    places = [f"{folder}{mark}" for folder in ("", *(f"{name}/" for name in _FOLDERS)) for mark in MARKS]
    lists = finder.need("clothing1m", places).parent
    return lists.parent if lists.name == "annotations" else lists, lists


def _labels(lists: Path) -> tuple[dict[str, int], dict[str, int]]:
    noisy, clean = (numbered(lists / f"{kind}_label_kv.txt", len(CLASSES)) for kind in ("noisy", "clean"))
    return noisy, clean


def _rows(path: Path, labels: dict[str, int], root: Path) -> Rows:
    keys = lines(path)
    missing = next((key for key in keys if key not in labels), None)
    if missing is not None:
        raise BadInput(f"{path} lists {missing[:80]!r}, which has no label")
    return list(zip(_files(keys, root), (labels[key] for key in keys), strict=True))


def _files(keys: list[str], root: Path) -> list[str]:
    """The files of keys: where the archives were unpacked in place there is no folder `images`."""
    return keys if (root / "images").is_dir() else [key.removeprefix("images/") for key in keys]
