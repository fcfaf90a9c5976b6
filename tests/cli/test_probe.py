"""`noisewise probe` and `noisewise train --probe`."""

import json

import pandas as pd


def test_a_training_measures(run, tmp_path):
    ended = run("train", "digits", "--rows", "200", "--corrupt", "symmetric:0.3", "--model", "mlp:8", "--epochs", "2",
                "--probe", "label-fit,effective-parameters", "--out", str(tmp_path / "run"))  # fmt: skip
    assert ended.code == 0
    history = pd.read_parquet(tmp_path / "run" / "history.parquet")
    assert history["noisy_given"].between(0, 1).all()
    assert set(json.loads((tmp_path / "run" / "run.json").read_text())["probe_seconds"]) == {
        "label-fit",
        "effective-parameters",
    }
    assert "label-fit" in (tmp_path / "run" / "report.html").read_text()


def test_probes_of_networks_say_where_they_belong(run):
    ended = run("probe", "effective-parameters", "digits")
    assert ended.code == 2
    assert "--probe effective-parameters" in ended.err


def test_an_unknown_probe_is_refused_before_the_training(run, tmp_path):
    ended = run("train", "digits", "--probe", "label-fis", "--out", str(tmp_path / "run"))
    assert ended.code == 2
    assert "label-fit" in ended.err
    assert not (tmp_path / "run").exists()
