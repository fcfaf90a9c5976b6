"""Categories 5, 6: ordinary and hostile sizes within a limit of memory; numbers of every method on a small table."""

from __future__ import annotations

import gzip
import os
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import noisewise as nw
from noisewise.auditing.detectors.catalogue import DETECTORS

from ..case import ENDS, MIB, Case
from ..made import QUICK, data, photos, write

LITTLE = 1024 * MIB


def cases() -> Iterator[Case]:
    """All of them."""
    big: dict[str, tuple[Callable[[], object], str, tuple[int, ...]]] = {
        "20 photographs of 12 megapixels": (_photographs, "p", (0,)),
        "a first picture of 9,000 x 9,000": (_first_huge, "p", (0,)),
        "an npz that unpacks to 6 GB": (_npz_bomb, "v.npz", (2,)),
        "an idx file that unpacks to 4 GB": (_idx_bomb, "f", (2,)),
        "class number 200,000": (lambda: _numbers([0] * 100 + [1] * 100 + [200_000]), "t.csv", ENDS),
        "class number 2**40": (lambda: _numbers([0] * 100 + [1] * 100 + [2**40]), "t.csv", ENDS),
        "30,000 labels, all different": (lambda: _numbers(list(range(30_000))), "t.csv", ENDS),
        "20,000 rows of 100 columns": (_wide, "t.csv", (0,)),
    }
    for name, (before, path, codes) in big.items():
        to = "out.npz" if path in ("p", "f", "v.npz") else "out.csv"
        words = ["corrupt", path, "symmetric:0.2", "--out", to]
        yield Case("5", f"{name}, corrupt", words, before, codes, memory=LITTLE)
        for more in ([*QUICK], ["--epochs", "1"]):
            seconds = 180 if codes == (0,) else 60
            words = ["audit", path, *more, "--out", "out"]
            yield Case("5", f"{name}, audit", words, before, codes, memory=LITTLE + 512 * MIB, seconds=seconds)
        words = ["train", path, "--method", "ce", "--epochs", "1", "--out", "out"]
        yield Case("5", f"{name}, train", words, before, codes, memory=LITTLE + 512 * MIB, seconds=180)
    for method in nw.METHODS:
        calls = {
            f'nw.train({name}, "{method}", "mlp:8", 2)': lambda method=method, make=make: _finite(method, make())
            for name, make in TABLES.items()
        }
        yield Case("6", f"numbers of the method {method}", calls, seconds=600)
    scores = {f'nw.audit(data, detectors="{one}")': lambda one=one: _scores(one) for one in DETECTORS}
    yield Case("6", "numbers of the detectors", scores, seconds=900)
    for name, make in TABLES.items():
        audits = {
            f"nw.audit({name}, model={model!r})": lambda make=make, model=model: _judged(make(), model)
            for model in ("linear", "forest", "boosting", "blend", "mlp:8", None)
        }
        yield Case("6", f"numbers of audits of {name}", audits, seconds=600)


def _photographs() -> None:
    pixels = np.add.outer(np.arange(3000), np.arange(4000)) % 256
    for folder in ("cat", "dog"):
        Path("p", folder).mkdir(parents=True)
        for number in range(10):
            channels = np.stack([pixels, np.roll(pixels, number * 9, 0), pixels[::-1]], axis=-1)
            Image.fromarray(channels.astype(np.uint8)).save(f"p/{folder}/{number}.jpg", quality=70)


def _first_huge() -> None:
    photos()
    Image.new("L", (9000, 9000)).save("p/cat/00.png")


def _npz_bomb() -> None:
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1500000, 1000), }"
    head += b" " * (118 - len(head) - 1) + b"\n"
    with zipfile.ZipFile("v.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("X.npy", "w", force_zip64=True) as member:
            member.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head)
            for _ in range(1500):
                member.write(bytes(4_000_000))
        with archive.open("y.npy", "w") as member:
            np.save(member, np.arange(1_500_000) % 3)


def _idx_bomb() -> None:
    os.mkdir("f")
    rows, side = 16_000_000, 16
    with gzip.open("f/i-images-idx3-ubyte.gz", "wb", compresslevel=1) as file:
        file.write(struct.pack(">BBBB3I", 0, 0, 8, 3, rows, side, side))
        for _ in range(1000):
            file.write(bytes(rows * side * side // 1000))
    with gzip.open("f/i-labels-idx1-ubyte.gz", "wb", compresslevel=1) as file:
        file.write(struct.pack(">BBBBI", 0, 0, 8, 1, rows) + bytes(rows))


def _numbers(labels: list[int]) -> None:
    draw = np.random.default_rng(0)
    write(
        "t.csv",
        "a,b,label\n"
        + "".join(
            f"{a:.3f},{b:.3f},{label}\n"
            for (a, b), label in zip(draw.normal(size=(len(labels), 2)), labels, strict=True)
        ),
    )


def _wide() -> None:
    labels = np.arange(20_000) % 4
    rows = np.random.default_rng(0).normal(size=(20_000, 100)).round(2) + labels[:, None]
    head = ",".join([*(f"c{number}" for number in range(100)), "label"])
    np.savetxt(
        "t.csv", np.column_stack([rows, labels]), delimiter=",", header=head, comments="", fmt=[*["%.2f"] * 100, "%d"]
    )


def _dataset(inputs: np.ndarray, labels: np.ndarray) -> nw.Dataset:
    return nw.Dataset(inputs.astype(np.float32), labels, classes=("a", "b", "c"))


def _rare() -> nw.Dataset:
    labels = np.zeros(60, int)
    labels[:2], labels[2] = 1, 2
    return _dataset(data().inputs, labels)


TABLES: dict[str, Callable[[], nw.Dataset]] = {
    "data": data,
    "constant inputs": lambda: _dataset(np.ones((60, 4)), np.arange(60) % 3),
    "large inputs": lambda: _dataset(data().inputs * 1e15, np.arange(60) % 3),
    "rare classes": _rare,
    "a class without rows": lambda: _dataset(data().inputs, np.arange(60) % 2),
    "equal rows with all labels": lambda: _dataset(np.repeat(np.eye(4), 15, axis=0), np.arange(60) % 3),
    "5 rows": lambda: _dataset(np.eye(5)[:, :4], np.arange(5) % 3),
}


def _finite(method: str, known: nw.Dataset) -> None:
    run = nw.train(known, method, "mlp:8", 2, report=False)
    suspicion = run.samples["suspicion"].to_numpy()
    if not (np.isfinite(suspicion).all() and suspicion.min() >= 0 and suspicion.max() <= 1):
        raise AssertionError(f"suspicions of {method} from {suspicion.min()} to {suspicion.max()}")


def _scores(detector: str) -> None:
    found = nw.audit(data(), model="mlp:8", epochs=2, detectors=detector)
    for column in found.issues.select_dtypes("float"):
        if not np.isfinite(found.issues[column]).all():
            raise AssertionError(f"{column} is not finite")


def _judged(known: nw.Dataset, model: str | None) -> None:
    found = nw.audit(known, model=model, **({"epochs": 2} if model and ":" in model else {}))
    low, high = found.interval
    if not 0 <= low <= found.noise_rate <= high <= 1:
        raise AssertionError(f"a noise rate of {found.noise_rate} in {found.interval}")
