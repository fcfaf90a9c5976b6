"""Kill commands at random moments, give them again, and compare what they end with to the bit.

    python benchmarks/kills.py --kills 50 --seed 0

For each command a reference runs to its end. A series starts the same command in an empty folder, sends SIGKILL after a
time drawn between 0 and a little more than the reference took, starts it again over what is left there, kills that too,
up to three times, and lets the last one end. Checkpoints are written after every epoch, not every ten seconds, so that
resuming in the middle of a training is tested. The commands run in forks of this process, which has imported the
package: a kill falls into the work and not into the imports.

Printed for each command: kills that met a running command; series; series that ended differently, and in what; and
processes that were still alive ten seconds after a kill. The exit code is 1 if there is one of the last two.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.cli import main as noisewise
from noisewise.training import resume

GRID = """
source = "digits"
rows = 200
model = "mlp:16"
epochs = 3
corrupt = "symmetric:0.3"
method = ["ce", "elr", "coteaching"]
seed = [0, 1]
"""
_WORDS = {
    "train": "train digits --rows 300 --corrupt symmetric:0.3 --model mlp:16 --method elr --epochs 12 --resume",
    "train in phases": "train digits --resume --rows 200 --corrupt pair:0.3 --model mlp:16 --method pes --epochs 6",
    "audit": "audit digits --rows 300 --corrupt symmetric:0.3 --model mlp:16 --epochs 6",
    "audit in processes": "audit digits --rows 200 --corrupt symmetric:0.3 --model mlp:16 --epochs 4 --workers 2",
    "bench": "bench grid.toml --engine serial",
    "bench in processes": "bench grid.toml --workers 2",
    "study": "study early-learning --scale smoke --engine serial",
}
COMMANDS = {name: words.split() for name, words in _WORDS.items()}
MOST_KILLS = 3  # in one series
GRACE = 10.0  # seconds in which the processes of a killed command must end
_TIMES = ("seconds", "per_second", "cost", "started", "machine")


def main() -> int:
    """Run all series.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="kills that meet a running command, over all commands")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="commands whose name contains this")
    asked = parser.parse_args()
    chosen = {name: words for name, words in COMMANDS.items() if asked.only in name}
    resume.CHECKPOINT_SECONDS = 1e-9  # always due, and written while the training goes on
    bad = 0
    with tempfile.TemporaryDirectory(prefix="noisewise-kills-") as root:
        for number, (name, words) in enumerate(chosen.items()):
            kills = asked.kills // len(chosen) + (number < asked.kills % len(chosen))
            bad += trial(name, words, kills, random.Random(f"{asked.seed} {name}"), Path(root) / str(number))
    return 1 if bad else 0


def trial(name: str, words: list[str], kills: int, rng: random.Random, folder: Path) -> int:
    """The reference and the series of one command.

    Args:
        name: for the line that is printed.
        words: its arguments, without `--out`.
        kills: how many must meet a running command.
        rng: draws the moments.
        folder: an empty one, for all its files.

    Returns:
        The number of differences and of processes left.
    """
    reference = folder / "reference"
    began = time.monotonic()
    wait(start(words, reference))
    took, expected = time.monotonic() - began, contents(reference / "out")
    met = series = left = 0
    different: list[str] = []
    while met < kills:
        place = folder / f"series-{series}"
        series += 1
        for _ in range(rng.randint(1, min(MOST_KILLS, kills - met))):
            process = start(words, place)
            time.sleep(rng.uniform(0, 1.1 * took))
            hit, still = kill(process)
            met, left = met + hit, left + still
            if not hit:  # the machine has become faster since the reference ran
                took *= 0.8
                break
        wait(start(words, place))
        found = contents(place / "out")
        names = [one for one in sorted({*expected, *found}) if expected.get(one) != found.get(one)]
        different += [f"series {series}: {', '.join(names[:4])}"] if names else []
    said = f"{met} kills in {series} series of {took:.1f} s, {len(different)} different, {left} processes left"
    print(f"{name}: {said}{''.join(f'; {one}' for one in different)}", flush=True)
    return len(different) + left


def start(words: list[str], folder: Path) -> int:
    """Start a command in a fork, in a session of its own; returns its process number."""
    folder.mkdir(parents=True, exist_ok=True)
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        os.setsid()
        os.chdir(folder)
        Path("grid.toml").write_text(GRID, encoding="utf-8")
        log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        noisewise([*words, "--out", "out"])
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        os._exit(code)


def wait(process: int) -> None:
    """Wait for a command to end.

    Raises:
        RuntimeError: it ended with an error; a study at this scale may end with 1, as its claims need not hold.
    """
    _, status = os.waitpid(process, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        raise RuntimeError(f"a command ended with {os.waitstatus_to_exitcode(status)}: read the log in its folder")


def kill(process: int) -> tuple[bool, int]:
    """Kill a command.

    Returns:
        Whether it was still running, and how many processes that it started are alive after `GRACE` seconds; these are
        killed too.
    """
    ended, _ = os.waitpid(process, os.WNOHANG)
    if ended:
        return False, 0
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    until = time.monotonic() + GRACE
    while (alive := list(session(process))) and time.monotonic() < until:
        time.sleep(0.1)
    for one in alive:
        os.kill(one, signal.SIGKILL)
    return True, len(alive)


def session(leader: int) -> Iterator[int]:
    """The processes of a session, but for those that have ended."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, _, number = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(number) == leader and state != "Z":
                yield int(entry.name)


def contents(folder: Path) -> dict[str, Any]:
    """What the files of a folder hold, but for times, pages and checkpoints, by their path."""
    readers = {".safetensors": Path.read_bytes, ".parquet": _table, ".json": _json, ".npz": _arrays, ".csv": _text}
    return {
        str(path.relative_to(folder)): readers[path.suffix](path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in readers and not {".work", "checkpoint"} & set(path.parts) and ".noisewise-" not in str(path)
    }


def _table(path: Path) -> Any:
    frame = pd.read_parquet(path)
    return frame.drop(columns=[name for name in frame if any(one in str(name) for one in _TIMES)]).to_json()


def _json(path: Path) -> Any:
    return _timeless(json.loads(path.read_text(encoding="utf-8")))


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if not any(one in k for one in _TIMES)}
    return [_timeless(one) for one in value] if isinstance(value, list) else value


def _arrays(path: Path) -> Any:
    with np.load(path) as archive:
        return {name: archive[name].tobytes() for name in archive}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
