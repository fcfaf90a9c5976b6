"""The authors' own programs, read at run time from a folder that the user has: nothing of them is part of this project.

    git clone https://github.com/xiaoboxia/CDR FOLDER/CDR
    git clone https://github.com/bhanML/Co-teaching FOLDER/Co-teaching
    git clone https://github.com/xjtushujun/meta-weight-net FOLDER/meta-weight-net
    git clone https://github.com/LiJunnan1992/DivideMix FOLDER/DivideMix
    NOISEWISE_OFFICIAL=FOLDER python -m benchmarks.speed cdr coteaching meta dividemix

Without the folder the lines beside them are left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.utils.data import DataLoader

from noisewise.models import build as build_model

from .arms import CLASSES, Case, PerImage

FOLDER = os.environ.get("NOISEWISE_OFFICIAL", "")


def there(program: str) -> bool:
    """Whether the folder has a program."""
    return bool(FOLDER) and (Path(FOLDER) / program).is_dir()


def functions(file: str, names: tuple[str, ...], known: dict[str, Any]) -> dict[str, Any]:
    """Functions of a program, which then run on the CPU.

    Args:
        file: below the folder.
        names: of its functions.
        known: what the program imports, by name.

    Returns:
        The functions by name.
    """
    text = (Path(FOLDER) / file).read_text(encoding="utf-8")
    space = dict(known)
    for name in names:
        found = re.search(rf"^def {name}\(.*?(?=^\S|\Z)", text, re.DOTALL | re.MULTILINE)
        if found is None:
            raise SystemExit(f"{file} has no function {name}")
        source = found.group().replace(".cuda()", "").replace("torch.cuda.", "torch.")
        exec(
            source.replace("correct[:k].view(-1)", "correct[:k].reshape(-1)"), space
        )  # torch refuses `view` there today
    return space


def whole(file: str, known: dict[str, Any], only: str | None = None) -> dict[str, Any]:
    """What a file of a program, or one of its classes, defines; on the CPU.

    Args:
        file: below the folder.
        known: what it needs, by name.
        only: the name of the class; None for the whole file.

    Returns:
        The definitions by name.
    """
    text = (Path(FOLDER) / file).read_text(encoding="utf-8")
    if only is not None:
        found = re.search(rf"^class {only}\(.*?(?=^\S|\Z)", text, re.DOTALL | re.MULTILINE)
        if found is None:
            raise SystemExit(f"{file} has no class {only}")
        text = found.group()
    space = dict(known)
    exec(text.replace(".cuda()", "").replace("torch.cuda.FloatTensor", "torch.FloatTensor"), space)
    return space


class Indexed(PerImage):
    """With the position of every image, as both programs have it."""

    def __getitem__(self, row: int) -> tuple[Tensor, int, int]:  # type: ignore[override]
        return *super().__getitem__(row), row


def network(case: Case, seed: int = 0) -> nn.Module:
    """The same network as in the training by this library, in torch's default memory format."""
    return build_model(case.model, (case.size, case.size, case.channels), CLASSES, seed=seed)


def loaded(case: Case) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Batches from a DataLoader that transforms image by image, endlessly."""
    rows = Indexed(case.data(), case.augment != "none")
    loader: DataLoader = DataLoader(rows, case.config().batch_size, shuffle=True, drop_last=True)
    while True:
        yield from loader
