"""Categories 2h, 2i, 2j: full disks, closed streams and odd surroundings, signals."""

from __future__ import annotations

import os
import resource
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from ..case import ENDS, Case, Outcome
from ..made import QUICK, all_of, copied, table, text, write

AUDIT = ["audit", "t.csv", *QUICK, "--out", "out"]
TRAIN = ["train", "t.csv", "--method", "ce", "--model", "mlp:8", "--epochs", "2", "--out", "out"]
GRID = 'source = "t.csv"\nmethod = ["ce", "gce"]\nmodel = "mlp:8"\nepochs = 1\n'
DECISIONS = "index,decision,label\n0,keep,\n"
BENCH = ["bench", "grid.toml", "--engine", "serial", "--out", "out"]
LONG = ["train", "digits", "--rows", "600", "--model", "mlp:32", "--method", "ce", "--epochs", "3000", "--out", "out"]
LONG_AUDIT = ["audit", "digits", "--rows", "600", "--model", "mlp:32", "--epochs", "3000", "--out", "out"]
LONG_GRID = 'source = "digits"\nrows = 600\nmethod = ["ce", "gce"]\nmodel = "mlp:32"\nepochs = 3000\n'
COMMANDS: dict[str, list[str]] = {
    "corrupt to .csv": ["corrupt", "t.csv", "symmetric:0.2", "--out", "out.csv"],
    "corrupt to .npz": ["corrupt", "digits", "symmetric:0.2", "--out", "out.npz"],
    "corrupt to .parquet": ["corrupt", "t.csv", "symmetric:0.2", "--out", "out.parquet"],
    "audit": AUDIT,
    "train": TRAIN,
    "bench": BENCH,
    "review": ["review", "audit", "--out", "out.csv"],
    "decide": ["decide", "audit", "d.csv", "--out", "out.parquet"],
    "predict": ["predict", "run", "t.csv", "--out", "out.csv"],
}


def cases() -> Iterator[Case]:
    """All of them."""
    for name, words in COMMANDS.items():
        for size in (0, 100, 1_000, 4_000, 16_000, 64_000, 1_000_000):
            yield Case(
                "2h",
                f"{name}, files of {size:,} bytes at most",
                words,
                _everything,
                (0, 1, 2),
                _old_results,
                inside=lambda size=size: _full(size),
                kept="bench" in name or "train" in name,
            )
    for name, words in COMMANDS.items():
        yield Case(
            "2h",
            f"{name} to a file instead of a folder above",
            [*words[:-1], "t.csv/out.csv"],
            _everything,
            (2,),
            ours=(),
        )
        yield Case("2h", f"{name} below /proc", [*words[:-1], "/proc/none/out.csv"], _everything, (2,), ours=())
    yield from _streams()
    yield from _surroundings()
    yield from _code_in_the_folder()
    yield from _signals()


def _everything() -> None:
    """All inputs, and an earlier result."""
    table()
    for name in ("audit", "run"):
        copied(name)()
    write("d.csv", DECISIONS)
    write("grid.toml", GRID)
    write("out.csv", "an earlier result\n")


def _full(size: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _old_results(outcome: Outcome) -> str:
    """A command that could not write left what was there."""
    if outcome.code == 2 and Path("out.csv").read_text() != "an earlier result\n":
        return "the earlier result is lost"
    return ""


def _streams() -> Iterator[Case]:
    ends: dict[str, Callable[[], object]] = {
        "stdout closed": lambda: os.close(1),
        "stderr closed": lambda: os.close(2),
        "stdin closed": lambda: os.close(0),
        "all streams closed": lambda: [os.close(number) for number in (0, 1, 2)],
        "stdout is full": lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), 1),
        "stderr is full": lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), 2),
        "stdout can only be read": lambda: os.dup2(os.open("/dev/null", os.O_RDONLY), 1),
        "stdout is a pipe that nobody reads": _broken_pipe,
    }
    for name, end in ends.items():
        codes = (0, 2, 141) if name.startswith("stdout") and "closed" not in name else (0,)
        for words in (AUDIT, TRAIN, ["methods"], ["corrupt", "t.csv", "symmetric:0.2", "--json", "--out", "out.csv"]):
            yield Case("2i", name, words, table, codes, inside=end, program=True, kept=True)
        yield Case(
            "2i",
            f"{name}, with bad input",
            ["audit", "none.csv", "--out", "out"],
            table,
            (2, 141),
            inside=end,
            program=True,
            silent=True,
        )


def _broken_pipe() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.dup2(writing, 1)


