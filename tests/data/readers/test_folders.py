import numpy as np
import pytest
from PIL import Image

from noisewise.data import load, save
from noisewise.data.images.files import ImageFiles, at_size, image_files, own_size, size_note
from noisewise.data.readers.folders import read_folder
from noisewise.errors import BadInput


def test_a_folder_per_class(tmp_path, write_images):
    written = write_images(tmp_path, {"cat": 3, "dog": 2})
    (tmp_path / "empty").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("not an image")
    data = load(tmp_path)
    assert data.classes == ("cat", "dog")
    assert data.given.tolist() == [0, 0, 0, 1, 1]
    assert data.described["file"].tolist() == list(written)
    np.testing.assert_array_equal(data.inputs[..., 0], np.stack(list(written.values())))
    assert data.test is None


def test_train_and_test(tmp_path, write_images):
    write_images(tmp_path / "train", {"a": 2, "b": 2})
    held = write_images(tmp_path / "test", {"b": 2}, seed=1)
    data = load(tmp_path)
    assert len(data) == 4
    assert data.test.given.tolist() == [1, 1]
    np.testing.assert_array_equal(data.test.inputs[..., 0], np.stack(list(held.values())))
    write_images(tmp_path / "test", {"c": 1})
    with pytest.raises(BadInput, match="class 'c', which the training split does not have"):
        load(tmp_path)


def test_a_class_called_train(tmp_path, write_images):
    write_images(tmp_path, {"train": 1, "truck": 1})
    assert load(tmp_path).classes == ("train", "truck")


def test_lazy_and_eager_reading_agree(tmp_path, write_images):
    write_images(tmp_path, {"a": 4, "b": 5})
    eager, lazy = read_folder(tmp_path), read_folder(tmp_path, resident=0)
    assert isinstance(lazy.inputs, ImageFiles)
    assert lazy.inputs.shape == eager.inputs.shape
    for positions in (slice(2, 5), [8, 0, 3], np.arange(9) % 2 == 0, np.array([], dtype=int), 3, np.int64(-1)):
        np.testing.assert_array_equal(lazy.inputs[positions], eager.inputs[positions])


def test_selections_stay_lazy(tmp_path, write_images):
    write_images(tmp_path, {"a": 4, "b": 5})
    eager, lazy = read_folder(tmp_path), read_folder(tmp_path, resident=0)
    twice = lazy.take([8, 1, 4, 0]).take([2, 0])
    for file in tmp_path.rglob("*.png"):
        if file.name not in ("000.png", "004.png"):
            file.unlink()
    np.testing.assert_array_equal(twice.inputs[:], eager.inputs[[4, 8]])
    assert twice.inputs.shape == (2, 4, 5, 1)
    assert len(twice.inputs) == 2
    assert twice.described["file"].tolist() == ["b/000.png", "b/004.png"]


def test_saved_lazy_images_stay_lazy(tmp_path, write_images):
    write_images(tmp_path / "images", {"a": 4, "b": 5})
    lazy = read_folder(tmp_path / "images", resident=0).take([8, 1, 4])
    noisy = lazy.with_labels(np.array([0, 0, 1]), {"step": "test"})
    found = load(save(noisy, tmp_path / "noisy.parquet"))
    np.testing.assert_array_equal(found.inputs[:], lazy.inputs[:])
    assert not isinstance(found.inputs, np.ndarray)
    assert found.truth.tolist() == [1, 0, 1]
    assert found.index.tolist() == [8, 1, 4]
    assert found.provenance == noisy.provenance
    with pytest.raises(BadInput, match="CSV cannot store images"):
        save(noisy, tmp_path / "noisy.csv")


