from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import noisewise as nw
from noisewise.auditing.review.folder import original_data
from noisewise.errors import BadInput

N = 60
RNG = np.random.default_rng(4)
TRUE = np.arange(N) % 3
NAMES = np.array(["ash", "birch", "cedar"])
GIVEN = np.where(np.arange(N) % 7 == 0, (TRUE + 1) % 3, TRUE)
FRAME = pd.DataFrame({"height": TRUE + RNG.normal(0, 0.1, N), "width": RNG.normal(0, 1, N), "label": NAMES[GIVEN]})
CHECKED = np.arange(N) % 4 == 1


def written(tmp_path, frame=FRAME, name="t.csv"):
    path = tmp_path / name
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    return path


def assert_set_aside(data, labels=GIVEN):
    assert data.trusted.index.tolist() == np.flatnonzero(CHECKED).tolist()
    assert data.index.tolist() == np.flatnonzero(~CHECKED).tolist()
    assert data.shape == data.trusted.shape == (2,)
    assert [data.classes[k] for k in data.trusted.given] == NAMES[labels[CHECKED]].tolist()
    assert any("15 rows" in note and "trusted" in note for note in data.notes)


@pytest.mark.parametrize("yes, no", [(1, 0), ("yes", "no"), (True, False), ("X", ""), (1, None), ("TRUE", None)])
@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_column_that_marks_rows(tmp_path, yes, no, name):
    marks = pd.Series([yes if one else no for one in CHECKED], dtype=object)
    if name == "t.parquet" and isinstance(yes, bool | int):
        marks = marks.astype(type(yes) if no is not None else float)
    data = nw.load(written(tmp_path, FRAME.assign(seen=marks), name), labels="label", trusted="seen")
    assert_set_aside(data)
    assert next(column for column in data.columns if column.name == "seen").why == "says which rows are trusted"


def test_a_column_of_correct_labels(tmp_path):
    expert = np.where(CHECKED, NAMES[TRUE], "")
    data = nw.load(written(tmp_path, FRAME.assign(expert=expert)), labels="label", trusted="expert")
    assert_set_aside(data, TRUE)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_column_that_could_be_marks_or_labels_is_refused(tmp_path, name):
    frame = FRAME.assign(label=GIVEN % 2, seen=CHECKED.astype(int))
    with pytest.raises(BadInput, match="may mark rows or hold their labels, since 0 and 1 are classes"):
        nw.load(written(tmp_path, frame, name), labels="label", trusted="seen")


def test_a_column_with_something_else(tmp_path):
    with pytest.raises(BadInput, match="'maybe' is neither yes or no"):
        nw.load(written(tmp_path, FRAME.assign(seen=["maybe"] * N)), labels="label", trusted="seen")
    with pytest.raises(BadInput, match="0 rows in no row"):
        nw.load(written(tmp_path, FRAME.assign(seen=["no"] * N)), labels="label", trusted="seen")
    with pytest.raises(BadInput, match="60 rows and leaves 0 rows to train on"):
        nw.load(written(tmp_path, FRAME.assign(seen=["yes"] * N)), labels="label", trusted="seen")


def test_a_file_of_indices(tmp_path):
    path, rows = written(tmp_path), np.flatnonzero(CHECKED)
    pd.DataFrame({"index": rows}).to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "rows.txt").write_text("\n".join(map(str, rows)))
    np.save(tmp_path / "rows.npy", rows)
    (tmp_path / "bare.csv").write_text("\n".join(map(str, rows)))
    pd.DataFrame({"index": rows.astype(float)}).to_parquet(tmp_path / "rows.parquet")
    for name in ("rows.csv", "rows.txt", "rows.npy", "rows.parquet", "bare.csv"):
        assert_set_aside(nw.load(path, labels="label", trusted=str(tmp_path / name)))


