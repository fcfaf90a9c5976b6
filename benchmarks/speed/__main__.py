"""Measure how fast this library is beside something else, and write docs/results/speed.json and speed.md.

    OMP_NUM_THREADS=1 python -m benchmarks.speed               # all
    OMP_NUM_THREADS=1 python -m benchmarks.speed steps cdr     # some; the lines of the others stay
    OMP_NUM_THREADS=1 python -m benchmarks.speed --quick --out /tmp/speed    # does it run?

Every comparison computes both sides in one process, in turns of a few steps, on one thread, and counts the CPU seconds
of this thread.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import platform
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from noisewise.files import whole, write_json

from . import __path__ as here
from .row import Row

OUT = Path(__file__).parents[2] / "docs" / "results" / "speed"
HEAD = """# How fast

    OMP_NUM_THREADS=1 python -m benchmarks.speed

Each line compares two computations in one process on one thread. They take turns of a few steps; a figure is the median
over turns of the ratio of CPU seconds of the thread, *spread* its quartiles.
"""


def comparisons() -> dict[str, ModuleType]:
    """By name, the modules of this package that have `measure`."""
    names = [
        module.name for module in pkgutil.walk_packages(here, f"{__package__}.") if not module.name.endswith("__main__")
    ]
    found = map(importlib.import_module, sorted(names))
    return {module.__name__.rpartition(".")[2]: module for module in found if hasattr(module, "measure")}


def measured(name: str, quick: bool) -> list[Row]:
    """The lines of one comparison."""
    rows: list[Row] = comparisons()[name].measure(quick)
    return rows


def about() -> dict[str, str]:
    """Where and with what was measured."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=OUT.parent, capture_output=True, text=True, check=False
    )
    return {
        "commit": commit.stdout.strip() or "unknown",
        "torch": torch.__version__,
        "processor": processor(),
        "day": datetime.now(UTC).date().isoformat(),
    }


def processor() -> str:
    """The model of the processor and how many cores there are."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def page(found: dict[str, Any]) -> str:
    """The table as a page of the documentation."""
    lines = [HEAD]
    for name, part in sorted(found.items()):
        lines += [f"## {name}\n", f"{part['processor']}; torch {part['torch']}; commit {part['commit']}.\n"]
        lines += ["| what | goal | measured | spread | |", "|---|---|---|---|---|"]
        for stated in part["rows"]:
            row = Row(**stated)
            reached = {True: "reached", False: "missed", None: ""}[row.reached]
            said = "; ".join(filter(None, (reached, row.note)))
            unit = f" {row.unit}" if row.unit else ""
            spread = f"{row.low:.3g} to {row.high:.3g}"
            lines.append(f"| {row.what} | {row.goal} | {row.value:.3g}{unit} | {spread} | {said} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(comparisons())}; default: all")
    parser.add_argument("--quick", action="store_true", help="seconds, to see whether it runs; the figures say nothing")
    parser.add_argument("--out", type=Path, default=OUT, help="files to write, without their suffix")
    args = parser.parse_args()
    unknown = set(args.names) - set(comparisons())
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(comparisons())}")
    if args.quick and args.out == OUT:
        parser.error("--quick measures nothing worth keeping: say where by --out")
    torch.set_num_threads(1)
    stored = args.out.with_suffix(".json")
    found = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    for name in args.names or comparisons():
        rows = measured(name, args.quick)
        found[name] = {**about(), "rows": [asdict(row) for row in rows]}
        for row in rows:
            print(
                f"{row.what:70} {row.goal:>8} {row.value:8.3f}  ({row.low:.3f} to {row.high:.3f}) {row.unit}",
                flush=True,
            )
        stored.parent.mkdir(parents=True, exist_ok=True)
        write_json(stored, found)
        with whole(args.out.with_suffix(".md")) as file:
            file.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
