"""The named source Animal-10N (Song, Kim and Lee 2019): five pairs of animals that people confuse.

The folder holds `training/` and `testing/` with files `LABEL_NUMBER.jpg`.
"""

from __future__ import annotations

import re
from pathlib import Path

from noisewise.data.dataset import Dataset
from noisewise.data.images.tree import walk
from noisewise.data.named.finder import Finder
from noisewise.data.named.listed import Rows, listed
from noisewise.data.reading import DEFAULT, Reading
from noisewise.errors import BadInput

CLASSES = (
    *("cat", "lynx", "wolf", "coyote", "cheetah"),
    *("jaguar", "chimpanzee", "orangutan", "hamster", "guinea pig"),
)
_FOLDERS = ("", "animal-10n/", "animal10n/", "ANIMAL-10N/", "Animal-10N/", "raw_image/", "raw_image_ver/raw_image/")
_FILE = re.compile(r"(\d)_\d+\.\w+")


def animal10n(finder: Finder, reading: Reading = DEFAULT) -> Dataset:
    """Photographs of 10 animals, 64 x 64 colour, labelled by people: 50,000 (about 8 % wrong) and 5,000 to test.

    The names of 4 and 5, cheetah and jaguar, are those of the authors; others hold that they are exchanged.
    """
    root = finder.need("animal-10n", [f"{folder}training" for folder in _FOLDERS]).parent
    parts = {"train": _rows(root / "training"), "test": _rows(root / "testing") if (root / "testing").is_dir() else []}
    notes = [] if parts["test"] else ["there is no test split: the folder testing is missing or empty"]
    return listed("animal-10n", root, CLASSES, parts, reading, notes)


def is_animal10n(folder: Path) -> bool:
    """Whether a folder has the layout of Animal-10N."""
    images = walk(str(folder / "training")).images if (folder / "training").is_dir() else []
    return bool(images) and all(_FILE.fullmatch(name) for name in images)


def _rows(folder: Path) -> Rows:
    found = []
    for name in walk(str(folder)).images:
        label = _FILE.fullmatch(name)
        if label is None:
            raise BadInput(f"{folder} holds {name[:60]!r}, but files of Animal-10N are called LABEL_NUMBER.jpg")
        found.append((f"{folder.name}/{name}", int(label[1])))
    return found
