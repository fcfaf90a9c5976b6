import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from noisewise.data.readers import matrices
from noisewise.data.readers.matrices import read_matrix
from noisewise.errors import BadInput

VALUES = np.random.default_rng(0).normal(size=(1000, 7)).astype(np.float32)


def table(values, path, **kwargs):
    columns = {f"p{k}": values[:, k] for k in range(values.shape[1])}
    parquet.write_table(pa.table(columns), path, **kwargs)
    return path


def test_npy_is_mapped(tmp_path):
    np.save(tmp_path / "p.npy", VALUES)
    found = read_matrix(tmp_path / "p.npy")
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, VALUES)


@pytest.mark.parametrize("group", [64, 10_000])
def test_columns_of_parquet(tmp_path, group):
    found = read_matrix(table(VALUES, tmp_path / "p.parquet", row_group_size=group))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, VALUES)


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float32(), 7), pa.large_list(pa.float64())])
def test_lists_of_parquet(tmp_path, kind):
    parquet.write_table(pa.table({"embedding": pa.array(list(VALUES.astype(float)), kind)}), tmp_path / "p.parquet")
    found = read_matrix(tmp_path / "p.parquet")
    assert found.dtype == (np.float64 if kind.value_type == pa.float64() else np.float32)
    np.testing.assert_array_equal(found, VALUES)


def test_whole_numbers_become_float64(tmp_path):
    found = read_matrix(table(np.arange(6).reshape(3, 2), tmp_path / "p.parquet"))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [[0, 1], [2, 3], [4, 5]])


def test_large_parquet_is_unpacked_to_a_mapped_file(tmp_path, monkeypatch):
    monkeypatch.setattr(matrices, "HELD", 100)
    monkeypatch.setattr(matrices.tempfile, "tempdir", str(tmp_path))
    found = read_matrix(table(VALUES, tmp_path / "p.parquet", row_group_size=99))
    assert isinstance(found, np.memmap)
    assert str(found.filename).startswith(str(tmp_path))
    np.testing.assert_array_equal(found, VALUES)


def test_no_room_to_unpack(tmp_path, monkeypatch):
    monkeypatch.setattr(matrices, "HELD", 100)
    full = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(matrices.shutil, "disk_usage", lambda path: full)
    with pytest.raises(BadInput, match="has no room to unpack 1,000 x 7 numbers"):
        read_matrix(table(VALUES, tmp_path / "p.parquet"))


def test_files_that_hold_no_array(tmp_path):
    (tmp_path / "empty.npy").touch()
    (tmp_path / "text.npy").write_text("not an array")
    np.save(tmp_path / "objects.npy", np.array([{}, None], dtype=object))
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    np.savez(tmp_path / "several.npz", a=np.ones(2))
    (tmp_path / "text.parquet").write_text("no parquet")
    names = ("empty.npy", "text.npy", "objects.npy", "words.npy", "several.npz", "missing.npy", "text.parquet")
    for name in (*names, "missing.parquet"):
        with pytest.raises(BadInput, match=f"cannot read --probs .*{name}"):
            read_matrix(tmp_path / name, "--probs")


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ({"a": ["x"], "b": [1.0]}, "column 'a' holds .*string, but every column must hold numbers"),
        ({"a": [[1.0]], "b": [1.0]}, "column 'a' holds list"),
        ({"a": [1.0, None]}, "column 'a' misses a number"),
        ({"a": [[1.0], [1.0, 2.0]]}, "differ in length"),
        ({"a": [[1.0, None]]}, "miss a number"),
        ({"a": np.empty(0)}, "holds no rows"),
    ],
)
def test_parquet_that_is_no_matrix(tmp_path, frame, words):
    parquet.write_table(pa.table(frame), tmp_path / "p.parquet")
    with pytest.raises(BadInput, match=words):
        read_matrix(tmp_path / "p.parquet", "--probs")
