"""Arrays that are broken, or made to harm: one sentence, before anything large is allocated."""

import gzip
import json
import struct
import zipfile

import numpy as np
import pytest

from noisewise import memory
from noisewise.data import load
from noisewise.data.readers.matrices import read_matrix, read_numbers
from noisewise.data.save import save
from noisewise.errors import BadInput

X, Y = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32), np.arange(6) % 2
HEADERS = {
    "more than there is": "{'descr': '<f4', 'fortran_order': False, 'shape': (60, 999999999999), }",
    "product beyond 64 bits": "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
    "length beyond 64 bits": f"{{'descr': '<f4', 'fortran_order': False, 'shape': (6, {10**400}), }}",
    "negative length": "{'descr': '<f4', 'fortran_order': False, 'shape': (-6, 4), }",
    "length that is true": "{'descr': '<f4', 'fortran_order': False, 'shape': (True, 4), }",
    "no shape": "{'descr': '<f4', 'fortran_order': False, }",
    "objects": "{'descr': '|O', 'fortran_order': False, 'shape': (6, 4), }",
    "records": "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }",
    "entries of no bytes": "{'descr': '|V0', 'fortran_order': False, 'shape': (999999999999,), }",
    "unknown type": "{'descr': 'zz', 'fortran_order': False, 'shape': (6, 4), }",
    "cut": "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 4",
    "nested": "(" * 3000,
    "code": "__import__('os').abort()",
}


def npy(header, body=None):
    body = X.tobytes() if body is None else body
    text = header.encode() + b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


def archive(path, **members):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


@pytest.fixture
def little(monkeypatch):
    """A machine with 1 MiB left, on which everything is asked for."""
    monkeypatch.setattr(memory, "SMALL", 0)
    monkeypatch.setattr(memory, "free", lambda: 1 << 20)


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_headers_that_lie(tmp_path, header):
    (tmp_path / "x.npy").write_bytes(npy(header))
    for read in (load, lambda path: read_matrix(path, "--probs"), lambda path: read_numbers(path, "the matrix")):
        with pytest.raises(BadInput, match=r"x\.npy"):
            read(tmp_path / "x.npy")
    good = npy(f"{{'descr': '<i8', 'fortran_order': False, 'shape': {Y.shape}, }}", Y.tobytes())
    with pytest.raises(BadInput, match=r"X\.npy in .*data\.npz"):
        load(archive(tmp_path / "data.npz", X=npy(header), y=good))


@pytest.mark.parametrize("length", [0, 3, 6, 9, 40, 127, 130])
def test_arrays_that_are_cut(tmp_path, length):
    np.save(tmp_path / "y.npy", Y)
    (tmp_path / "y.npy").write_bytes((tmp_path / "y.npy").read_bytes()[:length])
    with pytest.raises(BadInput, match=r"cannot read .*y\.npy"):
        load(tmp_path / "y.npy")


def changed(path, places, value):
    """The archive with some bytes of all headers of its members, local and central, set to a value."""
    raw = bytearray(path.read_bytes())
    for mark, place in zip((b"PK\x03\x04", b"PK\x01\x02"), places, strict=True):
        start = raw.find(mark)
        while start >= 0:
            raw[start + place] = value
            start = raw.find(mark, start + 4)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    "places, value",
    [((6, 8), 1), ((6, 8), 64), ((6, 8), 32), ((8, 10), 9), ((8, 10), 99), ((4, 6), 99)],
    ids=["encrypted", "strongly encrypted", "patched", "Deflate64", "unknown method", "later version"],
)
def test_members_packed_in_odd_ways(tmp_path, places, value):
    np.savez(tmp_path / "data.npz", X=X, y=Y)
    with pytest.raises(BadInput, match="cannot read"):
        load(changed(tmp_path / "data.npz", places, value))


def test_only_the_arrays_that_are_used_are_read(tmp_path):
    np.savez(tmp_path / "data.npz", X=X, y=Y)
    with zipfile.ZipFile(tmp_path / "data.npz", "a") as file:
        file.writestr("notes.npy", npy(HEADERS["more than there is"]))
        file.writestr("read me.txt", "hello")
    assert len(load(tmp_path / "data.npz")) == 6