def test_a_file_of_indices_with_correct_labels(tmp_path):
    rows = np.flatnonzero(CHECKED)
    pd.DataFrame({"index": rows, "label": NAMES[TRUE[CHECKED]]}).to_csv(tmp_path / "rows.csv", index=False)
    assert_set_aside(nw.load(written(tmp_path), labels="label", trusted=str(tmp_path / "rows.csv")), TRUE)


def test_decisions_of_a_review(tmp_path):
    rows = np.flatnonzero(CHECKED)
    table = pd.DataFrame({"index": rows, "decision": "keep", "label": ""})
    table.loc[0] = [rows[0], "relabel", "cedar"]
    table.loc[len(table)] = [2, "unsure", ""]
    table.to_csv(tmp_path / "d.csv", index=False)
    labels = GIVEN.copy()
    labels[rows[0]] = 2
    assert_set_aside(nw.load(written(tmp_path), labels="label", trusted=str(tmp_path / "d.csv")), labels)
    table.loc[1, "decision"] = "accept"
    table.to_csv(tmp_path / "d.csv", index=False)
    with pytest.raises(BadInput, match="accepts suggestions without naming the label"):
        nw.load(written(tmp_path), labels="label", trusted=str(tmp_path / "d.csv"))


def test_a_file_of_ids(tmp_path, vectors):
    data = replace(vectors(), ids=pd.Series([f"Y{i}" for i in range(40)], name="patient"))
    pd.DataFrame({"patient": ["Y7", "Y3"]}).to_csv(tmp_path / "p.csv", index=False)
    assert nw.load(data, trusted=str(tmp_path / "p.csv")).trusted.index.tolist() == [3, 7]
    (tmp_path / "p.txt").write_text("Y7\nY3\n")
    assert nw.load(data, trusted=str(tmp_path / "p.txt")).trusted.ids.tolist() == ["Y3", "Y7"]


@pytest.mark.parametrize(
    "lines, said",
    [
        ("index\n99\n", "has no row with index '99'"),
        ("index\n-1\n99\n", "has no row with index '-1' and 1 other"),
        ("index\n1\n1\n", "names the row with index '1' twice"),
        ("index,label\n1,oak\n", "'oak', which is not one of its 3 classes"),
        ("name,age\na,1\n", "no column that names rows: index"),
    ],
)
def test_files_that_do_not_fit(tmp_path, lines, said):
    (tmp_path / "rows.csv").write_text(lines)
    with pytest.raises(BadInput, match=said):
        nw.load(written(tmp_path), labels="label", trusted=str(tmp_path / "rows.csv"))


def test_a_table_of_further_rows_is_encoded_with_the_table(tmp_path):
    first, more = FRAME[~CHECKED], FRAME[CHECKED]
    path, other = written(tmp_path, first), written(tmp_path, more, "expert.csv")
    data = nw.load(path, labels="label", trusted=str(other))
    whole = nw.load(written(tmp_path, pd.concat([first, more]), "both.csv"), labels="label")
    np.testing.assert_array_equal(np.concatenate([data.inputs, data.trusted.inputs]), whole.inputs)
    np.testing.assert_array_equal(np.concatenate([data.given, data.trusted.given]), whole.given)
    assert data.trusted.index.tolist() == list(range(45, 60))
    written(tmp_path, more.drop(columns="width"), "expert.csv")
    with pytest.raises(BadInput, match="has no column 'width'"):
        nw.load(path, labels="label", trusted=str(other))


