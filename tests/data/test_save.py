from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from noisewise.data import load, save, split
from noisewise.data.dataset import SPLITS
from noisewise.data.save import check_suffix, suffix_for
from noisewise.errors import BadInput
from noisewise.noise import corrupt

RECORD = {"step": "corrupt", "rate": 0.25, "transition": [[0.5, 0.5], [None, 1.0]]}


def assert_same(found, data):
    np.testing.assert_allclose(found.inputs, data.inputs, atol=1e-6)
    for name in ("given", "index", "truth"):
        np.testing.assert_array_equal(getattr(found, name), getattr(data, name))
    for name in ("classes", "kind", "name", "provenance"):
        assert getattr(found, name) == getattr(data, name)
    assert (found.described is None) == (data.described is None)
    if data.described is not None:
        pd.testing.assert_frame_equal(found.described, data.described, check_dtype=False)
    assert (found.ids is None) == (data.ids is None)
    if data.ids is not None:
        pd.testing.assert_series_equal(found.ids, data.ids, check_dtype=False)
    for name in SPLITS:
        ours, theirs = getattr(data, name), getattr(found, name)
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert_same(theirs, ours)


def noisy(data):
    return data.with_labels((data.given + (np.arange(len(data)) % 4 == 0)) % len(data.classes), RECORD)


def test_npz_round_trip(tmp_path, make):
    data = split(noisy(replace(make(), test=make(8, seed=1), name="ours")), validation=0.2, trusted=6)
    path = save(data, tmp_path / "data.npz")
    assert_same(load(path), data)
    assert [p.name for p in tmp_path.iterdir()] == ["data.npz"]


def test_npz_keeps_file_names(tmp_path, images):
    data = images(described=pd.DataFrame({"file": [f"{i}.png" for i in range(40)]}))
    assert_same(load(save(data, tmp_path / "data.npz")), data)


def test_npz_without_truth(tmp_path, vectors):
    assert load(save(vectors(), tmp_path / "data.npz")).truth is None


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.standard_normal(60),
            "colour": rng.choice(["red", "blue"], 60),
            "species": np.array(["owl", "hen", "emu"])[np.arange(60) % 3],
        }
    )
    frame.to_csv(tmp_path / "birds.csv", index=False)
    return load(tmp_path / "birds.csv", labels="species")


def test_parquet_round_trip(tmp_path, table):
    data = noisy(table)
    assert_same(load(save(data, tmp_path / "noisy.parquet")), data)


def test_parquet_round_trip_with_all_splits(tmp_path, table):
    data = split(noisy(table), validation=0.2, trusted=9)
    assert_same(load(save(data, tmp_path / "noisy.parquet")), data)


def test_parquet_is_a_table_that_others_can_read(tmp_path, table):
    data = noisy(table)
    frame = pd.read_parquet(save(data, tmp_path / "noisy.parquet"))
    assert frame["species"].tolist() == [data.classes[k] for k in data.given]
    assert frame["truth"].tolist() == [data.classes[k] for k in data.truth]
    assert frame["size"].tolist() == table.described["size"].tolist()


def test_parquet_keeps_a_class_without_rows(tmp_path, table):
    data = table.take(table.given != 1)
    assert load(save(data, tmp_path / "some.parquet")).classes == table.classes


def test_csv_round_trip_without_provenance(tmp_path, table):
    data = noisy(table)
    found = load(save(data, tmp_path / "noisy.csv"), labels="species")
    np.testing.assert_array_equal(found.given, data.given)
    np.testing.assert_array_equal(found.truth, data.truth)
    np.testing.assert_allclose(found.inputs, data.inputs, atol=1e-6)


def test_a_table_as_npz(tmp_path, table):
    assert_same(load(save(table, tmp_path / "table.npz")), table)


def test_suffixes(table, images, vectors):
    assert suffix_for(table) == ".parquet"
    assert suffix_for(images()) == suffix_for(vectors()) == ".npz"


@pytest.mark.parametrize(
    "suffix, said", [(".txt", "must be one of"), ("", "must be one of"), (".parquet", "must be .npz")]
)
def test_suffixes_that_do_not_fit(tmp_path, images, suffix, said):
    with pytest.raises(BadInput, match=said):
        save(images(), tmp_path / f"data{suffix}")
    assert not list(tmp_path.iterdir())


def test_csv_cannot_store_splits(table):
    with pytest.raises(BadInput, match=r"further splits, use \.parquet"):
        check_suffix(split(table, validation=0.2), "a.csv")


def test_a_folder_that_cannot_be_written(tmp_path, images):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadInput, match="cannot write"):
        save(images(), tmp_path / "file" / "data.npz")


def test_a_damaged_file_of_ours(tmp_path, images):
    path = save(images(), tmp_path / "data.npz")
    with np.load(path) as archive:
        arrays = {key: archive[key] for key in archive.files if key != "given"}
    np.savez(path, **arrays)
    with pytest.raises(BadInput, match="damaged noisewise file: given is missing"):
        load(path)


IDS = pd.Series([f"P{i}" for i in range(40)], name="patient")


def without_labels(data, n=5):
    rest = data.take(np.arange(n)).alone()
    return replace(data.take(np.arange(n, len(data))), unlabelled=replace(rest, given=np.full(n, -1), truth=None))


def test_npz_keeps_ids_and_rows_without_labels(tmp_path, make):
    data = without_labels(replace(make(), ids=IDS, weights=np.arange(40) + 1.0))
    found = load(save(data, tmp_path / "data.npz"))
    assert_same(found, data)
    assert found.ids.name == "patient"
    assert found.weights.tolist() == list(range(6, 41))
    assert found.unlabelled.ids.tolist() == ["P0", "P1", "P2", "P3", "P4"]


def test_parquet_keeps_ids_and_rows_without_labels(tmp_path, table):
    data = replace(noisy(table), ids=pd.Series(np.arange(60) + 7, name="order"))
    data = without_labels(replace(split(data, trusted=9), weights=np.arange(51) + 1.0))
    found = load(save(data, tmp_path / "data.parquet"))
    assert_same(found, data)
    assert (found.ids.name, found.ids.tolist()) == ("order", data.ids.tolist())
    assert found.weights.tolist() == list(range(6, 52))


def test_csv_keeps_ids_and_rows_without_labels(tmp_path, table):
    data = without_labels(replace(noisy(table), ids=pd.Series([f"r{i}" for i in range(60)], name="row")), 4)
    written = pd.read_csv(save(data, tmp_path / "data.csv"))
    assert written["row"].tolist() == [f"r{i}" for i in range(60)]
    assert written["species"].isna().tolist() == [True] * 4 + [False] * 56


def test_columns_that_are_called_like_those_that_are_added(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.standard_normal((40, 3)), columns=["_index", "_split", "_id"])
    frame.assign(truth=["a", "b"] * 20).to_csv(tmp_path / "es.csv", index=False)
    data = corrupt(load(tmp_path / "es.csv", labels="truth"), "symmetric:0.5")
    data = replace(data, ids=IDS)
    found = load(save(data, tmp_path / "es.parquet"))
    assert_same(found, data)
    assert found.noise_rate > 0.2
    assert found.ids.tolist() == IDS.tolist()
    assert load(save(data, tmp_path / "es2.csv"), labels="label").noise_rate == found.noise_rate
