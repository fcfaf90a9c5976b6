"""The gate of the command line, and the summary that it appends."""

import json
import shlex
import shutil

import numpy as np
import pytest


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "the table.csv"
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(120) % 2)
    lines = [f"{label + rng.normal(0, 0.1):.3f},{'ab'[label]}" for label in labels]
    path.write_text("\n".join(["x,kind", *lines]))
    return path


def test_the_command_line_appends_the_summary(table, tmp_path, run):
    page = tmp_path / "page.md"
    page.write_text("before\n")
    arguments = ("--labels", "kind", "--corrupt", "symmetric:0.2", "--model", "linear", "--out", tmp_path / "a")
    ended = run("audit", table, *arguments, "--fail-above", "0.1", "--summary", page, "--json")
    assert ended.code == 1
    assert json.loads(ended.out)["gate"]["passed"] is False
    written = (tmp_path / "a" / "summary.md").read_text()
    assert page.read_text() == f"before\n{written}"
    assert f"noisewise audit '{table}' --labels kind --corrupt symmetric:0.2 --model linear" in written
    assert "--summary" not in written
    assert "--json" not in written


def test_the_command_of_the_summary_gives_the_same_again(table, tmp_path, run):
    arguments = ("--labels", "kind", "--corrupt", "symmetric:0.2", "--model", "linear", "--out", tmp_path / "a")
    run("audit", table, *arguments, "--fail-above", "0.1", "--fail-when-sure")
    first = (tmp_path / "a" / "summary.md").read_text()
    shutil.rmtree(tmp_path / "a")
    command = next(line for line in first.splitlines() if line.startswith("noisewise"))
    run(*shlex.split(command)[1:])
    assert (tmp_path / "a" / "summary.md").read_text() == first


def test_a_surely_passed_gate_ends_well(table, tmp_path, run):
    arguments = ("--labels", "kind", "--model", "linear", "--out", tmp_path / "a")
    assert run("audit", table, *arguments, "--fail-above", "0.2").code == 0
    assert run("audit", table, *arguments, "--fail-when-sure").code == 2
    assert run("audit", table, *arguments, "--summary", tmp_path).code == 2
    ended = run("audit", table, *arguments, "--summary", tmp_path / "no" / "page.md")
    assert ended.code == 2
    assert "cannot append to --summary" in ended.err