@pytest.mark.parametrize("inputs", [RNG.normal(size=(9, 2)), RNG.integers(0, 255, (9, 6, 6))])
def test_arrays(tmp_path, inputs):
    labels = np.array([7, 8, 9] * 3)
    arrays = {"x_train": inputs, "y_train": labels, "x_trusted": inputs[:3], "y_trusted": labels[:3]}
    np.savez(tmp_path / "a.npz", **arrays, x_val=inputs[3:5], y_val=labels[3:5])
    data = nw.load(tmp_path / "a.npz")
    assert data.trusted.given.tolist() == [0, 1, 2]
    assert data.validation.given.tolist() == [0, 1]
    assert not set(data.index) & {*data.trusted.index, *data.validation.index}
    assert not set(data.validation.index) & set(data.trusted.index)
    np.savez(tmp_path / "a.npz", x_train=inputs, y_train=labels, x_trusted=inputs[:3])
    with pytest.raises(BadInput, match="has x_trusted, but no y_trusted"):
        nw.load(tmp_path / "a.npz")
    np.savez(tmp_path / "t.npz", X=inputs[:3], y=labels[:3])
    np.savez(tmp_path / "a.npz", x_train=inputs, y_train=labels)
    data = nw.load(tmp_path / "a.npz", trusted=str(tmp_path / "t.npz"))
    assert (data.trusted.given.tolist(), data.trusted.index.tolist()) == ([0, 1, 2], [9, 10, 11])


def test_a_folder_of_images(tmp_path):
    for part in ("photos", "checked"):
        for k, name in enumerate(("cat", "dog")):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(4):
                pixels = RNG.integers(0, 100, (8, 8, 3), dtype=np.uint8) + np.uint8(100 * k)
                Image.fromarray(pixels).save(tmp_path / part / name / f"{i}.png")
    data = nw.load(tmp_path / "photos", trusted=str(tmp_path / "checked"))
    assert (len(data), data.trusted.index.tolist()) == (8, list(range(8, 16)))
    (tmp_path / "rows.txt").write_text("cat/1.png\ndog/3.png\n")
    data = nw.load(tmp_path / "photos", trusted=str(tmp_path / "rows.txt"))
    assert data.trusted.described["file"].tolist() == ["cat/1.png", "dog/3.png"]


def test_neither_a_column_nor_a_file(tmp_path, images):
    with pytest.raises(BadInput, match=r"trusted='sen' is neither a column of t.csv.*did you mean 'seen'"):
        nw.load(written(tmp_path, FRAME.assign(seen=CHECKED)), labels="label", trusted="sen")
    with pytest.raises(BadInput, match="no label of data was decided in a review"):
        nw.load(images(), trusted="reviewed")


def test_a_method_that_needs_them(tmp_path):
    path = written(tmp_path, FRAME.assign(seen=CHECKED))
    run = nw.train(path, "glc", epochs=1, labels="label", trusted="seen")
    assert run.metrics["rows"] == 41
    with pytest.raises(BadInput, match="needs trusted rows"):
        nw.train(path, "glc", epochs=1, labels="label")


def test_reviewed_rows_are_trusted(tmp_path):
    found = nw.audit(written(tmp_path), labels="label", out=tmp_path / "a", budget="quick")
    index = found.issues["index"][:8].tolist()
    pd.DataFrame({"index": index, "decision": "keep", "label": ""}).to_csv(tmp_path / "d.csv", index=False)
    data, _ = nw.decide(original_data(tmp_path / "a"), tmp_path / "d.csv", findings_folder=tmp_path / "a")
    assert sorted(nw.load(data, trusted="reviewed").trusted.index) == sorted(index)
    nw.save(data, tmp_path / "r.parquet")
    assert nw.train(tmp_path / "r.parquet", "glc", epochs=1, trusted="reviewed").metrics["rows"] == 47


def test_arrays_that_are_not_used_are_said(tmp_path):
    inputs = RNG.normal(size=(9, 2))
    np.savez(tmp_path / "a.npz", X=inputs, y=np.arange(9) % 3, weights=np.ones(9), ids=np.arange(9))
    assert nw.load(tmp_path / "a.npz").notes == ("arrays that are not used: weights, ids",)


def test_networks_of_an_audit_learn_from_them(tmp_path):
    path = written(tmp_path, FRAME.assign(seen=CHECKED))
    found = nw.audit(path, labels="label", trusted="seen", method="glc", epochs=1)
    assert len(found.issues) == 45
    assert any("15 rows marked in the column 'seen' are trusted" in note for note in found.summary["notes"])
