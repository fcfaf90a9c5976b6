"""Saved images are found again: their files where they were, or beside the saved file; their bytes in it."""

import os
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from noisewise import audit
from noisewise.data import load, save
from noisewise.data.images.files import own_size
from noisewise.errors import BadInput


@pytest.fixture
def project(tmp_path, write_images):
    """Photographs and a saved copy in folders side by side."""
    write_images(tmp_path / "project" / "photos", {"cat": 3, "dog": 3}, size=(90, 80))
    data = load(tmp_path / "project" / "photos")
    save(data, tmp_path / "project" / "out" / "cleaned.parquet")
    data.inputs[:]  # which are kept in memory
    return tmp_path / "project", data


def test_paths_are_below_the_folder(project):
    root, data = project
    assert pd.read_parquet(root / "out" / "cleaned.parquet")["file"].tolist() == data.described["file"].tolist()


def test_pictures_that_a_saved_file_takes_from_elsewhere_are_told(project):
    root, _ = project
    (note,) = load(root / "out" / "cleaned.parquet").notes
    assert note.startswith("6 pictures that cleaned.parquet names lie elsewhere, the first in ")
    assert note.endswith(os.path.join("project", "photos", "cat"))
    again = save(load(root / "out" / "cleaned.parquet"), root / "beside.parquet")
    assert load(again).notes == ()


@pytest.mark.parametrize("leaving", ["../secret/1.png", "/secret/1.png"])
def test_a_crafted_file_cannot_name_pictures_beyond_the_folder_it_states(project, leaving):
    root, _ = project
    path = root / "out" / "cleaned.parquet"
    table = pq.read_table(path)
    files = table["file"].to_pylist()
    at = table.column_names.index("file")
    crafted = table.set_column(at, table.field("file"), pa.array([leaving, *files[1:]], table.field("file").type))
    pq.write_table(crafted, path)
    with pytest.raises(BadInput, match=f"{leaving}' is not below its pictures' folder"):
        load(path)


def test_everything_moved(project):
    root, data = project
    moved = root.rename(root.parent / "elsewhere")
    found = load(moved / "out" / "cleaned.parquet")
    np.testing.assert_array_equal(found.inputs[:], data.inputs[:])
    assert found.described["file"].tolist() == data.described["file"].tolist()


def test_the_saved_file_moved_alone(project):
    root, data = project
    (root.parent / "deep" / "er").mkdir(parents=True)
    moved = shutil.move(root / "out" / "cleaned.parquet", root.parent / "deep" / "er" / "c.parquet")
    np.testing.assert_array_equal(load(moved).inputs[:], data.inputs[:])


def test_the_photographs_moved_alone(project):
    root, _ = project
    (root / "photos").rename(root / "pictures")
    with pytest.raises(BadInput, match=r"neither in .*/project/photos, where they were, nor in .*: move them back"):
        load(root / "out" / "cleaned.parquet")


def test_a_copy_of_an_audit_is_found_after_everything_moved(tmp_path, write_images):
    write_images(tmp_path / "project" / "photos", {"cat": 8, "dog": 8}, size=(90, 80))
    data = load(tmp_path / "project" / "photos")
    data.inputs[:]  # which are kept in memory
    probs = np.eye(2)[data.given] * 0.8 + 0.1
    audit(data, probs=probs, out=tmp_path / "project" / "audit", conditions=False)
    (tmp_path / "project").rename(tmp_path / "elsewhere")
    found = load(tmp_path / "elsewhere" / "audit" / "cleaned.parquet")
    np.testing.assert_array_equal(found.inputs[:], data.inputs[:])


def test_other_columns_stay(tmp_path, write_images):
    names = list(write_images(tmp_path, {"a": 2, "b": 2}, size=(90, 80)))
    pd.DataFrame({"picture": names, "age": [1, 2, 3, 4], "label": list("xxyy")}).to_csv(tmp_path / "t.csv", index=False)
    data = load(tmp_path / "t.csv")
    found = load(save(data, tmp_path / "saved.parquet"))
    assert found.described["age"].tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(found.inputs[:], data.inputs[:])


def test_bytes_are_saved_with_the_table(tmp_path, write_images):
    written = write_images(tmp_path / "photos", {"a": 2, "b": 2}, size=(90, 80))
    contents = [(tmp_path / "photos" / name).read_bytes() for name in written]
    table = pd.DataFrame({"scan": contents, "age": [1, 2, 3, 4], "label": list("xxyy")})
    table.to_parquet(tmp_path / "t.parquet")
    data = load(tmp_path / "t.parquet")
    found = load(save(data.take([2, 0, 1]), tmp_path / "saved.parquet"))
    np.testing.assert_array_equal(found.inputs[:], data.inputs[np.array([2, 0, 1])])
    assert found.described.columns.tolist() == ["age"]
    assert own_size(found.inputs) == (80, 90)
    assert load(save(found, tmp_path / "again.parquet"), size=8).shape == (8, 8, 1)


def test_deep_images_keep_their_scale(tmp_path):
    for name, level in (("a", 1000), ("b", 4000)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.fromarray(np.full((80, 90), level, dtype=np.uint16)).save(tmp_path / "photos" / name / "0.png")
    data = load(tmp_path / "photos")
    found = load(save(data, tmp_path / "saved.parquet"))
    assert found.inputs[:][:, 0, 0, 0].tolist() == data.inputs[:][:, 0, 0, 0].tolist() == [62, 249]


def test_names_that_are_not_utf_8_are_found_again(tmp_path, write_images):
    write_images(tmp_path / "photos", {"cat": 2, "dog": 2}, size=(90, 80))
    os.rename(tmp_path / "photos" / "cat", os.path.join(os.fsencode(tmp_path / "photos"), b"ch\xe2t"))
    data = load(tmp_path / "photos")
    found = load(save(data, tmp_path / "saved.parquet"))
    np.testing.assert_array_equal(found.inputs[:], data.inputs[:])
    assert found.classes == (r"ch\xe2t", "dog")
