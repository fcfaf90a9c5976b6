"""Category 2f: damaged copies of good data files, from seeds; `tests/fuzz` has more of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.fuzz.mutation import WORDS, damaged

import noisewise as nw

from ..case import Case
from ..made import archive, data, frame, photos, table, write

COPIES = 200


def cases() -> Iterator[Case]:
    """All of them."""
    for path, make in FILES.items():
        words = WORDS if path.endswith(("csv", "jsonl", "txt")) else ()
        calls = {
            f"nw.load of damaged copy {number} of {path}": lambda path=path, words=words, number=number: _read(
                path, words, number
            )
            for number in range(COPIES)
        }
        yield Case("2f", f"damaged copies of {path}", calls, make, ours=("*",), seconds=600)


def _jsonl() -> None:
    frame().to_json("t.jsonl", orient="records", lines=True)


def _ours() -> None:
    nw.save(data(), "s.npz")


def _table_of_ours() -> None:
    table()
    nw.save(nw.load("t.csv"), "s.parquet")


def _texts() -> None:
    write("t.txt", "".join(f"__label__{'xyz'[row % 3]} some words {row}\n" for row in range(60)))


FILES: dict[str, Callable[[], object]] = {
    "t.csv": table,
    "t.jsonl": _jsonl,
    "t.txt": _texts,
    "v.npz": archive,
    "s.npz": _ours,
    "s.parquet": _table_of_ours,
    "t.parquet": lambda: frame().to_parquet("t.parquet"),
    "x.png": photos,
}


def _read(path: str, words: tuple[bytes, ...], number: int) -> None:
    good = Path(path if path != "x.png" else "p/cat/1.png").read_bytes()
    target = "p/cat/0.png" if path == "x.png" else f"damaged-{path}"
    write(target, next(damaged(good, 1, words=words, seed=number)))
    nw.load("p" if path == "x.png" else target).inputs[:2]
