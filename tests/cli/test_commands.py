"""The commands do what they say, on a small data set."""

import json

import numpy as np
import pandas as pd
import pytest

import noisewise

SMALL = ("--rows", "200", "--model", "mlp", "--epochs", "3")


def audit(run, out, *arguments):
    return run("audit", "digits", *SMALL, "--folds", "2", "--out", out, *arguments)


def test_audit_prints_what_it_found_and_writes_it(run, tmp_path):
    ended = audit(run, tmp_path / "a", "--corrupt", "symmetric:0.3")
    assert ended.code == 0
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert f"noise rate         {100 * summary['noise_rate']:.1f} % (90 % interval" in ended.out
    assert f"true noise rate    {100 * summary['true_noise_rate']:.1f} %" in ended.out
    assert "precision" in ended.out
    assert "recall" in ended.out
    assert ended.out.rstrip().endswith(f"report: {tmp_path / 'a' / 'report.html'}")
    assert ended.err.splitlines()[-1] == "audit: 100 %"
    assert {"summary.json", "issues.parquet", "issues.csv", "report.html", "cleaned.npz"} <= {
        path.name for path in (tmp_path / "a").iterdir()
    }


def test_audit_for_machines_and_the_limit(run, tmp_path):
    ended = audit(run, tmp_path, "--corrupt", "symmetric:0.3", "--json", "--fail-above", "0.01")
    assert ended.code == 1
    found = json.loads(ended.out)
    assert found["rows"] == 200
    assert found == {**json.loads((tmp_path / "summary.json").read_text()), "out": str(tmp_path)}
    rate = f"{100 * found['noise_rate']:.1f} %"
    assert ended.err.splitlines()[-1] == f"the noise rate of {rate} is above --fail-above 1.0 %"


def test_audit_of_probabilities_trains_nothing(run, tmp_path):
    data = noisewise.corrupt(noisewise.load("digits"), "symmetric:0.2", seed=0)
    np.save(tmp_path / "p.npy", 0.9 * np.eye(10)[data.truth] + 0.01)
    arguments = ("--corrupt", "symmetric:0.2", "--probs", tmp_path / "p.npy", "--out", tmp_path / "a", "--json")
    ended = run("audit", "digits", *arguments)
    assert ended.code == 0
    assert ended.err == ""
    assert json.loads(ended.out)["auroc"] > 0.99


def test_probabilities_in_parquet_are_those_in_npy(run, tmp_path):
    rng = np.random.default_rng(1)
    labels = rng.integers(3, size=300)
    probs = np.eye(3)[labels] + rng.random((300, 3))
    probs /= probs.sum(axis=1, keepdims=True)
    labels[:30] = (labels[:30] + 1) % 3
    np.save(tmp_path / "y.npy", labels)
    np.save(tmp_path / "p.npy", probs)
    pd.DataFrame(probs, columns=list("abc")).to_parquet(tmp_path / "p.parquet")
    for kind in ("npy", "parquet"):
        ended = run("audit", tmp_path / "y.npy", "--probs", tmp_path / f"p.{kind}", "--out", tmp_path / kind)
        assert ended.code == 0
    one, other = (pd.read_parquet(tmp_path / kind / "issues.parquet") for kind in ("npy", "parquet"))
    pd.testing.assert_frame_equal(one, other)
    assert one["is_issue"].any()


def test_a_bad_audit_leaves_nothing_behind(run, tmp_path):
    ended = audit(run, tmp_path / "a", "--set", "optimizer=sdg")
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "a").exists()


def test_train_tells_every_epoch_and_goes_on(run, tmp_path):
    arguments = ("train", "digits", *SMALL, "--method", "elr:lam=1", "--set", "lr=0.05", "--out", tmp_path)
    ended = run(*arguments, "--corrupt", "symmetric:0.2")
    assert ended.code == 0
    assert [line[:9] for line in ended.err.splitlines()] == ["epoch   1", "epoch   2", "epoch   3"]
    assert "elr:lam=1 with mlp on digits, 200 rows" in ended.out
    assert "test accuracy" in ended.out
    written = json.loads((tmp_path / "run.json").read_text())
    assert (written["config"]["lr"], written["config"]["epochs"]) == (0.05, 3)
    again = run(*arguments, "--corrupt", "symmetric:0.2", "--resume", "--json")
    assert json.loads(again.out)["test_accuracy_last"] == written["test_accuracy_last"]
    assert again.err == ""


