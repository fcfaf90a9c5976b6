"""Folders that `save_to_disk` wrote, and Parquet files by split, are read without the library `datasets`."""

import io
import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import ipc, parquet

from noisewise.data import load
from noisewise.errors import BadInput

FEATURES = {
    "image": {"_type": "Image"},
    "label": {"names": ["dog", "cat", "cow"], "_type": "ClassLabel"},
    "age": {"dtype": "float64", "_type": "Value"},
}


def content(level, size=(6, 5)):
    buffer = io.BytesIO()
    Image.new("L", size, int(level)).save(buffer, "PNG")
    return buffer.getvalue()


def table(levels, labels, features=FEATURES):
    rows = {
        "image": [{"bytes": content(level), "path": None} for level in levels],
        "label": pa.array(labels, pa.int64()),
        "age": [level / 7 for level in levels],
    }
    head = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    return pa.table(rows).replace_schema_metadata(head)


def saved(folder, *parts, split="train", indices=None):
    """What `save_to_disk` writes: Arrow streams, and two files that say what they are."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [f"data-{at:05}-of-{len(parts):05}.arrow" for at in range(len(parts))]
    for name, part in zip(files, parts, strict=True):
        with ipc.new_stream(str(folder / name), part.schema) as stream:
            stream.write_table(part)
    state = {"_data_files": [{"filename": name} for name in files], "_split": split, "_fingerprint": "0"}
    if indices is not None:
        rows = pa.table({"indices": pa.array(indices, pa.uint64())})
        with ipc.new_stream(str(folder / "indices.arrow"), rows.schema) as stream:
            stream.write_table(rows)
        state["_indices_files"] = [{"filename": "indices.arrow"}]
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))
    return folder


def test_one_split_in_several_files(tmp_path):
    data = load(saved(tmp_path / "pets", table([10, 20], [0, 1]), table([30, 40], [-1, 1])))
    assert data.name == "pets"
    assert data.classes == ("dog", "cat")
    assert data.given.tolist() == [0, 1, 1]
    assert data.index.tolist() == [0, 1, 3]
    assert data.inputs[:, 0, 0, 0].tolist() == [10, 20, 40]
    assert data.unlabelled.inputs[:, 0, 0, 0].tolist() == [30]
    assert "1 rows have no label, and are not learned from" in data.notes


def test_several_splits(tmp_path):
    saved(tmp_path / "train", table([10, 20, 30], [2, 1, 0]))
    saved(tmp_path / "test", table([40], [1]), split="test")
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    data = load(tmp_path)
    assert data.classes == ("dog", "cat", "cow")
    assert data.given.tolist() == [2, 1, 0]
    assert data.test.given.tolist() == [1]
    assert data.test.inputs[:, 0, 0, 0].tolist() == [40]


def test_a_single_split_that_is_no_training_split(tmp_path):
    data = load(saved(tmp_path, table([10, 20], [0, 1]), split="validation"))
    assert data.given.tolist() == [0, 1]
    assert "the split validation is used, the only one" in data.notes


def test_rows_that_were_selected(tmp_path):
    data = load(saved(tmp_path, table([10, 20, 30, 40], [0, 1, 2, 0]), indices=[3, 1]))
    assert data.inputs[:, 0, 0, 0].tolist() == [40, 20]
    assert data.given.tolist() == [0, 1]


def test_broken_images_in_it(tmp_path):
    part = table([10, 20, 30], [0, 1, 0])
    structs = part["image"].to_pylist()
    structs[1]["bytes"] = structs[1]["bytes"][:30]
    part = part.set_column(0, "image", pa.array(structs))
    folder = saved(tmp_path, part, table([40], [1]))
    with pytest.raises(BadInput, match="cannot read the image image of row 1: "):
        load(folder)
    data = load(folder, skip_broken=True)
    assert data.index.tolist() == [0, 2, 3]
    assert data.given.tolist() == [0, 0, 1]


@pytest.mark.parametrize("place", ["", "data"])
def test_parquet_files_by_split_as_on_the_hub(tmp_path, place):
    (tmp_path / place).mkdir(exist_ok=True)
    parquet.write_table(table([10, 20], [0, 1]), tmp_path / place / "train-00000-of-00002.parquet")
    parquet.write_table(table([30], [2]), tmp_path / place / "train-00001-of-00002.parquet")
    parquet.write_table(table([40], [1]), tmp_path / place / "test-00000-of-00001.parquet")
    data = load(tmp_path)
    assert data.classes == ("dog", "cat", "cow")
    assert data.inputs[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert data.given.tolist() == [0, 1, 2]
    assert data.test.given.tolist() == [1]


def test_one_parquet_file_with_features(tmp_path):
    parquet.write_table(table([10, 20, 30], [0, 1, -1]), tmp_path / "pets.parquet")
    data = load(tmp_path / "pets.parquet")
    assert data.classes == ("dog", "cat")
    assert data.given.tolist() == [0, 1]
    assert data.unlabelled.index.tolist() == [2]
    assert load(tmp_path / "pets.parquet", columns="age").kind == "table"


@pytest.mark.parametrize(
    "file, content, said",
    [
        ("state.json", "{", "cannot read .*state.json"),
        ("state.json", "[]", "must hold a JSON object"),
        ("state.json", '{"_data_files": []}', "must name files in '_data_files'"),
        ("state.json", '{"_data_files": [{"filename": "../x"}]}', "must name files in '_data_files'"),
        ("state.json", '{"_data_files": [{"filename": "gone.arrow"}]}', "cannot read .*gone.arrow as Arrow"),
        ("data-00000-of-00001.arrow", "nope", "cannot read .*data-00000-of-00001.arrow as Arrow"),
        ("data-00000-of-00001.arrow", "", "cannot read .*data-00000-of-00001.arrow as Arrow"),
        ("dataset_dict.json", '{"splits": ["../x"]}', "must name splits"),
        ("dataset_dict.json", '{"splits": 3}', "must name splits"),
        ("dataset_dict.json", "[" * 100_000, "cannot read .*dataset_dict.json"),
    ],
)
def test_damaged_folders_are_one_sentence(tmp_path, file, content, said):
    saved(tmp_path, table([10, 20], [0, 1]))
    (tmp_path / file).write_text(content)
    with pytest.raises(BadInput, match=said):
        load(tmp_path)


def test_inputs_are_the_pixels(tmp_path):
    data = load(saved(tmp_path, table([10, 200], [0, 1])))
    np.testing.assert_array_equal(data.inputs, np.array([10, 200]).repeat(30).reshape(2, 5, 6, 1))
