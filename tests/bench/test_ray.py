import json

import numpy as np
import pandas as pd
import pytest

from noisewise.bench.bench import bench
from noisewise.bench.grid import Trial, expand
from noisewise.compute import LocalEngine, RayEngine, SerialEngine, run
from noisewise.errors import BadInput

SMALL = {"method": "ce", "model": "mlp:widths=16", "rows": 100, "epochs": 1, "device": "cpu"}


class Away(SerialEngine):
    """Machines that see no files of this one, pretended."""

    shares_files = False


def test_the_files_of_a_run_come_back_whether_or_not_its_source_was_sent(tmp_path, monkeypatch):
    (job,) = expand({"source": "digits", **SMALL})
    (sent,) = run([job], tmp_path / "sent", Away())
    monkeypatch.setattr(Trial, "read_input", lambda self: None)
    (named,) = run([job], tmp_path / "named", Away())
    names = {path.name for path in named.folder.iterdir()}
    assert {"run.json", "history.parquet", "samples.parquet", "model.safetensors"} <= names
    assert names == {path.name for path in sent.folder.iterdir()}
    weights = [(done.folder / "model.safetensors").read_bytes() for done in (named, sent)]
    assert weights[0] == weights[1]


def test_fewer_than_one_worker_is_refused():
    with pytest.raises(BadInput, match="workers=0"):
        RayEngine(0)


def test_a_grid_that_is_done_needs_no_cluster(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    jobs = expand({"source": "digits", **SMALL, "seed": [0, 1]})
    for job in jobs:
        (tmp_path / job.key).mkdir()
        (tmp_path / job.key / "run.json").write_text("{}")
    assert all(done.cached for done in run(jobs, tmp_path, RayEngine()))


@pytest.mark.slow
def test_a_grid_on_ray_equals_the_one_here_reports_failures_and_goes_on(tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="needs the extra ray")
    from noisewise.compute.ray import cluster

    monkeypatch.setenv("RAY_ADDRESS", "local")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=120), "b": rng.normal(size=120), "label": ["x", "y"] * 60})
    frame.to_csv(tmp_path / "t.csv", index=False)
    spec = {**SMALL, "source": [str(tmp_path / "t.csv"), "digits", "nowhere"], "seed": 3}
    told = []
    with cluster(2):
        results = bench(spec, tmp_path / "ray", engine=RayEngine(2), on_done=told.append)
        assert len(results) == 2
        again = list(run(expand(spec), tmp_path / "ray" / "runs", RayEngine(2)))
    (failed,) = [done for done in told if done.error]
    assert failed.error.startswith("BadInput: ")
    assert "nowhere" in failed.error
    assert sorted(done.cached for done in again) == [False, True, True]
    (job,) = expand({"source": "digits", **SMALL, "seed": 3})
    (here,) = run([job], tmp_path / "local", LocalEngine(2))
    there = tmp_path / "ray" / "runs" / job.key
    assert (there / "model.safetensors").read_bytes() == (here.folder / "model.safetensors").read_bytes()
    timing = {"seconds", "examples_per_second"}
    runs = [json.loads((folder / "run.json").read_text()) for folder in (there, here.folder)]
    assert {k: v for k, v in runs[0].items() if k not in timing} == {
        k: v for k, v in runs[1].items() if k not in timing
    }
