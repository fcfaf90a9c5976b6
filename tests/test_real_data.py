"""End to end on real data; slow, and skipped where the data is not installed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import noisewise as nw
from noisewise.errors import BadInput

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fashion():
    try:
        return nw.load("fashion-mnist", download=False)
    except BadInput as error:
        pytest.skip(str(error))


def test_cross_entropy_memorises_and_elr_does_not(fashion):
    noisy = nw.corrupt(nw.subset(fashion, 4000, 0), "symmetric:0.4")
    settings = {"model": "lenet", "epochs": 40, "lr": 0.05, "weight_decay": 1e-4}
    ce, elr = (nw.train(noisy, method=m, **settings).metrics for m in ("ce", "elr"))
    assert ce["test_accuracy_best"] - ce["test_accuracy_last"] > 0.05
    assert ce["noisy_fit"] > 0.3
    assert elr["test_accuracy_last"] > ce["test_accuracy_last"] + 0.05


def test_an_audit_finds_injected_noise(fashion):
    found = nw.audit(nw.subset(fashion, 8000, 0), corrupt="symmetric:0.2", epochs=8)
    assert found.metrics["auroc"] > 0.96
    assert found.metrics["average_precision"] > 0.85
    assert abs(found.noise_rate - found.metrics["true_noise_rate"]) < 0.04


PROGRAM = """
import sys
import noisewise as nw
from noisewise.training import resume
resume.CHECKPOINT_SECONDS = 1e-9  # always due, and written while the training goes on
nw.train("digits", method=sys.argv[1], corrupt="symmetric:0.3", model="lenet", epochs=12, out=sys.argv[2], resume=True)
"""


@pytest.mark.parametrize("method", ["elr", "dividemix"])
def test_a_killed_run_resumes_to_the_same_bits(tmp_path, method):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def command(folder: Path) -> list[str]:
        return [sys.executable, "-c", PROGRAM, method, str(folder)]

    subprocess.run(command(tmp_path / "whole"), env=environment, check=True)
    cut = tmp_path / "cut"
    kills = 0
    while not (cut / "run.json").exists():
        process = subprocess.Popen(command(cut), env=environment)
        before = _written(cut)
        while process.poll() is None and _written(cut) == before and kills < 3:
            time.sleep(0.01)
        time.sleep(0.02 * kills)
        if process.poll() is None and kills < 3:
            process.send_signal(signal.SIGKILL)
            kills += 1
        assert process.wait() in (0, -signal.SIGKILL)
    assert kills >= 1
    assert (cut / "model.safetensors").read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()
    assert (cut / "samples.parquet").read_bytes() == (tmp_path / "whole" / "samples.parquet").read_bytes()


def _written(folder: Path) -> float:
    state = folder / "checkpoint" / "state.pt"
    return state.stat().st_mtime_ns if state.exists() else 0.0
