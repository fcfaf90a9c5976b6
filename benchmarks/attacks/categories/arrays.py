"""Category 2a, arrays: .npz, .npy and .idx files that are broken, hostile or of another kind; and saved data sets."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

import noisewise as nw

from ..case import Case
from ..made import archive, data, table, write
from .tables import of_source

MARK = "it-ran"


class Evil:
    """Leaves a mark when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (MARK,)


def cases() -> Iterator[Case]:
    """All of them."""
    for share in (0.02, 0.3, 0.7, 0.99):
        yield from of_source(f"npz: cut at {share:.0%}", _cut(archive, "v.npz", share), "v.npz", codes=(2,))
        yield from of_source(f"npy: cut at {share:.0%}", _cut(_bare, "x.npy", share), "x.npy", codes=(2,))
        yield from of_source(
            f"parquet of ours: cut at {share:.0%}", _cut(_saved, "s.parquet", share), "s.parquet", codes=(2,)
        )
    yield from of_source("npy: an npz renamed", lambda: archive("x.npy"), "x.npy", codes=(2,))
    yield from of_source("npz: an npy renamed", lambda: _bare("v.npz"), "v.npz", codes=(2,))
    for name, head in HEADS.items():
        yield from of_source(f"npy: {name}", lambda head=head: write("x.npy", _npy(head)), "x.npy", codes=(2,))
    yield from of_source("npz: a pickle that runs", _evil_npz, "v.npz", codes=(2,))
    yield from of_source("npy: a pickle that runs", lambda: write("x.npy", pickle.dumps(Evil())), "x.npy", codes=(2,))
    for name, content in IDX.items():
        yield from of_source(f"idx: {name}", lambda content=content: _idx(content), "f", codes=(0, 2))
    for name, changed in SAVED.items():
        yield from of_source(f"parquet of ours: {name}", lambda changed=changed: _head(changed), "s.parquet")
    for name, arrays in ARRAYS.items():
        yield from of_source(f"npz of ours: {name}", lambda arrays=arrays: _saved_npz(arrays), "s.npz")


def _cut(make: Callable[[], object], path: str, share: float) -> Callable[[], None]:
    def cut() -> None:
        make()
        content = Path(path).read_bytes()
        write(path, content[: int(len(content) * share)])

    return cut


def _bare(path: str = "x.npy") -> None:
    with open(path, "wb") as file:
        np.save(file, np.arange(60.0).reshape(30, 2))


def _npy(head: str) -> bytes:
    text = head.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(64)


HEADS = {
    "an empty head": "",
    "a head cut in a quote": "{'descr': '<f8",
    "a head of brackets": "(" * 5_000,
    "a head that is a number": "3",
    "a head without a shape": "{'descr': '<f8', 'fortran_order': False}",
    "a negative shape": "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 2)}",
    "a shape of 2**62": "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904,)}",
    "an unknown type": "{'descr': 'what', 'fortran_order': False, 'shape': (2,)}",
    "a type of objects": "{'descr': '|O', 'fortran_order': False, 'shape': (2,)}",
    "a head that calls": "__import__('os').mkdir('it-ran')",
}


def _evil_npz() -> None:
    archive(X=np.array([Evil()] * 60, dtype=object))


def _images(rows: int = 30, side: int = 4, said: int | None = None) -> bytes:
    draw = np.random.default_rng(0)
    head = struct.pack(">BBBB3I", 0, 0, 8, 3, rows if said is None else said, side, side)
    return head + draw.integers(0, 256, rows * side * side, np.uint8).tobytes()


IDX: dict[str, bytes] = {
    "empty": b"",
    "a head alone": struct.pack(">BBBB", 0, 0, 8, 3),
    "more rows than bytes": _images(said=1000),
    "4 billion rows": _images(said=2**32 - 1),
    "fewer rows than bytes": _images(said=2),
    "an unknown type": b"\0\0\xff\x03" + _images()[4:],
    "255 axes": b"\0\0\x08\xff" + bytes(1020),
    "no idx": b"something else entirely",
    "packed": gzip.compress(_images()),
}


def _idx(content: bytes) -> None:
    os.mkdir("f")
    write("f/i-images-idx3-ubyte" + (".gz" if content[:2] == b"\x1f\x8b" else ""), content)
    labels = struct.pack(">BBBBI", 0, 0, 8, 1, 30) + bytes(n % 3 for n in range(30))
    write("f/i-labels-idx1-ubyte", labels)


def _saved() -> None:
    table()
    nw.save(nw.load("t.csv"), "s.parquet")
    os.remove("t.csv")


def _head(changed: object) -> None:
    """A saved table whose own head, or pandas' head, is something else."""
    _saved()
    read = parquet.read_table("s.parquet")
    heads = dict(read.schema.metadata or {})
    key = next(name for name in heads if b"noisewise" in name)
    if changed == "pandas":
        heads[b"pandas"] = b'{"columns": 3}'
    elif isinstance(changed, dict):
        heads[key] = json.dumps({**json.loads(heads[key]), **changed}).encode()
    elif isinstance(changed, bytes):
        heads[key] = changed
    parquet.write_table(pa.Table.from_arrays(read.columns, schema=read.schema.with_metadata(heads)), "s.parquet")


SAVED: dict[str, object] = {
    "a head that is no JSON": b"\xff{",
    "a head that is a list": b"[1, 2]",
    "a head that is empty": b"{}",
    "a head nested deeply": b"[" * 100_000,
    "pandas' head damaged": "pandas",
    "classes that are a number": {"classes": 3},
    "classes of one name": {"classes": ["a", "a", "a"]},
    "too few classes": {"classes": ["a"]},
    "no classes": {"classes": []},
    "names of classes that are lists": {"classes": [["a"], ["b"], ["c"]]},
    "a provenance that is a text": {"provenance": "x"},
    "a provenance of numbers": {"provenance": [1, 2]},
    "a name that is a list": {"name": [1]},
    "columns that are unknown": {"columns": [1, 2], "encoding": 3},
    "pictures that are a number": {"pictures": 3},
    "pictures in another folder": {"pictures": {"root": "/etc"}},
}


def _saved_npz(changed: dict[str, object]) -> None:
    nw.save(data(), "s.npz")
    with np.load("s.npz") as read:
        arrays = {name: read[name] for name in read}
    arrays.update({name: array for name, array in changed.items() if array is not None})  # type: ignore[misc]
    with open("s.npz", "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


ARRAYS: dict[str, dict[str, object]] = {
    "labels below 0": {"given": np.full(60, -5)},
    "labels beyond the classes": {"given": np.full(60, 77)},
    "an index twice": {"index": np.zeros(60, np.int64)},
    "a negative index": {"index": -np.arange(60)},
    "an index of fractions": {"index": np.arange(60) / 2},
    "a short index": {"index": np.arange(3)},
    "a truth of other length": {"truth": np.zeros(3, np.int64)},
    "a split of numbers": {"split": np.full(60, 9)},
    "a head that is no JSON": {"noisewise": np.array("{")},
    "a head that is a number": {"noisewise": np.array(3)},
}
