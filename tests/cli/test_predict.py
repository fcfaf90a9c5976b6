import json

import numpy as np
import pandas as pd

import noisewise as nw

N = 60
RNG = np.random.default_rng(5)
TRUE = np.arange(N) % 2
TABLE = pd.DataFrame({"height": TRUE + RNG.normal(0, 0.1, N), "who": [f"P{i}" for i in range(N)]})


def test_a_table(run, tmp_path):
    TABLE.assign(label=np.array(["=ash", "birch"])[TRUE]).to_csv(tmp_path / "t.csv", index=False)
    done = run(
        *("train", tmp_path / "t.csv", "--method", "ce", "--model", "mlp:4", "--epochs", 20, "--set", "lr=0.1"),
        *("--id", "who", "--out", tmp_path / "run"),
    )
    assert done.code == 0, done.err
    TABLE[::-1].to_csv(tmp_path / "new.csv", index=False)
    out, probs = tmp_path / "p.csv", tmp_path / "p.npy"
    done = run("predict", tmp_path / "run", tmp_path / "new.csv", "--id", "who", "--out", out, "--probs", probs)
    assert done.code == 0, done.err
    found = pd.read_csv(out)
    assert list(found.columns) == ["index", "who", "predicted", "confidence"]
    assert found["who"].tolist() == [f"P{i}" for i in range(N)][::-1]
    assert found["predicted"][0] == "birch"
    assert not found["predicted"].str.startswith("=").any()  # no formula
    assert np.load(probs).shape == (N, 2)
    assert "60 of new.csv" in done.out
    assert "Least sure" in done.out
    assert "as labelled" not in done.out
    done = run("predict", tmp_path / "run", tmp_path / "t.csv", "--json", "--out", tmp_path / "p.parquet")
    said = json.loads(done.out)
    assert (said["rows"], sum(said["predicted"].values())) == (N, N)
    assert said["agreement"] > 0.8
    assert "=ash" in set(pd.read_parquet(tmp_path / "p.parquet")["predicted"])


def test_probabilities_that_an_audit_reads(run, tmp_path):
    nw.train("digits", "ce", "mlp:16", 2, rows=300, out=tmp_path / "run")
    done = run("predict", tmp_path / "run", "digits", "--probs", tmp_path / "p.parquet", "--out", tmp_path / "p.csv")
    assert done.code == 0, done.err
    assert "not predicted: test 359" in done.out
    done = run("audit", "digits", "--probs", tmp_path / "p.parquet", "--out", tmp_path / "a")
    assert done.code == 0, done.err


def test_what_is_refused(run, tmp_path):
    TABLE.assign(label=TRUE).to_csv(tmp_path / "t.csv", index=False)
    nw.train(tmp_path / "t.csv", "ce", "mlp:4", 1, out=tmp_path / "run")
    TABLE[["who"]].to_csv(tmp_path / "new.csv", index=False)
    for arguments, said in (
        ((tmp_path / "no", tmp_path / "t.csv", "--out", tmp_path / "p.csv"), "is not the folder of a run"),
        (
            (tmp_path / "run", tmp_path / "t.csv", "--out", tmp_path / "p.txt"),
            "the suffix must be one of .csv, .parquet",
        ),
        ((tmp_path / "run", tmp_path / "new.csv", "--out", tmp_path / "p.csv"), "no column 'height'"),
        ((tmp_path / "run", "digits", "--out", tmp_path / "p.csv"), "but the run was trained on table rows"),
        ((tmp_path / "run", tmp_path / "t.csv", "--id", "x", "--out", tmp_path / "p.csv"), "has no column 'x'"),
    ):
        done = run("predict", *arguments)
        assert done.code == 2
        assert said in done.err
    assert not (tmp_path / "p.csv").exists()


def test_options_of_the_training_hold(run, tmp_path):
    table = TABLE.assign(height=TABLE["height"].astype(str), label=np.array(["ash", "birch"])[TRUE])
    table.loc[::7, "height"] = "k.A."
    table.to_csv(tmp_path / "t.csv", index=False)
    table.drop(columns="label").to_csv(tmp_path / "new.csv", index=False)
    done = run(
        *("train", tmp_path / "t.csv", "--method", "ce", "--model", "mlp:4", "--epochs", 1),
        *("--na", "k.A.", "--id", "who", "--out", tmp_path / "run"),
    )
    assert done.code == 0, done.err
    for options, said in (((), False), (("--na", "?"), True)):
        done = run("predict", tmp_path / "run", tmp_path / "new.csv", *options, "--out", tmp_path / "p.csv")
        assert done.code == 0, done.err
        assert ("that are no number" in done.out) == said
        assert pd.read_csv(tmp_path / "p.csv")["who"].tolist() == table["who"].tolist()
