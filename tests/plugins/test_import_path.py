"""Files of the present folder are not imported, unless a name asks for one; then the folder is last on the path."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from noisewise.compute import LocalEngine
from noisewise.compute import ray as module

SOURCES = Path(__file__).parents[2] / "src"
COMMAND = [sys.executable, "-P", "-c", "from noisewise.cli import main; main()"]
HARMFUL = ("random", "pandas", "sklearn", "torch", "numpy", "joblib", "click", "json", "noisewise")


@pytest.fixture
def folder(tmp_path):
    """A data set whose folder holds modules that write a file when they are imported."""
    (tmp_path / "t.csv").write_text("a,b,label\n" + "".join(f"{i % 7},{i % 5},{'xy'[i % 2]}\n" for i in range(60)))
    for name in HARMFUL:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('{name} ')\n")
    (tmp_path / "own.py").write_text(
        "from noisewise.training import Method, MethodCard\n"
        "class Plain(Method):\n    card = MethodCard('plain', 'One. Two.', '-', 2026, 'L')\n"
    )
    return tmp_path


def noisewise(folder, *arguments):
    """The command in a folder, as an installed command runs."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCES), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def test_an_audit_runs_no_file_of_the_folder(folder):
    ended = noisewise(folder, "audit", "t.csv", "--model", "linear", "--out", "found")
    assert ended.returncode == 0, ended.stderr
    assert "note:" not in ended.stderr
    assert not (folder / "ran").exists()


def test_neither_do_workers_even_when_a_name_asks_for_one_file(folder):
    (folder / "g.toml").write_text(
        'source = "t.csv"\nmethod = ["ce", "own:Plain"]\nmodel = "mlp:4"\nepochs = 1\nvalidation = 0.0\n'
    )
    ended = noisewise(folder, "bench", "g.toml", "--out", "results", "--workers", "2")
    assert ended.returncode == 0, ended.stderr
    assert f"note: own is imported from {folder}, now at the end of Python's path" in ended.stderr
    assert ended.stderr.count("note:") == 1
    assert not (folder / "ran").exists()


def test_the_present_folder_is_not_on_the_path_of_a_worker(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place not in ("", str(tmp_path))])
    ((_, found),) = LocalEngine(1).map(lambda _: list(sys.path), [0])
    assert str(tmp_path) not in found
    assert "" not in found
    sys.path.append(str(tmp_path))
    ((_, found),) = LocalEngine(1).map(lambda _: list(sys.path), [0])
    assert found.index(str(tmp_path)) > found.index(os.path.dirname(os.__file__))


def test_a_run_that_somebody_sent_runs_no_code_unless_the_person_names_it(folder):
    (folder / "net.py").write_text(
        "from torch import nn\ndef net(shape, classes):\n    open('built', 'a').close()\n"
        "    return nn.Linear(shape[0], classes)\n"
    )
    (folder / "run").mkdir()
    train = ("train", "t.csv", "--method", "own:Plain", "--model", "net:net", "--epochs", "1", "--out", "run")
    assert noisewise(folder, *train).returncode == 0
    (folder / "built").unlink()
    ended = noisewise(folder, "predict", "run", "t.csv", "--out", "p.csv")
    assert ended.returncode == 2
    assert "trained with net:net, which is not noisewise's" in ended.stderr
    assert not (folder / "built").exists()
    assert noisewise(folder, "predict", "run", "t.csv", "--model", "net:net", "--out", "p.csv").returncode == 0
    assert (folder / "built").exists()
    assert not (folder / "ran").exists()


def test_a_cluster_is_joined_from_elsewhere_unless_the_folder_is_trusted(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place not in ("", str(tmp_path))])
    with module._elsewhere():
        assert os.getcwd() == os.sep
    assert os.getcwd() == str(tmp_path)
    sys.path.append(str(tmp_path))
    with module._elsewhere():
        assert os.getcwd() == str(tmp_path)
