"""Attack the command line and the Python API as an outsider did once, and say what is not as promised.

    python -m benchmarks.attacks --out docs/results/attacks.md
    python -m benchmarks.attacks --only 2a
    python -m benchmarks.attacks --results attacks.jsonl --patience 5

A case is an input, a command or a call, and a promise: an exit code, at most one sentence of error, no traceback,
nothing left behind, nothing of the person's lost, and the right content where wrong content was the attack. It runs in
a fork of this process with a limit of time and memory. The exit code is 1 if a case is not as promised.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from noisewise.files import whole

from . import made
from .case import Case
from .page import TITLES, WAITING, page, table
from .play import aside, play
from .result import Result, add, read

MODULES = (
    *("resuming", "tables", "arrays", "images", "options", "commands", "reviews", "calls"),
    *("damage", "system", "hostile", "sharing", "sizes"),
)
USED = (
    *(
        "noisewise.auditing.pipeline",
        "noisewise.run.train",
        "noisewise.bench",
        "noisewise.studies",
        "matplotlib.pyplot",
    ),
    *("noisewise.estimators", "sklearn.ensemble", "sklearn.linear_model", "noisewise.auditing.review.decide"),
    *("noisewise.auditing.report.write", "noisewise.reports", "pyarrow.parquet", "noisewise.probes.build", "joblib"),
    *(
        "torch._dynamo",
        "torch._inductor.runtime.cache_dir_utils",
        "noisewise.run.result",
        "noisewise.methods.automatic.auto",
    ),
)


def main() -> int:
    """Play all cases.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="a category such as 2a, or words of the names of cases")
    parser.add_argument("--out", help="file to write the page to")
    parser.add_argument("--results", help="file of results: cases that are in it are not played again")
    parser.add_argument(
        "--patience", type=float, default=1.0, help="times longer that a command may take than promised"
    )
    parser.add_argument("--minutes", type=float, default=1e9, help="start no case after so many minutes")
    parser.add_argument("--verbose", action="store_true", help="print every case")
    asked = parser.parse_args()
    words = "" if asked.only in TITLES else asked.only
    chosen = [case for case in cases() if asked.only == case.category or (words == asked.only and words in case.name)]
    for name in USED:
        importlib.import_module(name)
    until = time.monotonic() + 60 * asked.minutes
    with tempfile.TemporaryDirectory(prefix="noisewise-attacks-") as root:
        file = Path(asked.results or Path(root) / "results.jsonl")
        done = {result.key for result in read(file)}
        made.stock(Path(root) / "stock")
        if error := aside(made.fill, made.STOCK):
            raise RuntimeError(f"the stock could not be made: {error}")
        for number, case in enumerate(chosen):
            if (case.category, case.command) in done or time.monotonic() > until:
                continue
            found, seconds = ([], 0.0) if case.skip else play(case, Path(root) / str(number), asked.patience)
            add(file, Result.of(case, found, seconds))
            if found or asked.verbose:
                print(f"{case.category} {seconds:5.1f} s  {case.command}", *found, sep="\n    ", flush=True)
        played = {result.key: result for result in read(file)}
        waiting = [Result(case.category, case.command, case.tries, WAITING, (), 0.0) for case in chosen]
        results = [played.get(result.key, result) for result in waiting]
    print(table(results))
    if asked.out:
        with whole(asked.out) as temporary:
            temporary.write_text(page(results), encoding="utf-8")
    return 1 if any(result.faults for result in results) else 0


def cases() -> Iterator[Case]:
    """All cases, in the order of the table."""
    found = [case for name in MODULES for case in importlib.import_module(f"{__package__}.categories.{name}").cases()]
    yield from sorted(found, key=lambda case: case.category)


if __name__ == "__main__":
    sys.exit(main())