def test_images_of_one_aspect_get_the_median_size(tmp_path, write_images):
    write_images(tmp_path, {"a": 1}, size=(6, 4))
    write_images(tmp_path, {"b": 1}, size=(12, 8))
    data = load(tmp_path)
    assert data.shape == (6, 9, 1)
    assert data.provenance[0]["size"] == [6, 9, 1]
    with Image.open(tmp_path / "b" / "000.png") as image:
        expected = np.asarray(image.resize((9, 6), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(data.inputs[1, :, :, 0], expected)
    assert load(tmp_path, size=(3, 2)).shape == (3, 2, 1)
    assert load(tmp_path, size=5).shape == (5, 5, 1)


def test_photographs_are_cut_to_a_square_of_64_and_their_files_stay_known(tmp_path, write_images):
    write_images(tmp_path, {"a": 2}, size=(120, 90), mode="RGB")
    write_images(tmp_path, {"b": 1}, size=(90, 120), mode="RGB")
    data = load(tmp_path)
    assert data.shape == (64, 64, 3)
    assert own_size(data.inputs) == (90, 120)
    assert data.provenance[0]["own_size"] == [90, 120]
    chosen = data.take([2, 0])
    assert image_files(chosen.inputs) == [str(tmp_path / "b" / "000.png"), str(tmp_path / "a" / "000.png")]
    first = chosen.inputs[:]
    for file in tmp_path.rglob("*.png"):
        file.unlink()
    np.testing.assert_array_equal(chosen.inputs[:], first)  # kept in memory, like small images
    np.testing.assert_array_equal(data.inputs[[2, 0]], first)


def test_images_in_files_at_another_size(tmp_path, write_images):
    write_images(tmp_path / "photos", {"a": 2}, size=(120, 90))
    write_images(tmp_path / "photos", {"b": 1}, size=(90, 120))
    write_images(tmp_path / "small", {"a": 1, "b": 1})
    data = load(tmp_path / "photos")
    chosen = at_size(data.take([2, 0]), 80, stated=False)
    assert chosen.shape == (80, 80, 1)
    np.testing.assert_array_equal(chosen.inputs[:], load(tmp_path / "photos", size=80).inputs[np.array([2, 0])])
    assert at_size(load(tmp_path / "photos", size=70), 80, stated=False).shape == (70, 70, 1)
    assert load(data, size=72).shape == (72, 72, 1)
    assert load(data, size=72).provenance[-1] == {"step": "size", "size": [72, 72, 1]}
    assert load(save(data, tmp_path / "saved.parquet"), size=72).shape == (72, 72, 1)
    assert size_note(data) == "about 120 x 90 pixels; networks get 64 x 64 (--size N)"
    small = load(tmp_path / "small")
    assert at_size(small, 80, stated=False).shape == small.shape
    assert size_note(small) is None


def test_all_splits_get_the_other_size(tmp_path, write_images):
    for split in ("train", "val", "test", "trusted"):
        write_images(tmp_path / split, {"a": 2, "b": 1}, size=(120, 90))
    write_images(tmp_path, {"unlabelled": 2}, size=(120, 90))
    found = at_size(load(tmp_path), 80, stated=False)
    assert {part.shape for part in (found, *found.parts.values())} == {(80, 80, 1)}
    assert set(found.parts) == {"test", "validation", "trusted", "unlabelled"}


def test_saved_photographs_are_found_from_anywhere(tmp_path, write_images, monkeypatch):
    write_images(tmp_path / "photos", {"a": 1, "b": 1}, size=(128, 96))
    monkeypatch.chdir(tmp_path)
    data = load("photos")
    assert data.name == "photos"
    assert data.described["file"].tolist() == ["a/000.png", "b/000.png"]
    save(data, "saved.parquet")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = load("../saved.parquet")
    np.testing.assert_array_equal(found.inputs[:], data.inputs[:])
    assert own_size(found.inputs) == (96, 128)


def test_photographs_of_one_size_keep_their_aspect(tmp_path, write_images):
    write_images(tmp_path, {"a": 1, "b": 1}, size=(128, 96))
    assert load(tmp_path).shape == (64, 85, 1)


def test_sizes_that_are_none(tmp_path, write_images):
    write_images(tmp_path, {"a": 1, "b": 1})
    for size in (0, 2.5, (3, 4, 5), (0, 3)):
        with pytest.raises(BadInput, match="size="):
            load(tmp_path, size=size)
    with pytest.raises(BadInput, match="size=8 is for images in files"):
        load("digits", size=8)


def test_one_coloured_image_makes_all_coloured(tmp_path, write_images):
    grey = write_images(tmp_path, {"a": 2})
    colour = write_images(tmp_path, {"b": 1}, mode="RGB")
    data = load(tmp_path)
    assert data.shape == (4, 5, 3)
    np.testing.assert_array_equal(data.inputs[0], np.repeat(grey["a/000.png"][..., None], 3, axis=2))
    np.testing.assert_array_equal(data.inputs[2], colour["b/000.png"])


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("resident", [0, 1 << 20])
def test_an_image_cut_short_is_named(tmp_path, write_images, suffix, resident):
    write_images(tmp_path, {"a": 2, "b": 2}, size=(40, 40), suffix=suffix)
    broken = tmp_path / "b" / f"001{suffix}"
    broken.write_bytes(broken.read_bytes()[:-200])
    with pytest.raises(BadInput, match=rf"cannot read the image .*001\{suffix}"):
        read_folder(tmp_path, resident=resident).inputs[:]


def test_a_file_that_is_no_image(tmp_path, write_images):
    write_images(tmp_path, {"a": 1, "b": 1})
    (tmp_path / "a" / "000.png").write_bytes(b"")
    with pytest.raises(BadInput, match="cannot read the image"):
        load(tmp_path)


@pytest.mark.parametrize("classes, said", [({}, "no folders with images"), ({"a": 2}, "only the class 'a'")])
def test_too_few_classes(tmp_path, write_images, classes, said):
    write_images(tmp_path, classes)
    with pytest.raises(BadInput, match=said):
        load(tmp_path)


def test_loose_images(tmp_path, write_images):
    write_images(tmp_path, {"a": 2})
    with pytest.raises(BadInput, match="one folder of images per class"):
        load(tmp_path / "a")
