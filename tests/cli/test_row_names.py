"""Every list of rows says which file or which id a row is."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(2)
    for k, name in enumerate(("cat", "dog")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(0, 120, (12, 12, 3), dtype=np.uint8) + np.uint8(120 * (k if i else 1 - k))
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i:02}.png")
    return tmp_path / "photos"


def test_lists_of_an_audit_name_the_files(run, tmp_path, photos):
    done = run("audit", photos, "--model", "forest", "--out", tmp_path / "a")
    assert done.code == 0, done.err
    issues = pd.read_csv(tmp_path / "a" / "issues.csv")
    assert list(issues.columns[:3]) == ["index", "file", "given"]
    assert sorted(issues["file"][:2]) == ["cat/00.png", "dog/00.png"]
    assert (issues["given"] == issues["file"].str[:3]).all()
    assert "cat/00.png" in done.out
    assert "cat/00.png" in (tmp_path / "a" / "summary.md").read_text()
    conditions = pd.read_csv(tmp_path / "a" / "conditions.csv")
    assert list(conditions.columns[:3]) == ["index", "file", "condition"]


def test_samples_of_a_training_name_the_files(run, tmp_path, photos):
    done = run("train", photos, "--model", "mlp:4", "--method", "ce", "--epochs", 1, "--out", tmp_path / "r")
    assert done.code == 0, done.err
    samples = pd.read_parquet(tmp_path / "r" / "samples.parquet")
    assert list(samples.columns[:3]) == ["index", "file", "split"]
    assert samples["file"].tolist() == [f"{name}/{i:02}.png" for name in ("cat", "dog") for i in range(20)]
    assert json.loads((tmp_path / "r" / "run.json").read_text())["rows"] < 40


def test_a_training_says_which_rows_are_trusted(run, tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=40), "b": rng.normal(size=40), "label": ["owl", "hen"] * 20})
    frame.assign(seen=["yes", "", "", ""] * 5 + [""] * 20).to_csv(tmp_path / "t.csv", index=False)
    done = run("train", tmp_path / "t.csv", "--trusted", "seen", "--method", "glc", "--epochs", 1, "--out", tmp_path)
    assert done.code == 0, done.err
    assert "trusted 5" in done.out
    assert "5 rows marked in the column 'seen' are trusted" in done.out
    assert json.loads((tmp_path / "run.json").read_text())["splits"]["trusted"] == 5
