"""Tables with pictures: bytes, structs of bytes and path, and paths of files."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from noisewise.data import load
from noisewise.data.images.files import image_files
from noisewise.data.readers.tables import from_frame
from noisewise.errors import BadInput

N = 12
LEVELS = np.arange(N) * 20


def content(level, size=(6, 5), kind="PNG"):
    buffer = io.BytesIO()
    Image.new("L", size, int(level)).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "photos").mkdir()
    for at, level in enumerate(LEVELS):
        (tmp_path / "photos" / f"{at:02}.png").write_bytes(content(level))
    return tmp_path


def frame(**columns):
    return pd.DataFrame({**columns, "age": np.arange(N) / 7, "label": np.where(np.arange(N) % 3 == 0, "ash", "birch")})


def written(table, path):
    table.to_csv(path, index=False) if path.suffix == ".csv" else table.to_parquet(path)
    return path


NAMES = [f"photos/{at:02}.png" for at in range(N)]
CASES = {
    "bytes": (lambda: {"image": [content(level) for level in LEVELS]}, ".parquet"),
    "jpeg bytes": (lambda: {"scan": [content(level, kind="JPEG") for level in LEVELS]}, ".parquet"),
    "structs": (lambda: {"image": [{"bytes": content(v), "path": f"{v}.png"} for v in LEVELS]}, ".parquet"),
    "structs of paths": (lambda: {"image": [{"bytes": None, "path": name} for name in NAMES]}, ".parquet"),
    "paths in parquet": (lambda: {"picture": NAMES}, ".parquet"),
    "paths": (lambda: {"file_name": NAMES}, ".csv"),
    "paths of windows": (lambda: {"path": [name.replace("/", "\\") for name in NAMES]}, ".csv"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_pictures_are_the_input(photos, case):
    make, suffix = CASES[case]
    columns = make()
    [column] = columns
    data = load(written(frame(**columns), photos / f"table{suffix}"))
    assert data.kind == "image"
    assert data.shape == (5, 6, 1)
    np.testing.assert_allclose(data.inputs[:, 2, 2, 0], LEVELS, atol=1)
    assert data.classes == ("ash", "birch")
    assert data.given.tolist() == [0 if at % 3 == 0 else 1 for at in range(N)]
    became = {one.name: (one.kind, one.used, one.why) for one in data.columns}
    assert became[column] == ("image", True, "")
    assert became["age"] == ("number", False, f"only the images of {column} are used")
    assert not any(isinstance(value, (bytes, dict)) for value in data.described.iloc[0])
    assert ("file" in data.described) == ("bytes" not in case)


def test_files_are_named_in_described(photos):
    assert load(written(frame(x=NAMES), photos / "table.csv")).described["file"].tolist() == NAMES


def test_paths_in_the_working_folder_and_whole_paths(photos, monkeypatch):
    (photos / "lists").mkdir()
    path = written(frame(file=NAMES), photos / "lists" / "table.csv")
    with pytest.raises(BadInput, match=r"names images that are not there, such as .*lists/photos/00.png"):
        load(written(frame(file=NAMES).drop(columns="age"), photos / "lists" / "alone.csv"))
    monkeypatch.chdir(photos)
    np.testing.assert_array_equal(load(path).inputs[:, 0, 0, 0], LEVELS)
    whole = written(frame(file=[str(photos / name) for name in NAMES]), photos / "lists" / "whole.csv")
    np.testing.assert_array_equal(load(whole).inputs[:, 0, 0, 0], LEVELS)


def test_names_of_files_that_are_nowhere_leave_the_other_columns(photos):
    data = load(written(frame(file=[f"gone/{name}" for name in NAMES]), photos / "table.csv"))
    assert data.kind == "table"
    assert [one.name for one in data.columns if one.used] == ["age"]


def test_other_columns_can_be_chosen(photos):
    path = written(frame(file=NAMES), photos / "table.csv")
    assert load(path, columns="age").kind == load(path, ignore="file").kind == "table"
    assert load(path, columns="file").kind == "image"
    with pytest.raises(BadInput, match="size=8 is for images in files"):
        load(path, columns="age", size=8)


def test_two_columns_of_pictures_are_a_question(photos):
    path = written(frame(left=NAMES, right=NAMES[::-1]), photos / "table.csv")
    with pytest.raises(
        BadInput, match=r"columns left and right of .* hold images: choose one \(--columns or --ignore\)"
    ):
        load(path)
    np.testing.assert_array_equal(load(path, columns="right").inputs[:, 0, 0, 0], LEVELS[::-1])


@pytest.mark.parametrize("kind", ["bytes", "structs", "paths"])
def test_broken_and_missing_pictures(photos, kind):
    columns = CASES[kind][0]()
    [column] = columns
    values = columns[column] = list(columns[column])
    if kind == "paths":
        (photos / NAMES[3]).write_bytes(b"nope")
        values[7] = None
        values[8] = "photos/gone.png"
    else:
        values[3] = values[3][:30] if kind == "bytes" else {**values[3], "bytes": values[3]["bytes"][:30]}
        values[7] = None
        values[8] = b"" if kind == "bytes" else {"bytes": None, "path": None}
    path = written(frame(**columns), photos / f"table{CASES[kind][1]}")
    with pytest.raises(BadInput, match=r"cannot read 3 of 12 images \(--skip-broken leaves them out\)"):
        load(path)
    data = load(path, skip_broken=True)
    kept = [at for at in range(N) if at not in (3, 7, 8)]
    assert data.index.tolist() == kept
    assert data.skipped == 3
    assert data.given.tolist() == [0 if at % 3 == 0 else 1 for at in kept]
    np.testing.assert_array_equal(data.inputs[:, 0, 0, 0], LEVELS[kept])
    np.testing.assert_allclose(data.described["age"], np.array(kept) / 7)


def test_pictures_of_mixed_sizes_stay_known(photos):
    table = frame(image=[content(level, (70 + at, 90)) for at, level in enumerate(LEVELS)])
    data = load(written(table, photos / "table.parquet"), size=16)
    assert data.shape == (16, 16, 1)
    assert image_files(data.inputs) is None
    np.testing.assert_array_equal(data.inputs[:, 3, 3, 0], LEVELS)
    assert load(photos / "table.parquet").shape == (64, 64, 1)


def test_unlabelled_rows_ids_and_truth(photos):
    table = frame(file=NAMES).assign(
        label=lambda f: f["label"].mask(f.index == 5), truth="ash", code=[f"p{i}" for i in range(N)]
    )
    (photos / NAMES[2]).write_bytes(b"nope")
    data = load(written(table, photos / "table.csv"), na="", id="code", skip_broken=True)
    assert data.index.tolist() == [0, 1, 3, 4, 6, 7, 8, 9, 10, 11]
    assert data.unlabelled.index.tolist() == [5]
    assert data.unlabelled.inputs[0, 0, 0, 0] == 100
    assert data.ids.tolist() == [f"p{i}" for i in data.index]
    assert (data.truth == 0).all()


def test_a_frame_in_memory():
    data = from_frame(frame(image=[content(level) for level in LEVELS]), "a frame", "a frame")
    np.testing.assert_array_equal(data.inputs[:, 0, 0, 0], LEVELS)


def test_bytes_that_are_no_pictures_are_none(photos):
    data = load(written(frame(hash=[bytes([at] * 16) for at in range(N)]), photos / "table.parquet"))
    assert data.kind == "table"
