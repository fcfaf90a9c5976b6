"""Tuning within a bench: on held-out given labels, with another seed; skipped without Optuna where it searches."""

import importlib.util
import sys

import pandas as pd
import pytest

from noisewise.bench import bench
from noisewise.bench.grid import expand
from noisewise.bench.tune import read_cases
from noisewise.compute import SerialEngine
from noisewise.errors import BadInput

SPACE = {"lr": {"low": 1e-4, "high": 1.0, "log": True}}
GRID = {
    "source": "digits",
    "corrupt": "symmetric:0.2",
    "method": ["ce", "gce"],
    "model": "mlp:8",
    "seed": [0, 1],
    "epochs": 2,
    "rows": 120,
    "tested": 60,
}
needs_optuna = pytest.mark.skipif(
    importlib.util.find_spec("optuna") is None, reason="the extra tune (optuna) is not installed"
)


def with_tuning(**table):
    return {**GRID, "tune": {"trials": 6, "space": SPACE, **table}}


@needs_optuna
@pytest.mark.filterwarnings("ignore")
def test_the_best_on_held_out_given_labels_is_shown_beside_the_untuned(tmp_path):
    space = {**SPACE, "gce:q": {"low": 0.1, "high": 1.0}}
    results = bench(with_tuning(space=space, methods=["gce"]), tmp_path, engine=SerialEngine())
    assert sorted(results["method"].value_counts().items()) == [("ce", 2), ("gce", 2), ("gce, tuned", 2)]
    tried = pd.read_parquet(tmp_path / "tuning.parquet")
    assert len(tried) == 6
    best = tried[tried["chosen"]].iloc[0]
    assert best["validation_accuracy"] == tried["validation_accuracy"].max()
    tuned = results[results["method"] == "gce, tuned"]
    assert tuned["lr"].tolist() == [best["lr"]] * 2
    assert sorted(tuned["seed"]) == [0, 1]
    assert tried["gce:q"].between(0.1, 1).all()
    page = (tmp_path / "leaderboard.md").read_text(encoding="utf-8")
    assert "Tuned on held-out given labels" in page
    assert f"gce:q={best['gce:q']:.4g}" in page
    ended = []
    again = bench(with_tuning(space=space, methods=["gce"]), tmp_path, engine=SerialEngine(), on_done=ended.append)
    assert all(done.cached for done in ended)
    assert len(ended) == 4 + 6 + 2
    assert again["key"].tolist() == results["key"].tolist()


@needs_optuna
def test_trials_have_a_seed_of_their_own_and_every_method_is_tuned_by_default():
    cases = read_cases(with_tuning(), expand(with_tuning()))
    assert [case.stated["method"] for case in cases] == ["ce", "gce"]
    assert {case.seed for case in cases} == {2}
    assert cases[0].at({"lr": 0.5}, cases[0].seed).stated == {
        **{key: value for key, value in GRID.items() if key not in ("method", "seed")},
        "method": "ce",
        "seed": 2,
        "lr": 0.5,
    }


@pytest.mark.parametrize(
    "table, said",
    [
        ({"trial": 3}, "unknown key 'trial'.*did you mean 'trials'"),
        ({"trials": 0}, "trials=0 must be a whole number"),
        ({"seed": 1}, "seed=1 is one of the grid"),
        ({"methods": ["elr"]}, "names the method 'elr', and the grid has ce, gce"),
        ({"space": {}}, "lacks space"),
        ({"space": {"lrr": {"low": 1, "high": 2}}}, "cannot tune 'lrr'.*did you mean 'lr'"),
        ({"space": {"seed": {"low": 1, "high": 2}}}, "cannot tune 'seed'"),
        ({"space": {"elr:lam": {"low": 1, "high": 2}}}, "tunes 'elr:lam', and the methods tuned are ce, gce"),
        ({"space": {"lr": 3}}, "lr must be a table with low and high"),
        ({"space": {"lr": {"low": 1}}}, "lr must be a table with low and high"),
        ({"space": {"lr": {"low": 2, "high": 1}}}, "low=2 must be a number below high=1"),
        ({"space": {"lr": {"low": 0, "high": 1, "log": True}}}, "needs low above 0"),
        ({"space": {"lr": {"choices": []}}}, "choices must be a list"),
        ({"space": {"lr": {"low": -1.0, "high": 1.0}}}, "lr=-1.0 must"),
        ({"space": {"gce:q": {"low": 0.5, "high": 2.0}}}, "q=2.0 must lie between"),
        ({"space": {"gce:k": {"low": 0.5, "high": 2.0}}}, "gce has no option 'k'"),
    ],
)
def test_a_table_that_cannot_be_is_one_sentence_before_the_first_run(table, said, tmp_path):
    with pytest.raises(BadInput, match=said):
        bench(with_tuning(**table), tmp_path)
    assert not (tmp_path / "runs").exists()


def test_without_validation_rows_nothing_can_be_chosen(tmp_path):
    with pytest.raises(BadInput, match="state validation above 0"):
        bench({**with_tuning(), "validation": 0.0}, tmp_path)


def test_the_extra_is_named_before_the_first_run(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(BadInput, match=r"pip install noisewise\[tune\]"):
        bench(with_tuning(), tmp_path)
    assert not (tmp_path / "runs").exists()
