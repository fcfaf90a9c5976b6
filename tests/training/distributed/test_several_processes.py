"""Trainings over real processes, started by `torchrun` on this machine's processor."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from noisewise.compute import run
from noisewise.data.rows import Rows
from noisewise.errors import BadInput
from noisewise.methods import METHODS
from noisewise.threads import launched
from noisewise.training import Config, Training, distributed, resume

from .compare import STREAMED, images, trained

HERE = Path(__file__).parent
SOURCES = HERE.parents[2] / "src"
# Measured: 9e-7 over the whole catalogue. One row that is not counted, or counted twice, makes more than 1e-3.
TOLERANCE = 2e-5
ALWAYS = ("ce", "elr", "cdr", "coteaching", "dividemix", "estimated", "clipped", STREAMED)
LAST_LAYER = "meta-weight-net:order=last-layer"


def torchrun(*arguments, processes=2, **environment):
    """The finished command; it must end by itself."""
    paths = os.pathsep.join([str(SOURCES), str(HERE), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            str(processes),
            *map(str, arguments),
        ],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=500,
    )


def compared(tmp_path, cases, processes=2):
    """By case, the largest differences between a training over processes and by one."""
    done = torchrun(HERE / "compare.py", tmp_path / "found.json", *cases, processes=processes)
    assert done.returncode == 0, done.stderr
    return json.loads((tmp_path / "found.json").read_text())


def assert_equal(found):
    unequal = {case: d for case, d in found.items() if max(d.values()) > TOLERANCE}
    assert not unequal


def test_a_training_over_two_processes_is_that_of_one(tmp_path):
    assert_equal(compared(tmp_path, ALWAYS))


@pytest.mark.slow
def test_every_method_trains_over_three_processes_as_in_one(tmp_path):
    assert_equal(compared(tmp_path, [*sorted(METHODS.own), LAST_LAYER], processes=3))


@pytest.mark.slow
@pytest.mark.parametrize("how, said", [("kill", "another process"), ("raise", "this disk is full")])
def test_when_one_process_ends_all_end_with_one_sentence_and_resume(tmp_path, monkeypatch, how, said):
    command = ("-m", "noisewise", "train", "digits", "--method", "dying:Dying", "--rows", "200", "--model", "mlp")
    command += ("--epochs", "3", "--json", "--out")
    whole = torchrun(*command, tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    cut = torchrun(*command, tmp_path / "cut", DYING=how)
    assert cut.returncode != 0
    errors = [line for line in cut.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, cut.stderr
    assert said in errors[0]
    assert resume.read(tmp_path / "cut" / "checkpoint")["history"][-1]["epoch"] == 1
    resumed = torchrun(*command, tmp_path / "cut", "--resume", processes=2 if how == "kill" else 3)
    assert resumed.returncode == 0, resumed.stderr
    whole_weights, weights = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut"))
    for name, value in whole_weights.items():  # the same number of processes goes on to the same bits
        assert_close(weights[name], value, rtol=0, atol=0 if how == "kill" else TOLERANCE)
    assert json.loads(resumed.stdout)["out"]  # printed once


@pytest.mark.slow
def test_another_command_is_refused_once():
    refused = torchrun("-m", "noisewise", "sources")
    assert refused.returncode != 0
    assert refused.stderr.count("error: torchrun runs one training in several processes") == 1


def test_nothing_is_divided_without_other_processes(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert not launched()
    distributed.join()
    with distributed.together():
        assert distributed.divided(torch.nn.Linear(2, 2), torch.zeros(4, 2)) is None
    assert distributed.writes()
    assert distributed.first_to_say()
    distributed.expect_equal("experiment", 1)
    assert len(trained("ce", together=True).history) == 2


def test_a_grid_is_refused_where_every_process_would_compute_it(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(BadInput, match="torchrun starts the processes of one training"):
        next(run([], tmp_path))


def test_compiled_networks_are_refused(monkeypatch):
    monkeypatch.setattr(distributed.processes, "_JOINED", distributed.processes.Processes(0, 2))
    with distributed.together(), pytest.raises(BadInput, match="compile='default' is for one process"):
        Training(images(), "mlp", Config(compile="default")).learner()


def test_only_the_first_process_writes_and_tells(tmp_path, monkeypatch):
    monkeypatch.setattr(distributed.processes, "_JOINED", distributed.processes.Processes(1, 2))
    assert not distributed.writes()
    resume.Checkpoints(tmp_path, "", False).finish({"one": 1})
    assert not list(tmp_path.iterdir())


def test_a_memory_of_rows_is_read_and_written_by_index():
    memory, index, values = torch.zeros(2, 5, 3), torch.tensor([4, 0]), torch.rand(2, 2, 3)
    part = distributed.RowPart.of(5)
    part.write(memory, index, values)
    part.add(memory, index, values)
    assert torch.equal(memory[:, [4, 0]], 2 * values)
    assert torch.equal(part.read(memory, index), 2 * values)
    assert part.whole(memory) is memory


def test_a_divided_memory_keeps_its_own_rows_alone():
    part = distributed.RowPart(5, distributed.processes.Processes(1, 2))
    memory = torch.zeros(part.kept, 1)
    part.add(memory, torch.tensor([0, 2, 4]), torch.ones(3, 1))
    assert memory[:-1, 0].tolist() == [1, 0, 1]  # rows 2, 3 and 4


def test_weights_that_differ_between_processes_end_the_training(monkeypatch):
    class Other(distributed.processes.Processes):
        def gather(self, part, rows):
            return torch.cat([part, part + 1e-12], dim=1)

    monkeypatch.setattr(distributed.processes, "_JOINED", Other(0, 2))
    distributed.expect_equal_weights(torch.nn.Linear(2, 2))  # nothing is divided now
    with distributed.together(), pytest.raises(RuntimeError, match="no longer the same in all processes"):
        distributed.expect_equal_weights(torch.nn.Linear(2, 2))


def test_each_process_reads_its_own_rows_of_those_on_disk(monkeypatch):
    read = []

    class Seen(distributed.processes.Processes):
        def gather(self, part, rows):
            read.append(part.shape[1])
            return part.new_zeros(1, rows, *part.shape[2:])

    monkeypatch.setattr(distributed.processes, "_JOINED", Seen(1, 2))
    rows = Rows(images(), torch.device("cpu"), resident_limit=0)
    with distributed.together():
        batches = list(distributed.read_together(rows, torch.arange(7), 4))
    assert read == [2, 2]
    assert [tuple(raw.shape) for _, raw in batches] == [(4, 3, 8, 8), (3, 3, 8, 8)]


def test_parts_cover_a_batch_and_differ_by_one_row_at_most():
    for rows in (2, 7, 128):
        team = distributed.processes.Processes(0, 3)
        sizes = team.sizes(rows)
        assert sum(sizes) == rows
        assert max(sizes) - min(sizes) <= 1
