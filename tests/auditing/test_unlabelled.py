"""Rows without a label are predicted, and change nothing that is said about the others."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import noisewise as nw
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput

N = 150
RNG = np.random.default_rng(6)
TRUE = np.arange(N) % 3
NAMES = np.array(["ash", "birch", "cedar"])
BARE = np.arange(N) % 6 == 5  # rows without a label, of which TRUE is 2
BARE[:9] = True
CENTRES = 4 * np.eye(3)[TRUE]
FRAME = pd.DataFrame(CENTRES + RNG.normal(0, 0.4, (N, 3)), columns=["a", "b", "c"])


def audited(frame, tmp_path, **plan):
    path = tmp_path / "t.csv"
    frame.assign(label=np.where(BARE, "", NAMES[TRUE])).to_csv(path, index=False)
    return nw.audit(path, labels="label", na="", **plan)


def assert_predicted(found):
    table = found.unlabelled
    assert table["index"].tolist() == np.flatnonzero(BARE).tolist()
    assert (table["predicted"] == NAMES[TRUE[BARE]]).mean() > 0.9
    assert table["confidence"].between(1 / 3, 1).all()
    assert len(found.issues) == (~BARE).sum()
    assert found.summary["unlabelled"]["rows"] == BARE.sum()
    assert sum(found.summary["unlabelled"]["predicted"].values()) == BARE.sum()


PLANS = {
    "quick": {"budget": "quick"},
    "forest": {"model": "forest"},
    "linear": {"model": "linear"},
    "blend": {"model": "blend"},
    "networks": {"method": "ce", "epochs": 20, "lr": 0.05},
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_table(tmp_path, plan):
    assert_predicted(audited(FRAME, tmp_path, **plan))


def test_texts(tmp_path):
    words = np.array(["dry and dusty", "wet and muddy", "cold and icy"])
    notes = [f"{words[k]} place number {i}, quite {words[k]}" for i, k in enumerate(TRUE)]
    assert_predicted(audited(pd.DataFrame({"note": notes}), tmp_path, budget="quick"))
    assert_predicted(audited(FRAME.assign(note=notes), tmp_path, budget="quick"))


def images():
    pixels = RNG.integers(0, 60, (N, 8, 8, 1)) + 90 * TRUE[:, None, None, None]
    whole = Dataset(pixels.astype(np.uint8), TRUE, tuple(NAMES), "image")
    return replace(whole.take(~BARE), unlabelled=replace(whole.take(BARE), given=np.full(BARE.sum(), -1)))


@pytest.mark.parametrize("plan", [{"budget": "quick"}, {"epochs": 10, "method": "ce", "model": "mlp:16", "lr": 0.05}])
def test_images(plan):
    assert_predicted(nw.audit(images(), **plan))


def test_given_probabilities_and_features(tmp_path):
    probs = np.where(np.eye(3)[TRUE] > 0, 0.8, 0.1)
    other = np.where(np.eye(3)[TRUE] > 0, 0.7, 0.15)
    assert_predicted(audited(FRAME, tmp_path, probs=probs))
    assert_predicted(audited(FRAME, tmp_path, probs=[probs, other]))
    assert_predicted(audited(FRAME, tmp_path, features=CENTRES + RNG.normal(0, 0.3, (N, 3))))
    found = audited(FRAME, tmp_path, probs=probs[~BARE])
    assert found.unlabelled is None
    assert found.about_unlabelled == "33 rows without a label, not judged; nothing here predicts them"
    assert found.summary["unlabelled"] == {"rows": 33, "predicted": None}


@pytest.mark.parametrize("plan", [{"model": "forest"}, {"method": "ce", "epochs": 2}], ids=["forest", "networks"])
def test_they_change_nothing_that_is_said_about_the_others(plan):
    vectors = Dataset(FRAME.to_numpy(np.float32), TRUE, tuple(NAMES))
    alone = vectors.take(~BARE)
    both = replace(alone, unlabelled=replace(vectors.take(BARE), given=np.full(BARE.sum(), -1)))
    pd.testing.assert_frame_equal(nw.audit(both, **plan).issues, nw.audit(alone, **plan).issues)


def test_files_and_words(tmp_path):
    found = audited(FRAME.assign(plant=[f"P{i}" for i in range(N)]), tmp_path, budget="quick", id="plant")
    found.save(tmp_path / "a")
    table = pd.read_csv(tmp_path / "a" / "unlabelled.csv")
    assert list(table.columns) == ["index", "plant", "predicted", "confidence"]
    assert table["plant"].tolist() == [f"P{i}" for i in np.flatnonzero(BARE)]
    assert json.loads((tmp_path / "a" / "summary.json").read_text())["unlabelled"]["rows"] == 33
    for name in ("summary.md", "report.html"):
        assert "33 rows without a label, predicted and not judged" in (tmp_path / "a" / name).read_text()
    cleaned = nw.load(tmp_path / "a" / "cleaned.parquet")
    assert len(cleaned.unlabelled) == 33
    nw.audit("digits", rows=100, model="linear", out=tmp_path / "a")
    assert not (tmp_path / "a" / "unlabelled.csv").exists()


def test_nothing_can_be_done_without_any_label():
    bare = replace(Dataset(FRAME.to_numpy(np.float32), TRUE, tuple(NAMES)), given=np.full(N, -1))
    with pytest.raises(BadInput, match="no labels to judge"):
        nw.audit(bare)
    with pytest.raises(BadInput, match="no labels to learn from"):
        nw.train(bare, "ce")
