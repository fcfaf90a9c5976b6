"""The attack from outside sees what is not as promised, and counts it."""

import os

import pytest
from benchmarks.attacks.case import Case, Outcome, faults
from benchmarks.attacks.page import TITLES, failures, table
from benchmarks.attacks.play import play
from benchmarks.attacks.result import Result, add, read

from noisewise.errors import BadInput

CASE = Case("2a", "a case", ["audit", "t.csv", "--out", "out"])


@pytest.mark.parametrize(
    "outcome, said",
    [
        (Outcome(70, err="error: noisewise failed with TypeError"), "exit code 70"),
        (Outcome(None), "still running"),
        (Outcome(2, err="error: a\nerror: b\n"), "2 sentences"),
        (Outcome(2), "0 sentences"),
        (Outcome(2, err="libpng: what\nerror: a\n"), "beside the error"),
        (Outcome(0, err="Traceback (most recent call last):\n"), "a traceback"),
        (Outcome(0, err="/x/y.py:3: RuntimeWarning: overflow\n"), "a warning"),
        (Outcome(0, err="\x1b[31m"), "escape sequence"),
        (Outcome(0, lost=("mine.txt",)), "lost or changed: mine.txt"),
        (Outcome(0, new=("other.txt",)), "written where nothing was asked for: other.txt"),
        (Outcome(2, err="error: a\n", new=("out/x.json",)), "left behind: out/x.json"),
        (Outcome(0, new=("out/.0123456789abcdef.json",)), "litter"),
        (Outcome(0, temporary=("x",)), "litter: $TMPDIR/x"),
        (Outcome(0, left=2), "2 processes left"),
    ],
)
def test_a_fault_is_seen(outcome, said):
    assert [said in fault for fault in faults(CASE, outcome)].count(True) == 1


def test_what_is_as_promised_has_no_fault():
    assert faults(CASE, Outcome(0, err="audit: 10 %\n", new=("out/report.html",))) == []
    assert faults(CASE, Outcome(2, err="note: x\nerror: no such file\n")) == []


def _refuse():
    raise BadInput("no")


def test_calls_are_played_in_a_fork(tmp_path):
    calls = {"good": lambda: None, "refused": _refuse, "bad": lambda: 1 / 0}
    found, _ = play(Case("2d", "three calls", calls), tmp_path / "a", 1)
    assert len(found) == 1
    assert "`bad`: ZeroDivisionError" in found[0]


def test_what_a_call_writes_and_removes_is_seen(tmp_path):
    def act():
        os.remove("mine.txt")
        open("new.txt", "w").close()

    found, _ = play(Case("2d", "a call", act, lambda: open("mine.txt", "w").close()), tmp_path / "a", 1)
    assert [fault.split(":")[0] for fault in found] == ["lost or changed", "written where nothing was asked for"]
    assert not (tmp_path / "a").exists()


def test_results_are_kept_counted_and_listed(tmp_path):
    many = Case("2d", "three calls", {"a": print, "b": print, "c": print})
    add(tmp_path / "r.jsonl", Result.of(CASE, ["a traceback", "litter"], 1.0))
    add(tmp_path / "r.jsonl", Result.of(many, ["`b`: x"], 1.0))
    add(tmp_path / "r.jsonl", Result.of(Case("5", "large", ["audit"], skip="no memory"), [], 0.0))
    results = read(tmp_path / "r.jsonl")
    lines = table(results).splitlines()
    assert any("2a" in line and line.endswith("| 1 | 0 | 1 | 0 | 0 |") for line in lines)
    assert any("2d" in line and line.endswith("| 3 | 2 | 1 | 0 | 0 |") for line in lines)
    assert any("| 5 |" in line and line.endswith("| 0 | 0 | 0 | 1 | 0 |") for line in lines)
    assert "audit t.csv" in failures(results)
    assert set(TITLES) > {"2a", "2d", "5"}
