"""Benches and studies by the stacked engine give what processes give."""

import numpy as np
import pytest

from noisewise.bench import bench
from noisewise.cli.main import main
from noisewise.compute import LocalEngine, RayEngine, SerialEngine
from noisewise.errors import BadInput
from noisewise.run.engines import engine_of, usual
from noisewise.training.replicas import StackedEngine

SPEC = {
    "source": "digits",
    "rows": 150,
    "tested": 50,
    "model": "mlp:16",
    "epochs": 2,
    "corrupt": "symmetric:0.3",
    "method": ["ce", "elr"],
    "seed": [0, 1],
}


def test_a_bench_is_the_same_stacked(tmp_path):
    alone = bench(SPEC, tmp_path / "alone", engine=SerialEngine())
    found = bench(SPEC, tmp_path / "stacked", engine=StackedEngine(3))
    assert len(found) == 4
    names = ["method", "seed"]
    alone, found = (frame.sort_values(names, ignore_index=True) for frame in (alone, found))
    for name in ("test_accuracy_last", "test_accuracy_selected", "train_accuracy"):
        np.testing.assert_allclose(found[name], alone[name], atol=0.021)  # one row of 50 may round to another class
    again = []
    bench(SPEC, tmp_path / "stacked", engine=StackedEngine(), on_done=again.append)
    assert all(done.cached for done in again)


def test_a_run_that_fails_is_named_and_the_others_end(tmp_path):
    ended = []
    spec = {**SPEC, "method": "ce", "lr": [0.1, 1e30]}
    results = bench(spec, tmp_path, engine=StackedEngine(), on_done=ended.append)
    assert len(results) == 2
    assert sorted(bool(done.error) for done in ended) == [False, False, True, True]
    assert all("Diverged: the loss became" in done.error for done in ended if done.error)


def test_engines_by_name(monkeypatch):
    assert engine_of("stacked") == StackedEngine()
    assert engine_of("stacked", 3) == StackedEngine(3)
    assert engine_of("serial") == SerialEngine()
    assert isinstance(engine_of("ray"), RayEngine)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert engine_of(None, 2) == usual(workers=2) == LocalEngine(2)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert engine_of(None) == usual(["auto", "cuda:1"]) == StackedEngine()
    assert usual(["auto", "cpu"]) == LocalEngine()
    for wrong in (0, -1):
        with pytest.raises(BadInput, match="at least 1"):
            engine_of("stacked", wrong)
        with pytest.raises(BadInput, match="at least 1"):
            StackedEngine(wrong)


def test_a_study_by_the_command_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["study", "early-learning", "--scale", "smoke", "--engine", "stacked", "--out", str(tmp_path)])
    assert ended.value.code in (0, 1)  # claims need not hold in a smoke
    assert (tmp_path / "early-learning" / "claims.json").exists()
