"""Images of all kinds in folders: what is used, what is left out, and what is said about it."""

import os
import warnings

import numpy as np
import pytest
from PIL import Image

from noisewise.data import load
from noisewise.data.embeddings import embed
from noisewise.data.readers.folders import read_folder
from noisewise.data.reading import Reading
from noisewise.errors import BadInput


@pytest.fixture
def broken(tmp_path, write_images):
    """Twelve images of which three are broken, in different ways."""
    write_images(tmp_path, {"cat": 6, "dog": 6}, size=(90, 80), mode="RGB")
    (tmp_path / "cat" / "001.png").write_bytes(b"\x89PNG\r\n\x1a\nnope")
    (tmp_path / "dog" / "004.png").write_bytes(b"")
    whole = tmp_path / "dog" / "005.png"
    whole.write_bytes(whole.read_bytes()[:-3000])
    return tmp_path


@pytest.mark.parametrize("resident", [0, 1 << 20])
def test_every_broken_file_is_named(broken, resident):
    with pytest.raises(BadInput, match=r"cannot read 3 of 12 images \(--skip-broken .*001.png: .*004.png: .*005.png: "):
        read_folder(broken, resident=resident).inputs[:]


def test_every_broken_file_is_named_where_it_is_embedded(broken, monkeypatch):
    monkeypatch.setattr("noisewise.data.images.opening._SAMPLE", 1)
    data = load(broken)
    with pytest.raises(BadInput, match=r"cannot read 3 of 12 images"):
        embed(data, cache=False)


def test_broken_files_are_left_out_if_asked(broken):
    data = read_folder(broken, Reading(skip_broken=True))
    assert data.index.tolist() == [0, 2, 3, 4, 5, 6, 7, 8, 9]
    assert data.given.tolist() == [0] * 5 + [1] * 4
    assert data.described["file"].tolist()[:2] == ["cat/000.png", "cat/002.png"]
    assert [one["file"] for one in data.provenance[0]["skipped"]] == ["cat/001.png", "dog/004.png", "dog/005.png"]
    assert data.skipped == 3
    [note] = data.notes
    assert note.startswith("left out because they cannot be read: 3 images: cat/001.png (")
    whole = broken / "cat" / "000.png"
    with Image.open(whole) as image:
        expected = np.asarray(image.resize((72, 64), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(data.inputs[0], expected)


def test_nothing_but_broken_files(tmp_path, write_images):
    write_images(tmp_path, {"a": 1, "b": 1})
    for file in tmp_path.rglob("*.png"):
        file.write_bytes(b"nope")
    with pytest.raises(BadInput, match="no image that can be read"):
        read_folder(tmp_path, Reading(skip_broken=True))


def test_all_16_bit_images_get_one_scale(tmp_path, write_images):
    """One scale per image would remove how bright it is, and 12 bits in 16 would be nearly black."""
    write_images(tmp_path, {"a": 1, "b": 1})
    for name, level in (("a", 1000), ("b", 4000)):
        Image.fromarray(np.full((4, 5), level, dtype=np.uint16)).save(tmp_path / name / "000.png")
    data = load(tmp_path)
    assert data.inputs[:, 0, 0, 0].tolist() == [62, 249]
    assert data.notes == ("images have more than 8 bits per channel: values of 0 to 4095 become 0 to 255",)
    Image.fromarray(np.full((4, 5), 70000, dtype=np.int32)).save(tmp_path / "a" / "001.tif")
    with pytest.raises(BadInput, match="at most 16 bits"):
        load(tmp_path)


def test_fractions_get_the_range_from_0_to_1(tmp_path, write_images):
    write_images(tmp_path, {"a": 0, "b": 0})
    for name, level in (("a", 0.2), ("b", 1.0)):
        Image.fromarray(np.full((4, 5), level, dtype=np.float32)).save(tmp_path / name / "000.tif")
    assert load(tmp_path).inputs[:, 0, 0, 0].tolist() == [51, 255]


def test_what_is_special_about_images_is_said(tmp_path, write_images):
    write_images(tmp_path, {"a": 1, "b": 1})
    frames = [Image.new("L", (5, 4), level) for level in (10, 200)]
    frames[0].save(tmp_path / "a" / "moves.gif", save_all=True, append_images=frames[1:])
    Image.new("RGBA", (5, 4), (0, 0, 0, 0)).save(tmp_path / "b" / "sign.png")
    data = load(tmp_path)
    assert data.notes == (
        "of images with several frames the first is used",
        "what is transparent in images becomes white",
    )
    assert data.inputs[1].max() == 10
    assert data.inputs[3].min() == 255


def test_one_large_picture_does_not_make_all_large(tmp_path, write_images):
    write_images(tmp_path, {"b": 15}, size=(8, 8))
    (tmp_path / "a").mkdir()
    Image.new("L", (900, 900)).save(tmp_path / "a" / "first.png")
    assert load(tmp_path).shape == (8, 8, 1)


def test_a_name_that_is_not_utf_8(tmp_path, write_images):
    write_images(tmp_path, {"cat": 2, "dog": 2}, size=(90, 80))
    os.rename(tmp_path / "cat", os.path.join(os.fsencode(tmp_path), b"ch\xe2t"))
    data = load(tmp_path)
    assert data.classes == (r"ch\xe2t", "dog")
    assert data.described["file"][0] == r"ch\xe2t/000.png"
    assert data.inputs[:].shape == (4, 64, 72, 1)


def test_entries_that_are_no_files_do_not_stop_anything(tmp_path, write_images):
    write_images(tmp_path, {"a": 2, "b": 2})
    os.mkfifo(tmp_path / "a" / "pipe.png")
    (tmp_path / "a" / "around").symlink_to(tmp_path)
    (tmp_path / "itself").symlink_to(tmp_path / "itself")
    (tmp_path / "b" / "notes.txt").write_text("not an image")
    (tmp_path / "b" / "raw.heic").write_text("not an image")
    (tmp_path / "none").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = load(tmp_path)
    assert len(data) == 4
    assert data.notes == (
        "left out are files that are no images: 1 .heic, 1 .png, 1 .txt, 1 without a suffix (pipe.png, notes.txt, "
        "raw.heic and 1 more)",
        "folders without images are no classes: none",
    )


def test_a_link_to_nothing_is_a_broken_image(tmp_path, write_images):
    write_images(tmp_path, {"a": 2, "b": 2})
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(BadInput, match=r"gone.png: No such file or directory \(--skip-broken leaves it out\)"):
        load(tmp_path)
    assert len(read_folder(tmp_path, Reading(skip_broken=True))) == 4
