"""One training over two processes beside one process: CPU seconds of each of the two for a step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from noisewise.training import distributed

from .arms import CASES, trained
from .row import Row
from .turns import QUICK_TURNS, Spread

COMMAND = "python -m benchmarks.speed processes"
TURNS, STEPS = 9, 8


def measure(quick: bool) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.json"
        command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", __name__, str(out)]
        subprocess.run(
            [*command, *(["quick"] if quick else [])], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True
        )
        found = json.loads(out.read_text(encoding="utf-8"))
    return [
        Row.of(
            f"{name}: a step of each of two processes / of one that computes all rows",
            "",
            Spread.of(ratios),
            command=COMMAND,
            note="0.5 is half the work each; all threads of the process, those that exchange tensors too",
        )
        for name, ratios in found.items()
    ]


def main(out: str, quick: bool) -> None:
    """What each process runs; the first writes the ratios of its turns by case."""
    distributed.join()
    found: dict[str, list[float]] = {}
    for case in CASES:
        case = replace(case, rows=1280 if quick else case.rows)
        arms = {}
        for name, shared in (("together", distributed.together), ("alone", distributed.alone)):
            with shared():
                arms[name] = (trained(case), shared)
                arms[name][0]()  # networks learn their formats
        ratios = []
        for _ in range(QUICK_TURNS if quick else TURNS):
            seconds = {}
            for name, (step, shared) in arms.items():
                began = time.process_time()
                with shared():
                    for _ in range(2 if quick else STEPS):
                        step()
                seconds[name] = time.process_time() - began
            ratios.append(seconds["together"] / seconds["alone"])
        found[case.name] = ratios
    if distributed.writes():
        Path(out).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] == ["quick"])
