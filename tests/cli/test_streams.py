"""Terminals that are closed, full or plain, folders that are gone, and results that cannot be written."""

import errno
import json
import os
import subprocess
import sys

import pytest

from noisewise.cli import streams
from noisewise.cli.progress import Lines

COMMAND = f"{sys.executable} -c 'from noisewise.cli import main; main()'"
TABLE = "a,b,label\n" + "\n".join(f"{i % 2 + i % 7 / 9},{i % 5},{'né'[i % 2]}" for i in range(40))


@pytest.fixture
def shell(tmp_path):
    """Runs a command line in a shell, in a folder with the table t.csv; NOISEWISE stands for the program."""
    (tmp_path / "t.csv").write_text(TABLE, encoding="utf-8")

    def run(line, **environment):
        return subprocess.run(
            line.replace("NOISEWISE", COMMAND),
            shell=True,
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            check=False,
            executable="/bin/bash",
        )

    return run


CORRUPT = "NOISEWISE corrupt t.csv symmetric:0.1 --out n.csv"


def test_closed_streams_do_not_matter(shell, tmp_path):
    assert shell(f"{CORRUPT} <&- >&- 2>&-").returncode == 0
    assert (tmp_path / "n.csv").read_text(encoding="utf-8").count("\n") == 41


def test_a_full_stdout_is_one_sentence(shell):
    ended = shell(f"{CORRUPT} >/dev/full")
    assert ended.returncode == 2
    assert ended.stderr == b"error: cannot write to the terminal: No space left on device\n"


def test_a_full_stderr_is_done_without(run, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("noisewise.cli.progress.click.echo", full)
    Lines("audit", True)(0.5)
    with pytest.raises(ZeroDivisionError), streams.forgiving():
        raise ZeroDivisionError


def test_terminals_without_all_characters(shell, tmp_path):
    ended = shell(CORRUPT.replace("n.csv", "né.csv") + " --json", LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert ended.returncode == 0, ended.stderr
    assert os.fsencode(json.loads(ended.stdout)["out"]) == os.fsencode(tmp_path / "né.csv")


def test_a_working_folder_that_is_gone(shell):
    ended = shell(f"mkdir gone && cd gone && rmdir ../gone && {CORRUPT}")
    assert ended.returncode == 2
    assert ended.stderr == b"error: the working folder does not exist any more: go to another one\n"


@pytest.mark.parametrize(
    "where", ["--out /proc/x", "--out t.csv/o", "--out ''", "--out o --summary /proc/x", "--out o --summary t.csv/x"]
)
def test_what_cannot_be_written_is_found_out_before_anything_is_computed(run, tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(TABLE, encoding="utf-8")
    monkeypatch.setattr("noisewise.auditing.pipeline.run_audit", None)
    ended = run("audit", "t.csv", *[word.strip("'") for word in where.split()])
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize(
    "error", [MemoryError("Unable to allocate 218. TiB"), RuntimeError("x: can't allocate memory")]
)
def test_too_little_memory_is_one_sentence(run, tmp_path, monkeypatch, error):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr("noisewise.load", fail)
    ended = run("corrupt", "digits", "symmetric:0.1", "--out", tmp_path / "x.npz")
    assert ended.code == 2
    assert ended.err.startswith("error: there is not enough memory")


@pytest.mark.parametrize("command", ["methods", "corrupt t.csv symmetric:0.1 --out n.csv"])
def test_nobody_reads_the_output(tmp_path, command):
    (tmp_path / "t.csv").write_text(TABLE, encoding="utf-8")
    arguments = [sys.executable, "-m", "noisewise", *command.split()]
    with subprocess.Popen(arguments, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 141
    assert said == b""