def test_what_does_not_fit_into_memory(tmp_path, little):
    np.savez_compressed(tmp_path / "bomb.npz", X=np.zeros((6, 1_000_000), np.float32), y=Y)
    with pytest.raises(BadInput, match=r"X\.npy in .*bomb\.npz needs 22\.9 MiB of memory, but 1 MiB are free"):
        load(tmp_path / "bomb.npz")
    with gzip.open(tmp_path / "t-images-idx3-ubyte.gz", "wb") as file:
        file.write(struct.pack(">BBBB3I", 0, 0, 8, 3, 2, 1000, 1000) + bytes(2_000_000))
    (tmp_path / "t-labels-idx1-ubyte").write_bytes(struct.pack(">BBBB1I", 0, 0, 8, 1, 2) + b"\0\1")
    with pytest.raises(BadInput, match=r"needs 3\.81 MiB of memory"):
        load(tmp_path / "t-images-idx3-ubyte.gz")
    np.save(tmp_path / "labels.npy", np.r_[Y, 5000])
    with pytest.raises(BadInput, match=r"5,001 classes needs .* of memory"):
        load(tmp_path / "labels.npy")


@pytest.mark.parametrize(
    "axes, sizes", [(3, (2**32 - 1,) * 3), (0, ()), (70, (1,) * 70), (3, (2**31, 2**31, 4))], ids=str
)
def test_idx_headers_that_lie(tmp_path, axes, sizes):
    (tmp_path / "t-images-idx3-ubyte").write_bytes(struct.pack(f">BBBB{axes}I", 0, 0, 8, axes, *sizes) + b"\0")
    (tmp_path / "t-labels-idx1-ubyte").write_bytes(struct.pack(">BBBB1I", 0, 0, 8, 1, 2) + b"\0\1")
    with pytest.raises(BadInput, match=r"axes|memory|should have"):
        load(tmp_path / "t-images-idx3-ubyte")


TABLE = "a,b,label\n" + "\n".join(f"{X[i % 6, 0] + i % 2},{X[i % 6, 1] - i % 7},{'xy'[i % 2]}" for i in range(20))
BROKEN = {"null": None, "number": 3, "text": "x", "list": [], "list of null": [None], "dict of null": {"": None}}


@pytest.fixture(params=[".npz", ".parquet"])
def ours(request, tmp_path):
    """A file that `save` wrote, its head, and a writer of the same file with another head."""
    import pyarrow.parquet as parquet

    (tmp_path / "t.csv").write_text(TABLE)
    path = save(load(tmp_path / "t.csv"), tmp_path / f"ours{request.param}")
    if request.param == ".npz":
        with np.load(path) as archive:
            arrays = dict(archive)
        return json.loads(str(arrays["noisewise"])), lambda text: np.savez(path, **{**arrays, "noisewise": text}), path
    table = parquet.read_table(path)
    metadata = table.schema.metadata

    def write(text):
        parquet.write_table(table.replace_schema_metadata({**metadata, b"noisewise": text.encode()}), path)

    return json.loads(metadata[b"noisewise"]), write, path


def test_saved_files_with_a_damaged_head(ours):
    head, write, path = ours
    texts = ["", "{", "[]", "3", "null", "[" * 100_000, '{"kind":' * 100_000]
    texts += [json.dumps({name: value for name, value in head.items() if name != gone}) for gone in head]
    texts += [json.dumps({**head, "kind": kind}) for kind in ("audio", "image", "text")]
    texts += [json.dumps({**head, name: value}) for name in head for value in BROKEN.values()]
    accepted = []
    for text in texts:
        write(text)
        try:
            accepted.append(len(load(path)))
        except BadInput:
            continue
    assert set(accepted) == {20}
    assert len(accepted) < len(texts) / 3


@pytest.mark.parametrize(
    "name, values",
    [
        ("index", np.arange(20) - 1),
        ("index", np.zeros(20, int)),
        ("index", np.arange(20) / 2),
        ("index", np.arange(20) + 2**62),
        ("index", np.arange(20).astype(str)),
        ("index", np.arange(3)),
        ("index", np.arange(0)),
        ("index", np.array(3)),
        ("inputs", np.full((20, 2), 1e300)),
        ("inputs", np.full((20, 2), np.nan)),
        ("inputs", np.zeros((20, 2), complex)),
        ("inputs", np.zeros((20, 2, 2))),
        ("given", np.full(20, 7)),
        ("given", np.zeros(20)),
        ("classes", np.array(["x", "x"])),
        ("classes", np.array(["\ud800", "\ud801"])),
        ("described", np.frombuffer(b"PAR1 no table PAR1", np.uint8)),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.dtype),
)
def test_saved_arrays_that_cannot_be(tmp_path, name, values):
    (tmp_path / "t.csv").write_text(TABLE)
    path = save(load(tmp_path / "t.csv"), tmp_path / "ours.npz")
    with np.load(path) as archive:
        np.savez(path, **{**dict(archive), name: values})
    with pytest.raises(BadInput):
        load(path)
