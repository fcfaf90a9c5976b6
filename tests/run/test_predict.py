"""A saved run predicts further rows as it did before, and reads them as it read those of its training."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import noisewise as nw
from noisewise.data.dataset import Dataset
from noisewise.data.reading import Reading
from noisewise.data.save import save, suffix_for
from noisewise.errors import BadInput
from noisewise.methods import METHODS, card

N = 60
RNG = np.random.default_rng(5)
TRUE = np.arange(N) % 3
NAMES = np.array(["ash", "birch", "cedar"])
TABLE = pd.DataFrame(
    {
        "plant": [f"P{i}" for i in range(N)],
        "height": TRUE + RNG.normal(0, 0.1, N),
        "colour": np.where(TRUE == 0, "red", "blue"),
        "note": [f"one of {w} and more, quite {w}" for w in np.array(["dry", "wet", "cold"])[TRUE]],
        "label": NAMES[TRUE],
    }
)
VECTORS = Dataset((np.eye(3)[TRUE] + RNG.normal(0, 0.1, (N, 3))).astype(np.float32), TRUE, tuple(NAMES))
QUICK = ("ce", "auto", "bi-tempered", "dividemix", "adaboost", "smote", "promix", "learned-loss")


def trained(source, folder, method="ce", model="mlp:8", epochs=3, **fields):
    return nw.train(source, method, model, epochs, out=folder, report=False, **fields)


def spec_of(name):
    return "learned-loss:base=bi-tempered" if name == "learned-loss" else name


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in METHODS.own]
)
def test_a_run_predicts_after_loading_as_before(tmp_path, name):
    trusted = replace(VECTORS.take(range(9)), index=N + np.arange(9)) if card(name).needs_trusted else None
    run = trained(replace(VECTORS, trusted=trusted), tmp_path, spec_of(name), epochs=2, device="cpu")
    again = nw.Run.load(tmp_path)
    before, after = run.predict_proba(VECTORS.inputs), again.predict_proba(VECTORS.inputs)
    np.testing.assert_array_equal(after, before)
    assert (again.classes, len(again.samples), len(again.history)) == (run.classes, N, 2)
    assert repr(again) == repr(run)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    TABLE.to_csv(path, index=False) if suffix == "csv" else TABLE.to_parquet(path)
    run = trained(path, tmp_path / "run", labels="label", ignore="plant", epochs=20, lr=0.1)
    load = nw.Run.load(tmp_path / "run")
    whole = load.predictions(path)
    assert (whole["predicted"] == whole["given"]).mean() > 0.9
    probabilities = run.predict_proba(nw.load(path, labels="label", ignore="plant"))
    np.testing.assert_allclose(load.predict_proba(path), probabilities, atol=0.01)
    part = TABLE.drop(columns="label").iloc[[7, 3]][["note", "colour", "plant", "height"]].assign(more=1)
    part.to_csv(tmp_path / "new.csv", index=False)
    found = load.predictions(tmp_path / "new.csv", id="plant")
    assert list(found.columns) == ["index", "plant", "predicted", "confidence"]
    assert found["plant"].tolist() == ["P7", "P3"]
    np.testing.assert_allclose(load.predict_proba(tmp_path / "new.csv"), probabilities[[7, 3]], atol=0.01)
    np.testing.assert_allclose(load.predict_proba(part), probabilities[[7, 3]], atol=0.01)
    with pytest.raises(BadInput, match="no column 'height', which the model learned from"):
        load.predict(part.drop(columns="height"))


def test_texts(tmp_path):
    TABLE[["note", "label"]].to_csv(tmp_path / "t.csv", index=False)
    run = trained(tmp_path / "t.csv", tmp_path / "run", text="note", labels="label")
    load = nw.Run.load(tmp_path / "run")
    expected = run.predict_proba(nw.load(tmp_path / "t.csv", labels="label"))
    np.testing.assert_array_equal(load.predict_proba(TABLE[["note"]]), expected)
    with pytest.raises(BadInput, match="no column 'note' of texts"):
        load.predict(TABLE[["label"]])


def pictures(folder, side=12, count=6):
    for k, name in enumerate(("cat", "dog")):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = RNG.integers(0, 90, (side, side, 3), dtype=np.uint8) + np.uint8(140 * k)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


def test_pictures(tmp_path):
    photos = pictures(tmp_path / "photos")
    run = trained(photos, tmp_path / "run", epochs=10, lr=0.05)
    load = nw.Run.load(tmp_path / "run")
    expected = run.predict_proba(nw.load(photos))
    found = load.predictions(photos)
    assert found["file"].tolist() == [f"{name}/{i}.png" for name in ("cat", "dog") for i in range(6)]
    np.testing.assert_array_equal(load.predict_proba(photos), expected)
    assert (found["given"] == found["predicted"]).all()
    flat = tmp_path / "flat" / "deep"
    flat.mkdir(parents=True)
    for name in ("cat", "dog"):
        Image.open(photos / name / "1.png").resize((40, 30)).save(flat / f"{name}.jpg")
    other = load.predictions(tmp_path / "flat")
    assert other["file"].tolist() == ["deep/cat.jpg", "deep/dog.jpg"]
    assert other["predicted"].tolist() == ["cat", "dog"]
    assert "given" not in other
    assert load.predictions(photos / "dog" / "2.png")["predicted"].tolist() == ["dog"]


def test_broken_pictures_and_tables_of_pictures(tmp_path):
    photos = pictures(tmp_path / "photos")
    trained(photos, tmp_path / "run", epochs=1)
    run = nw.Run.load(tmp_path / "run")
    expected = run.predict_proba(photos)
    names = [f"{name}/{i}.png" for name in ("cat", "dog") for i in range(6)]
    contents = [(photos / name).read_bytes() for name in names]
    (photos / names[3]).write_bytes(b"nope")
    with pytest.raises(BadInput, match=r"cannot read the image .*cat/3\.png"):
        run.predict_proba(photos)
    found = run.predictions(photos, skip_broken=True)
    assert found["file"].tolist() == names[:3] + names[4:]
    assert found["index"].tolist() == [0, 1, 2, *range(4, 12)]
    pd.DataFrame({"scan": contents, "label": [name[:3] for name in names]}).to_parquet(tmp_path / "table.parquet")
    assert nw.load(tmp_path / "table.parquet").shape == nw.load(photos, skip_broken=True).shape
    np.testing.assert_array_equal(run.predict_proba(tmp_path / "table.parquet"), expected)


def test_pictures_of_16_bits_get_the_scale_of_the_training(tmp_path):
    for name, level in (("dark", 500), ("light", 4000)):
        for folder, top in (("photos", level), ("later", 300)):
            (tmp_path / folder / name).mkdir(parents=True)
            for i in range(4):
                Image.fromarray(np.full((9, 9), top - i, np.uint16)).save(tmp_path / folder / name / f"{i}.png")
    trained(tmp_path / "photos", tmp_path / "run", epochs=20, lr=0.05)
    run = nw.Run.load(tmp_path / "run")
    assert run.inputs.rows(tmp_path / "later", ("dark", "light"), Reading()).inputs[:].max() == round(300 * 255 / 4095)


def test_arrays(tmp_path):
    run = trained(VECTORS, tmp_path / "run")
    load, inputs = nw.Run.load(tmp_path / "run"), VECTORS.inputs
    np.save(tmp_path / "x.npy", inputs)
    np.savez(tmp_path / "x.npz", X=inputs)
    np.savez(tmp_path / "xy.npz", X=inputs, y=NAMES[TRUE])
    np.savez(tmp_path / "xk.npz", X=inputs, kind=NAMES[TRUE])
    expected = run.predict_proba(inputs)
    for source in ("x.npy", "x.npz", "xy.npz"):
        np.testing.assert_array_equal(load.predict_proba(tmp_path / source), expected)
    assert load.predictions(tmp_path / "xy.npz")["given"].tolist() == NAMES[TRUE].tolist()
    trained(tmp_path / "xk.npz", tmp_path / "kinds", labels="kind")
    for source in ("xk.npz", "xy.npz", "x.npz"):
        assert len(nw.Run.load(tmp_path / "kinds").predict(tmp_path / source)) == N
    assert load.predict(np.empty((0, 3), dtype=np.float32)).shape == (0,)
    np.save(tmp_path / "wide.npy", np.zeros((4, 5)))
    with pytest.raises(BadInput, match=r"vector rows of shape \(5,\), but the run was trained on vector rows of .*3"):
        load.predict(tmp_path / "wide.npy")


def test_named_sources(tmp_path):
    trained("digits", tmp_path / "run", rows=200, epochs=1)
    load = nw.Run.load(tmp_path / "run")
    assert len(load.predictions("digits")) == 1438
    assert load.rows("digits").notes == ("rows of other splits that are not predicted: test 359",)


def test_a_model_that_was_an_object(tmp_path):
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))
    run = trained(VECTORS, tmp_path, model=module)
    with pytest.raises(BadInput, match="give it as model="):
        nw.Run.load(tmp_path)
    again = nw.Run.load(tmp_path, model=module)
    np.testing.assert_array_equal(again.predict_proba(VECTORS.inputs), run.predict_proba(VECTORS.inputs))


def test_folders_that_hold_no_run(tmp_path):
    with pytest.raises(BadInput, match="is not the folder of a run"):
        nw.Run.load(tmp_path)
    trained(VECTORS, tmp_path)
    weights = (tmp_path / "model.safetensors").read_bytes()
    for broken in (b"", weights[:100], weights[:-8], b"\xff" * 64):
        (tmp_path / "model.safetensors").write_bytes(broken)
        with pytest.raises(BadInput, match="is damaged"):
            nw.Run.load(tmp_path)
    (tmp_path / "inputs.safetensors").unlink()
    with pytest.raises(BadInput, match=r"has no inputs.safetensors"):
        nw.Run.load(tmp_path)
    for other in ("{}", "[1, 2]", "null"):
        (tmp_path / "run.json").write_text(other)
        with pytest.raises(BadInput, match="was not written by a training"):
            nw.Run.load(tmp_path)


LAB = pd.DataFrame(
    {
        "plant": [f"P{i}" for i in range(N)],
        "height": ["k.A." if i % 9 == 0 else f"{value:.2f}" for i, value in enumerate(TABLE["height"])],
        "colour": TABLE["colour"],
        "kind": TABLE["label"],
    }
)


def test_rows_are_read_as_those_of_the_training(tmp_path):
    LAB.to_csv(tmp_path / "t.csv", index=False)
    LAB.drop(columns="kind").iloc[30:].to_csv(tmp_path / "new.csv", index=False)
    how = {"labels": "kind", "na": "k.A.", "id": "plant", "columns": ["height", "colour"]}
    trained(tmp_path / "t.csv", tmp_path / "named", **how)
    trained(nw.load(tmp_path / "t.csv", **how), tmp_path / "loaded")
    for folder in ("named", "loaded"):
        run = nw.Run.load(tmp_path / folder)
        assert run.rows(tmp_path / "new.csv").notes == ()
        assert run.predictions(tmp_path / "new.csv")["plant"].tolist() == LAB["plant"][30:].tolist()
        assert "given" in run.predictions(tmp_path / "t.csv")
        assert any("3 values that are no number" in note for note in run.rows(tmp_path / "new.csv", na="").notes)
        nameless = run.predictions(LAB[["height", "colour"]])
        assert list(nameless.columns) == ["index", "predicted", "confidence"]
    run = nw.Run.load(tmp_path / "named")
    assert len(run.rows(tmp_path / "t.csv", **how)) == N
    with pytest.raises(BadInput, match=r"columns=.* the run learned from other columns"):
        run.rows(tmp_path / "t.csv", columns="height")


def test_broken_pictures_are_left_out_as_in_the_training(tmp_path):
    photos = pictures(tmp_path / "photos")
    (photos / "cat" / "2.png").write_bytes(b"nope")
    trained(photos, tmp_path / "run", epochs=1, skip_broken=True, size=8)
    run = nw.Run.load(tmp_path / "run")
    assert len(run.rows(photos)) == len(run.rows(photos, size=8)) == 11
    with pytest.raises(BadInput, match=r"cannot read the image .*cat/2\.png"):
        run.predict(photos, skip_broken=False)


@pytest.mark.parametrize("side", [12, 70])
def test_tables_of_pictures_are_read_as_that_of_the_training(tmp_path, side):
    photos = pictures(tmp_path / "photos", side)
    names = [f"photos/{name}/{i}.png" for name in ("cat", "dog") for i in range(6)]
    table = pd.DataFrame({"scan": names, "who": range(12), "site": "a", "kind": [name[7:10] for name in names]})
    table.to_csv(tmp_path / "t.csv", index=False)
    table[["scan", "kind"]].to_csv(tmp_path / "new.csv", index=False)
    how = {"labels": "kind", "id": "who", "ignore": "site", "na": "?"}
    trained(tmp_path / "t.csv", tmp_path / "run", epochs=1, **how)
    data = nw.load(tmp_path / "t.csv", **how)
    saved = tmp_path / f"saved{suffix_for(data)}"
    save(data, saved)
    run = nw.Run.load(tmp_path / "run")
    assert run.predictions(tmp_path / "t.csv")["who"].astype(str).tolist() == [str(i) for i in range(12)]
    np.testing.assert_array_equal(run.predict_proba(tmp_path / "new.csv"), run.predict_proba(tmp_path / "t.csv"))
    np.testing.assert_array_equal(run.predict_proba(saved), run.predict_proba(tmp_path / "t.csv"))
    assert len(run.predictions(photos)) == 12


def test_a_damaged_reading_is_refused(tmp_path):
    trained(VECTORS, tmp_path)
    run = nw.Run.load(tmp_path)
    for damage in ({"experiment": 3}, {"experiment": {"na": 3}}, {"provenance": ["x"]}, {"provenance": 1}):
        with pytest.raises(BadInput):
            replace(run, metrics={**run.metrics, **damage}).rows("digits")