def test_a_training_that_diverges_is_one_sentence(run, tmp_path):
    ended = run("train", "digits", *SMALL, "--set", "lr=1e30", "--out", tmp_path)
    assert ended.code == 2
    assert ended.err.splitlines()[-1].startswith("error: ")
    assert not (tmp_path / "run.json").exists()


@pytest.mark.parametrize("suffix", [".npz"])
def test_corrupt_writes_noise_with_its_truth(run, tmp_path, suffix):
    file = tmp_path / f"noisy{suffix}"
    ended = run("corrupt", "digits", "symmetric:0.3,exact=true", "--seed", "1", "--out", file, "--json")
    assert ended.code == 0
    found, data = json.loads(ended.out), noisewise.load(file)
    assert data.noise_rate == pytest.approx(0.3, abs=0.01)
    assert (found["noise_rate"], found["rows"], found["out"]) == (data.noise_rate, len(data), str(file))
    assert np.array_equal(data.given, noisewise.corrupt(noisewise.load("digits"), "symmetric:0.3,exact=true", 1).given)


def test_corrupt_keeps_tables_tables(run, tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=40), "species": ["cat", "dog"] * 20})
    table.to_csv(tmp_path / "t.csv", index=False)
    out = tmp_path / "t.parquet"
    ended = run("corrupt", tmp_path / "t.csv", "pair:0.5,exact=true", "--labels", "species", "--out", out)
    assert ended.code == 0
    assert "wrong labels  50.0 %" in ended.out
    frame = pd.read_parquet(out)
    assert (frame["species"] != frame["truth"]).sum() == 20


def test_a_suffix_that_does_not_fit_is_found_before_the_work(run, tmp_path, monkeypatch):
    monkeypatch.setattr(noisewise, "corrupt", None)
    ended = run("corrupt", "digits", "symmetric:0.3", "--out", tmp_path / "noisy.txt")
    assert ended.code == 2
    assert ".npz, .parquet, .csv" in ended.err


def test_decide_gives_back_what_a_person_chose(run, tmp_path):
    audit(run, tmp_path / "a", "--corrupt", "symmetric:0.3")
    issues = pd.read_parquet(tmp_path / "a" / "issues.parquet")
    first, second = issues["index"][:2]
    other = next(str(k) for k in range(10) if str(k) != issues["given"][0])
    lines = [f"{first},relabel,{other}", f"{second},keep,"]
    (tmp_path / "d.csv").write_text("\n".join(["index,decision,label", *lines]) + "\n")
    ended = run("decide", tmp_path / "a", tmp_path / "d.csv", "--out", tmp_path / "reviewed.npz", "--json")
    assert ended.code == 0, ended.err
    reviewed = noisewise.load(tmp_path / "reviewed.npz")
    given = pd.Series(reviewed.given, index=reviewed.index)
    assert given[first] == int(other)
    assert given[second] == int(issues["given"][1])
    assert "relabelled" in json.loads(ended.out)
    assert run("decide", tmp_path / "a", tmp_path / "none.csv", "--out", tmp_path / "r.npz").code == 2


def test_bench_ranks_a_grid(run, tmp_path):
    grid = 'name = "g"\nsource = "digits"\nmodel = "mlp"\nrows = 100\nepochs = 1\nmethod = ["ce"]\n'
    (tmp_path / "g.toml").write_text(grid)
    ended = run("bench", tmp_path / "g.toml", "--workers", "1", "--out", tmp_path / "out", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out) == {"finished": 1, "failed": [], "out": str(tmp_path / "out")}
    assert (tmp_path / "out" / "leaderboard.md").exists()
