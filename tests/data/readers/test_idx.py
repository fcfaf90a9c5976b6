import numpy as np
import pytest

from noisewise.data import load
from noisewise.data.readers.idx import read_idx
from noisewise.errors import BadInput


@pytest.mark.parametrize("kind", ["u1", "i4", "f4"])
@pytest.mark.parametrize("name", ["a-ubyte", "a-ubyte.gz"])
def test_idx_round_trip(tmp_path, write_idx, kind, name):
    array = np.arange(24).reshape(2, 3, 4).astype(kind)
    write_idx(tmp_path / name, array, kind)
    found = read_idx(tmp_path / name)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == np.dtype(kind)
    assert found.flags.writeable


def test_folder_with_a_test_split(tmp_path, write_idx):
    pixels = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4)
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", pixels)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", np.array([0, 1, 2, 0, 1, 2]))
    write_idx(tmp_path / "t10k-images-idx3-ubyte", pixels[:2])
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.array([2, 1]))
    data = load(tmp_path)
    assert data.kind == "image"
    np.testing.assert_array_equal(data.inputs, pixels[..., None])
    assert data.given.tolist() == [0, 1, 2, 0, 1, 2]
    assert data.test.given.tolist() == [2, 1]
    assert load(tmp_path / "train-images-idx3-ubyte.gz").test is None


def test_images_without_labels(tmp_path, write_idx):
    write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros((2, 3, 3)))
    with pytest.raises(BadInput, match=r"has no labels: expected a file train-labels-idx1-ubyte\.gz"):
        load(tmp_path)


def test_more_labels_than_images(tmp_path, write_idx):
    write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros((2, 3, 3)))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.array([0, 1, 1]))
    with pytest.raises(BadInput, match="2 inputs but 3 labels"):
        load(tmp_path)


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "not an idx file"),
        (b"\x89PNG\r\n", "not an idx file"),
        (b"\0\0\x08\x01\0\0\0\x05abc", "should have 5 bytes for shape .* but has 3"),
        (b"\0\0\x08\x03\0\0", "damaged"),
    ],
)
def test_damaged(tmp_path, content, said):
    path = tmp_path / "x-ubyte"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=said):
        read_idx(path)


def test_gzip_cut_short(tmp_path, write_idx):
    path = tmp_path / "x-ubyte.gz"
    write_idx(path, np.zeros((50, 50)))
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(BadInput, match="cannot read"):
        read_idx(path)


def test_several_files_of_training_images(tmp_path, write_idx):
    for name in ("a-images-idx3-ubyte", "b-images-idx3-ubyte"):
        write_idx(tmp_path / name, np.zeros((2, 3, 3)))
    with pytest.raises(BadInput, match="one idx file of training images"):
        load(tmp_path)
