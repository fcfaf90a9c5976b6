"""Categories 4, 7: two writers of one folder, rights of files, formulas in tables."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import noisewise as nw
from noisewise.cli import main as noisewise

from ..case import Case
from ..made import all_of, copied, table, text
from .hostile import AUDIT, TRAIN, table_of

FORMULAS = ("=HYPERLINK(1)", "+cmd|x", "@SUM(1)", "-2+3", "\t=1", "=cmd|' /C calc'!A0", "\uff1d1+1")


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _writers()
    yield from _rights()


def _audited() -> None:
    nw.audit("t.csv", model="linear", out="mine")


def _writers() -> Iterator[Case]:
    for first, second in (("train", "train"), ("audit", "audit"), ("bench", "bench")):
        for number in range(3):
            yield Case(
                "4",
                f"{first} and {second} into one folder at once, {number + 1}",
                lambda first=first, second=second: _both(first, second),
                all_of(table, text("grid.toml", _GRID)),
                (0,),
                silent=True,
                seconds=120,
                ours=("out/*", "log-*"),
                kept=True,
            )


_GRID = 'source = "t.csv"\nmethod = ["ce", "gce"]\nmodel = "mlp:8"\nepochs = 200\n'
_WORDS = {
    "train": [*TRAIN[:-3], "400", "--set", "validation=0", "--out", "out"],
    "audit": ["audit", "t.csv", "--model", "mlp:8", "--epochs", "200", "--out", "out"],
    "bench": ["bench", "grid.toml", "--engine", "serial", "--out", "out"],
}


def _both(first: str, second: str) -> None:
    """Two commands at once: one is refused in a sentence, or, of a bench, both share the work."""
    processes = []
    for seed, name in enumerate((first, second)):
        process = os.fork()
        if not process:
            code = 70
            try:
                log = os.open(f"log-{seed}", os.O_WRONLY | os.O_CREAT)
                os.dup2(log, 2)
                more = ["--seed", str(seed)] if name != "bench" else []
                noisewise([*_WORDS[name], *more])
            except SystemExit as ended:
                code = int(ended.code or 0)
            finally:
                os._exit(code)
        processes.append(process)
    codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]
    said = [Path(f"log-{seed}").read_text().strip().splitlines()[-1:] for seed in range(2)]
    if not set(codes) <= {0, 2}:
        raise AssertionError(f"they ended with {codes}: {said}")
    if first == "bench":
        if len(list(Path("out").rglob("run.json"))) != 2:
            raise AssertionError("a run is missing")
    elif codes.count(0) == 2:
        raise AssertionError("both wrote into the folder, and none was refused")


def _rights() -> Iterator[Case]:
    commands: dict[str, tuple[list[str], Callable[[], object]]] = {
        "corrupt": (["corrupt", "t.csv", "symmetric:0.2", "--out", "out.csv"], table),
        "audit": (AUDIT, table),
        "train": (TRAIN, table),
        "bench": (
            ["bench", "grid.toml", "--engine", "serial", "--out", "out"],
            all_of(table, text("grid.toml", _GRID.replace("200", "1"))),
        ),
        "review": (["review", "audit", "--out", "out.csv"], copied("audit")),
    }
    for name, (words, before) in commands.items():
        for mask, mode in ((0o077, 0o600), (0o022, 0o644), (0o002, 0o664)):
            yield Case(
                "7",
                f"{name} with umask {mask:03o}",
                words,
                before,
                (0,),
                lambda outcome, mode=mode: _modes(mode),
                inside=lambda mask=mask: os.umask(mask),
            )
    for words, where in (
        (AUDIT, ("out/issues.csv", "out/conditions.csv")),
        (["review", "mine", "--out", "out.csv"], ("out.csv",)),
        (["corrupt", "t.csv", "symmetric:0.2", "--out", "out.csv"], ("out.csv",)),
    ):
        for start in (0, 3):
            names = FORMULAS[start : start + 3]
            before = all_of(
                lambda names=names: table_of(names, names[0]), *([_audited] if words[0] == "review" else [])
            )
            yield Case(
                "7",
                f"formulas as names of classes: {', '.join(map(ascii, names))}",
                words,
                before,
                (0,),
                lambda outcome, where=where: _no_formula(where),
            )


def _modes(mode: int) -> str:
    found = [path for path in [*Path().glob("out.*"), *Path("out").rglob("*")] if path.is_file()]
    other = [f"{path} {path.stat().st_mode & 0o777:o}" for path in found if path.stat().st_mode & 0o777 != mode]
    hidden = [one for one in other if "/.work/" not in one and ".lock" not in one]
    return f"rights that are not {mode:o}: {', '.join(hidden[:3])}" if hidden else ""


def _no_formula(paths: tuple[str, ...]) -> str:
    for path in paths:
        if not Path(path).exists():
            continue
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                for cell in row:
                    if re.match(r"\s*[=+@\uff1d]|\s*-.*[^\d.e+-]", cell) or re.fullmatch(r"-\d+\+\d+", cell):
                        return f"{path} holds the formula {cell!r}"
    return ""