def _surroundings() -> Iterator[Case]:
    variables: dict[str, dict[str, str | None]] = {
        "no HOME": {"HOME": None},
        "HOME is a file": {"HOME": "/dev/null"},
        "HOME that cannot be written": {"HOME": "/proc"},
        "TMPDIR that does not exist": {"TMPDIR": "/nowhere/at/all"},
        "no PATH": {"PATH": None},
        "TERM=dumb": {"TERM": "dumb"},
        "no TERM": {"TERM": None},
        "COLUMNS=1": {"COLUMNS": "1"},
        "COLUMNS=x": {"COLUMNS": "x"},
        "LC_ALL=C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        "LANG=tr_TR": {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"},
        "an unknown locale": {"LC_ALL": "xx_XX"},
        "ASCII streams": {"PYTHONIOENCODING": "ascii"},
        "UTF-16 streams": {"PYTHONIOENCODING": "utf-16"},
        "warnings are errors": {"PYTHONWARNINGS": "error"},
        "no docstrings": {"PYTHONOPTIMIZE": "2"},
        "an odd NOISEWISE_DATA": {"NOISEWISE_DATA": "/proc/none"},
        "OMP_NUM_THREADS=x": {"OMP_NUM_THREADS": "x"},
    }
    names = ("\xe4sche", "\u65e5\u672c", "fir")
    for name, changed in variables.items():
        silent = name in ("UTF-16 streams", "OMP_NUM_THREADS=x")
        for words in (AUDIT, BENCH):
            before = all_of(lambda: table(names=names), text("grid.toml", GRID))
            yield Case("2i", name, words, before, (0,), environment=changed, program=True, silent=silent)
    yield Case(
        "2i",
        "a working folder that was deleted",
        ["audit", "digits", "--out", "out"],
        table,
        (2,),
        inside=_gone,
        program=True,
    )
    yield Case(
        "2i",
        "a working folder that cannot be read",
        AUDIT,
        table,
        ENDS,
        inside=lambda: os.chmod(".", 0),
        after=_readable,
        kept=True,
    )


def _gone() -> None:
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir("../gone")


def _readable(outcome: Outcome) -> str:
    os.chmod(".", stat.S_IRWXU)
    return ""


def _code_in_the_folder() -> Iterator[Case]:
    evil = "open('it-ran', 'w').close()\n"
    for name in (
        "pandas",
        "random",
        "joblib",
        "torch",
        "sklearn",
        "numpy",
        "json",
        "noisewise",
        "sitecustomize",
        "usercustomize",
        "_noisewise",
    ):
        for words in (AUDIT, BENCH):
            before = all_of(table, text("grid.toml", GRID), text(f"{name}.py", evil))
            yield Case("2i", f"{name}.py in the working folder", words, before, (0,), _nothing_ran, program=True)
    before = all_of(table, lambda: os.mkdir("pandas"), text("pandas/__init__.py", evil))
    yield Case("2i", "a folder pandas in the working folder", AUDIT, before, (0,), _nothing_ran, program=True)
    parallel = [*AUDIT[:2], "--model", "mlp:8", "--epochs", "2", "--workers", "2", *AUDIT[4:]]
    before = all_of(table, text("random.py", evil), text("joblib.py", evil))
    yield Case(
        "2i", "random.py in the working folder, in worker processes", parallel, before, (0,), _nothing_ran, program=True
    )


def _nothing_ran(outcome: Outcome) -> str:
    return "code of the working folder ran" if Path("it-ran").exists() else ""


def _signals() -> Iterator[Case]:
    grid = text("grid.toml", LONG_GRID)
    workers = ["--workers", "2"]
    commands = {
        "train": LONG,
        "audit": LONG_AUDIT,
        "audit in processes": [*LONG_AUDIT[:-2], *workers, *LONG_AUDIT[-2:]],
        "bench": ["bench", "grid.toml", "--engine", "serial", "--out", "out"],
        "bench in processes": ["bench", "grid.toml", "--engine", "local", *workers, "--out", "out"],
    }
    for name, words in commands.items():
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)):
            codes = (code, 128 + number)
            for delay in (1.0, 4.0):
                yield Case(
                    "2j",
                    f"{name}, {number.name} after {delay:.0f} s",
                    words,
                    grid,
                    codes,
                    stop=(number, delay),
                    kept=True,
                )
    yield Case(
        "2j",
        "probabilities of a table in a temporary file, SIGTERM",
        ["audit", "t.csv", "--probs", "p.parquet", "--out", "out"],
        skip="a table of more than 67 million numbers takes minutes to make",
    )
