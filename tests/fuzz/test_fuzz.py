"""Damaged files, texts and checkpoints by the thousand: each is read, or refused in one sentence.

Minutes of one processor. `NOISEWISE_FUZZ=0.1 pytest -m slow tests/fuzz` tries a tenth.
"""

import contextlib
import gzip
import json
import random
import struct

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from tests.fuzz.mutation import SHARE, WORDS, damaged

from noisewise import memory
from noisewise.auditing.review.exchange.decisions import checked, read_decisions
from noisewise.data import load
from noisewise.data.dataset import Dataset
from noisewise.data.readers.matrices import read_matrix
from noisewise.data.save import save
from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.training import resume

pytestmark = pytest.mark.slow
ROWS = 40
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(ROWS, 4)).astype(np.float32), np.arange(ROWS) % 3
FRAME = pd.DataFrame(X, columns=list("abcd")).assign(note="dry and wet", label=np.array(["ash", "birch", "fir"])[Y])


@pytest.fixture(autouse=True)
def _little_memory(monkeypatch):
    """Nothing may take more than 256 MiB."""
    monkeypatch.setattr(memory, "SMALL", 1 << 20)
    monkeypatch.setattr(memory, "free", lambda: 1 << 28)


def try_all(read, contents, path, silent):
    """Read every content. Returns how many were read."""
    accepted = 0
    for number, content in enumerate(contents):
        path.write_bytes(content)
        try:
            read(path)
            accepted += 1
        except BadInput:
            continue
        except Exception as error:
            kept = path.with_name(f"case-{number}{path.suffix}")
            kept.write_bytes(content)
            raise AssertionError(f"{kept}: {type(error).__name__}: {error}") from error
    printed = silent.readouterr()
    assert printed.out + printed.err == ""
    return accepted


def made(kind, folder):
    """A good file of a kind."""
    path = folder / kind
    if kind in ("plain.npz", "packed.npz"):
        (np.savez if kind == "plain.npz" else np.savez_compressed)(path, X=X, y=Y, classes=["ash", "birch", "fir"])
    elif kind == "labels.npy":
        np.save(path, Y)
    elif kind == "ours.npz" or kind == "ours.parquet":
        FRAME.to_csv(folder / "t.csv", index=False)
        if kind == "ours.npz":
            save(Dataset(X, Y, ("ash", "birch", "fir"), described=FRAME[["a"]]), path)
        else:
            save(load(folder / "t.csv"), path)
    elif kind.startswith("i-images"):
        content = struct.pack(">BBBB3I", 0, 0, 8, 3, ROWS, 4, 4) + RNG.integers(0, 256, 16 * ROWS, np.uint8).tobytes()
        path.write_bytes(gzip.compress(content) if kind.endswith(".gz") else content)
        labels = struct.pack(">BBBB1I", 0, 0, 8, 1, ROWS) + Y.astype(np.uint8).tobytes()
        (folder / "i-labels-idx1-ubyte").write_bytes(labels)
    elif kind == "t.parquet":
        FRAME.to_parquet(path)
    elif kind == "t.jsonl":
        FRAME.to_json(path, orient="records", lines=True)
    elif kind == "t.json":
        FRAME.to_json(path, orient="records")
    elif kind == "t.txt":
        path.write_text("".join(f"__label__{name} dry and wet {i}\n" for i, name in enumerate(FRAME["label"])))
    else:
        FRAME.to_csv(path, index=False, sep=";" if kind == "semicolons.csv" else ",")
    return path


ARRAYS = {"plain.npz": 4000, "packed.npz": 2000, "labels.npy": 4000, "ours.npz": 2000}
ARRAYS |= {"i-images-idx3-ubyte": 4000, "i-images-idx3-ubyte.gz": 2000}
TABLES = {"t.csv": 2000, "semicolons.csv": 1000, "t.csv.gz": 1000, "t.jsonl": 2000, "t.json": 1000, "t.txt": 1000}
TABLES |= {"t.parquet": 2000, "ours.parquet": 1000}


