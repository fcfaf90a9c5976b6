"""A module of functions that other processes can import, and what they leave behind."""

from types import SimpleNamespace

import pytest

MODULE = """
import os
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd


def counted(log, value, seconds=0.0):
    with open(log, "a") as file:
        file.write(f"{value}\\n")
    time.sleep(seconds)
    return {"square": value**2}


def everything(value):
    frame = pd.DataFrame({"epoch": [0, 1], "loss": [0.5, 0.25]})
    return {"n": np.int64(value), "bad": float("nan"), "x": np.arange(3.0), "words": np.array(["a"]), "history": frame}


def steps(log, count, scratch):
    here = scratch / "step"
    for number in range(int(here.read_text()) if here.exists() else 0, count):
        with open(log, "a") as file:
            file.write(f"{number}\\n")
        here.write_text(str(number + 1))
        time.sleep(0.2)
    return {"pid": os.getpid(), "scratch": str(scratch)}


def paced(log, count, scratch):
    from noisewise.allowance import Pace

    here, pace = scratch / "step", Pace()
    first = int(here.read_text()) if here.exists() else 0
    for number in range(first, count):
        pace.begin(lambda: here.write_text(str(number)))
        with open(log, "a") as file:
            file.write(f"{number}\\n")
    return {"first": first}


def fails(words):
    print("noise on stdout")
    raise ValueError("first line\\n" + words)


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def leaves():
    raise SystemExit("enough")


def gives(what):
    bad = {"list": [1], "name": {"no name": 1}, "objects": {"a": np.array([object()])}, "object": {"a": object()}}
    return bad[what]


def threads():
    return {"threads": os.environ["OMP_NUM_THREADS"]}
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    """`work.task(name, **arguments)` makes a task; `work.log` collects what `counted` computed."""
    from noisewise.compute import Task

    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "work_functions.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path / "code")
    log = tmp_path / "log"

    def task(name, **arguments):
        return Task(f"work_functions:{name}", arguments)

    def counted(*values, seconds=0.0):
        return [task("counted", log=str(log), value=value, seconds=seconds) for value in values]

    return SimpleNamespace(task=task, counted=counted, log=log, folder=tmp_path / "runs", code=tmp_path / "code")
