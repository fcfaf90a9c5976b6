import io

import numpy as np
import pytest
from PIL import Image

from noisewise.data import load
from noisewise.errors import BadInput

X, Y = np.arange(12.0).reshape(4, 3), np.array([0, 1, 1, 0])


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data.npz"


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("X", "y"),
        ("images", "labels"),
        ("data", "target"),
    ],
)
def test_usual_layouts(path, names):
    data = load(write(path, **dict(zip(names, (X, Y, X[:2], Y[:2]), strict=False))))
    assert data.kind == "vector"
    np.testing.assert_array_equal(data.inputs, X.astype(np.float32))
    assert data.given.tolist() == Y.tolist()
    assert (data.test is not None) == (len(names) == 4)


def test_truth_and_class_names(path):
    data = load(write(path, X=X, y=Y, truth=[0, 1, 1, 1], classes=["no", "yes"]))
    assert data.classes == ("no", "yes")
    assert data.noise_rate == 0.25


def test_another_key_of_labels(path):
    write(path, X=X, y=Y, noisy=1 - Y)
    assert load(path, labels="noisy").given.tolist() == (1 - Y).tolist()
    with pytest.raises(BadInput, match=r"no array 'noisey' .did you mean 'noisy'"):
        load(path, labels="noisey")


@pytest.mark.parametrize(
    "shape, expected", [((4, 5, 6), (5, 6, 1)), ((4, 5, 6, 3), (5, 6, 3)), ((4, 3, 5, 6), (5, 6, 3))]
)
def test_shapes_of_images(path, shape, expected):
    pixels = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    data = load(write(path, images=pixels, labels=Y))
    assert data.shape == expected
    assert data.kind == "image"
    if shape == (4, 3, 5, 6):
        np.testing.assert_array_equal(data.inputs[2, :, :, 1], pixels[2, 1])


def test_images_as_fractions_are_rounded_to_bytes(path):
    data = load(write(path, images=np.full((4, 2, 2), 0.5), labels=Y))
    assert data.inputs.dtype == np.uint8
    assert (data.inputs == 128).all()


@pytest.mark.parametrize(
    "arrays, said",
    [
        ({"X": X, "y": Y[:3]}, "4 inputs but 3 labels"),
        ({"X": X, "y": [0.0, 1.0, 0.5, 1.0]}, "whole"),
        ({"X": X, "y": [1, 1, 1, 1]}, "only the class '1'"),
        ({"X": X, "z": Y}, "arrays X, z, but no known pair"),
        ({"X": X * np.nan, "y": Y}, "12 number.s. that are not finite"),
        ({"X": X[:0], "y": Y[:0]}, "at least one row"),
        ({"X": Y, "y": Y}, r"shape \(4,\)"),
        ({"X": np.array([["a"]] * 4), "y": Y}, "must be numbers"),
        ({"images": np.full((4, 2, 2), 300), "labels": Y}, "from 300 to 300"),
        ({"images": np.full((4, 2, 2), 1.5), "labels": Y}, "from 1.5 to 1.5"),
        ({"images": np.zeros((4, 7, 7, 7)), "labels": Y}, "channels"),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y}, "test rows of shape"),
        ({"X": X, "y": [0, 1, 5, 0], "classes": ["a", "b"]}, "label 5"),
    ],
)
def test_refused(path, arrays, said):
    with pytest.raises(BadInput, match=said):
        load(write(path, **arrays))


def test_python_objects_are_not_unpickled(path):
    with pytest.raises(BadInput, match="Python objects, which are not read"):
        load(write(path, X=X, y=np.array([{}, {}, 1, 2], dtype=object)))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut short"])
def test_damaged(path, content):
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"cannot read|Python objects"):
        load(path)


def test_single_array(path):
    with path.open("wb") as file:
        np.save(file, X)
    with pytest.raises(BadInput, match="single array"):
        load(path)


def test_packed_jpeg(path, pack, jpeg):
    pixels = np.random.default_rng(0).integers(256, size=(4, 16, 16, 3), dtype=np.uint8)
    packed = pack(pixels)
    header, scans, offsets = packed["header"], packed["bytes"], packed["offsets"]
    splits = {f"{s}_{k}": v for s in ("train", "test") for k, v in (("bytes", scans), ("offsets", offsets))}
    data = load(write(path, header=header, **splits, y_train=Y, y_test=Y))
    expected = np.stack([np.asarray(Image.open(io.BytesIO(jpeg(image)))) for image in pixels])
    np.testing.assert_array_equal(data.inputs, expected)
    np.testing.assert_array_equal(data.test.inputs, expected)
    assert data.provenance[0]["format"] == "JPEG"
    splits["test_offsets"] = offsets[:3]
    with pytest.raises(BadInput, match="2 test inputs but 4 test labels"):
        load(write(path, header=header, **splits, y_train=Y, y_test=Y))
    with pytest.raises(BadInput, match=r"train image 0 .* is damaged"):
        load(write(path, header=header[:20], **splits, y_train=Y, y_test=Y))