@pytest.mark.parametrize("kind, cases", [*ARRAYS.items(), *TABLES.items()])
def test_files(tmp_path, capfd, kind, cases):
    path = made(kind, tmp_path)
    assert len(load(path)) == ROWS
    words = () if kind in ARRAYS or kind.endswith(".parquet") else WORDS
    try_all(load, damaged(path.read_bytes(), cases, words=words), path, capfd)


@pytest.mark.parametrize("suffix", [".npy", ".parquet"])
def test_probabilities(tmp_path, capfd, suffix):
    path = tmp_path / f"p{suffix}"
    if suffix == ".npy":
        np.save(path, np.abs(X))
    else:
        pd.DataFrame(np.abs(X)).rename(columns=str).to_parquet(path)
    try_all(lambda path: read_matrix(path, "--probs"), damaged(path.read_bytes(), 3000), path, capfd)


@pytest.mark.filterwarnings("ignore::Warning:PIL")  # which the command line does not print
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif", ".bmp", ".tif", ".webp", ".ppm"])
def test_images(tmp_path, capfd, suffix):
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        pixels = np.outer(np.arange(12), np.arange(16))[..., None].repeat(3, axis=2).astype(np.uint8)
        for number in range(2):
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}{suffix}")
    path = tmp_path / "photos" / "cat" / f"0{suffix}"
    try_all(lambda path: load(tmp_path / "photos").inputs[:], damaged(path.read_bytes(), 1000), path, capfd)


ISSUES = pd.DataFrame({"index": range(4), "given": list("abab"), "suggested": list("bbaa"), "suspicion": 0.5})
DECISIONS = {
    "csv": "index,decision,label\n0,keep,\n1,accept,\n2,relabel,b\n3,keep,a\n",
    "semicolons": "Index;Decision;Label\r\n0,0;keep;\r\n1,0;accept;b\r\n",
    "fiftyone": json.dumps({"classes": ["a", "b"], "labels": {"0_0": 0, "1_1": 1}}),
    "samples": json.dumps(
        {"samples": [{"filepath": "data/0_0.png", "tags": ["keep"], "ground_truth": {"label": "a"}}]}
    ),
    "label studio": json.dumps(
        [{"data": {"index": 0}, "annotations": [{"result": [{"type": "choices", "value": {"choices": ["a"]}}]}]}]
    ),
}


@pytest.mark.parametrize("kind", DECISIONS)
def test_decisions(tmp_path, capfd, kind):
    contents = damaged(DECISIONS[kind].encode(), 6000, words=WORDS)
    try_all(lambda path: checked(read_decisions(path, ISSUES), ISSUES), contents, tmp_path / "decisions", capfd)


def test_checkpoints(tmp_path, capfd):
    state = {"identity": "x", "history": [{"loss": 0.5}], "nets": {"w": torch.arange(600.0), "b": torch.zeros(3)}}
    resume.write(tmp_path, state)
    path = tmp_path / resume.FILE

    def read(path):
        assert resume.fingerprint(resume.read(path.parent)) == resume.fingerprint(state)

    try_all(read, damaged(path.read_bytes(), 10_000), path, capfd)


def test_specs():
    pieces = (
        "gce",
        "elr",
        "mixup",
        "ce",
        "q",
        "lam",
        ":",
        "=",
        ",",
        "+",
        "0.7",
        "-1",
        "nan",
        "none",
        "é",
        "(",
        " ",
        "",
    )
    pieces = (
        *pieces,
        "1e999",
        "9" * 40,
        "a:b",
        "os:getcwd",
        "\0",
        "'",
        "true",
        "coteaching",
        "forward",
        "matrix=x.npy",
    )
    for number in range(round(100_000 * SHARE)):
        draw = random.Random(number)
        text = "".join(draw.choice(pieces) for _ in range(draw.randrange(8)))
        with contextlib.suppress(BadInput):
            build(text)
