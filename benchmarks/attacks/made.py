"""Small good inputs, made in the present folder, from which the attacks start."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

import noisewise as nw

NAMES = ("ash", "birch", "fir")
ROWS = 60
QUICK = ["--model", "linear"]
STOCK = Path()
"""Where finished audits and runs are kept, to be copied; `stock` sets it."""


def lines(rows: int = ROWS, names: Sequence[str] = NAMES, head: str = "a,b,c,d,label") -> list[str]:
    """The lines of a table of four numbers and a label."""
    draw = random.Random(0)
    body = [
        ",".join(f"{draw.gauss(row % len(names), 1):.3f}" for _ in range(4)) + f",{names[row % len(names)]}"
        for row in range(rows)
    ]
    return [head, *body]


def table(path: str = "t.csv", rows: int = ROWS, names: Sequence[str] = NAMES, head: str = "a,b,c,d,label") -> None:
    """A table in a file."""
    write(path, "\n".join(lines(rows, names, head)) + "\n")


def frame(rows: int = ROWS, names: Sequence[Any] = NAMES) -> pd.DataFrame:
    """A table in memory."""
    numbers = np.random.default_rng(0).normal(size=(rows, 4)) + (np.arange(rows) % len(names))[:, None]
    return pd.DataFrame(numbers, columns=list("abcd")).assign(label=[names[row % len(names)] for row in range(rows)])


def data(rows: int = ROWS) -> nw.Dataset:
    """A data set in memory."""
    labels = np.arange(rows) % 3
    inputs = np.random.default_rng(0).normal(size=(rows, 4)) + labels[:, None]
    return nw.Dataset(inputs.astype(np.float32), labels, classes=NAMES)


def archive(path: str = "v.npz", **changed: Any) -> None:
    """Arrays in a file; `changed` replaces some, and None leaves one out."""
    labels = np.arange(ROWS) % 3
    inputs = (np.random.default_rng(0).normal(size=(ROWS, 4)) + labels[:, None]).astype(np.float32)
    arrays = {"X": inputs, "y": labels, "classes": np.array(NAMES), **changed}
    with open(path, "wb") as file:
        np.savez(file, **{name: array for name, array in arrays.items() if array is not None})


def photos(folder: str = "p", each: int = 6, classes: Sequence[str] = ("cat", "dog"), side: int = 8) -> None:
    """A folder of small pictures per class."""
    draw = np.random.default_rng(0)
    for number, name in enumerate(classes):
        Path(folder, name).mkdir(parents=True, exist_ok=True)
        for one in range(each):
            pixels = draw.integers(0, 128, (side, side, 3)) + 100 * (number % 2)
            Image.fromarray(pixels.astype(np.uint8)).save(Path(folder, name, f"{one}.png"))


def write(path: str | Path | bytes, content: str | bytes) -> None:
    """A file of this content."""
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))


def text(path: str, content: str | bytes) -> Callable[[], None]:
    """`write`, later."""
    return lambda: write(path, content)


def stock(folder: Path) -> None:
    """Make the audits and runs that cases copy."""
    global STOCK
    STOCK = folder
    folder.mkdir()


def fill() -> str:
    """Fill the stock; called in a process of its own, in its folder."""
    table()
    archive()
    photos()
    nw.audit("t.csv", model="linear", out="audit")
    nw.audit("v.npz", model="linear", out="audit-npz")
    nw.audit("p", model="linear", out="audit-photos")
    nw.train("t.csv", method="ce", model="mlp:8", epochs=2, out="run")
    return ""


def copied(name: str, to: str = "") -> Callable[[], None]:
    """Copy something of the stock into the present folder, later."""

    def copy() -> None:
        source, target = STOCK / name, Path(to or name)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)

    return copy


def all_of(*calls: Callable[[], object]) -> Callable[[], None]:
    """Call one after the other, later."""

    def call() -> None:
        for one in calls:
            one()

    return call


def read_json(path: str) -> Any:
    """The content of a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))
