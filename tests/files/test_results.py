"""Results in a folder: readers finish what was interrupted, a new writer leaves nothing of the older one."""

import pandas as pd
import pytest
from tests.files.killing import hidden

import noisewise as nw
from noisewise.auditing.review.certify.sample import read_sample
from noisewise.auditing.review.folder import is_audit, original_data, read_issues, without_label
from noisewise.auditing.review.giving.give import _plan
from noisewise.bench.bench import report
from noisewise.bench.grid import Trial
from noisewise.cli import main
from noisewise.files import occupied, publishing
from noisewise.run import Experiment
from noisewise.run.result import read_metrics


class Killed(BaseException):
    """Nothing catches this."""


@pytest.fixture
def interrupted(monkeypatch):
    """Publishing ends right behind the rename that counts, until it is undone."""

    def killed(folder):
        raise Killed

    def call(work):
        with monkeypatch.context() as patch:
            patch.setattr(publishing, "_finish", killed)
            with pytest.raises(Killed):
                work()

    return call


@pytest.fixture(scope="module")
def findings():
    """Two audits: with conditions, of a table; and without, of arrays."""
    digits = nw.corrupt(nw.subset(nw.load("digits"), 60, seed=0), "symmetric:0.2", seed=1)
    return nw.audit(digits, model="linear"), nw.audit(digits, model="linear", seed=2, conditions=False)


def files(folder):
    """What the files of a folder hold."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


READERS = [
    is_audit,
    original_data,
    read_issues,
    read_sample,
    lambda folder: without_label(nw.load("digits"), folder),
    _plan,
]


@pytest.mark.parametrize("read", READERS)
def test_every_reader_of_an_audit_finishes_it_first(findings, tmp_path, interrupted, read):
    first, second = findings
    first.save(tmp_path / "a")
    second.save(tmp_path / "b")
    interrupted(lambda: second.save(tmp_path / "a"))
    assert len(hidden(tmp_path / "a")) == 1
    read(tmp_path / "a")
    assert hidden(tmp_path / "a") == []
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_a_new_audit_leaves_nothing_of_the_older_one(findings, tmp_path):
    first, second = findings
    for name in ("cleaned.parquet", "unlabelled.csv", "unlabelled.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    first.save(tmp_path)
    second.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("summary.json", "summary.md", "issues.csv", "issues.parquet", "certify.parquet", "report.html", "cleaned.npz")
    }


def test_a_run_that_was_interrupted_is_read_whole_and_counts_as_done(tmp_path, interrupted):
    experiment = Experiment.of("digits", method="ce", model="mlp:4", rows=60, epochs=1)
    done = experiment.run()
    trial = Trial(experiment, {})
    done.save(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    interrupted(lambda: done.save(tmp_path, report=False))
    assert read_metrics(tmp_path)["method"] == "ce"
    assert hidden(tmp_path) == []
    assert not (tmp_path / "report.html").exists()
    (tmp_path / "run.json").unlink()
    interrupted(lambda: done.save(tmp_path))
    assert trial.finished(tmp_path)
    assert len(nw.Run.load(tmp_path).samples) == len(done.samples)


def test_a_bench_without_tuning_leaves_no_tuning_of_an_older_one(tmp_path):
    row = {"source": "s", "method": "ce", "corrupt": "c", "model": "m", "seconds": 1.0, "test_accuracy_last": 0.5}
    tried = pd.DataFrame([{**row, "validation_accuracy": 0.5, "chosen": True, "lr": 0.1}])
    report("b", pd.DataFrame([row]), tmp_path, [tried])
    assert (tmp_path / "tuning.parquet").exists()
    report("b", pd.DataFrame([row]), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"results.parquet", "leaderboard.md", "leaderboard.html"}


@pytest.mark.parametrize("command", ["train", "audit"])
def test_two_commands_on_one_folder_are_one_sentence(tmp_path, capsys, command):
    out = tmp_path / "out"
    words = [command, "digits", "--rows", "60", "--model", "mlp:4", "--epochs", "1", "--out", str(out)]
    with occupied(out), pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert said == [f"error: {out} is being written by another process: wait until it ends, or give another folder"]
    assert not out.exists()
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert not ended.value.code
    assert hidden(out) == []
