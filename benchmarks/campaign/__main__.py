"""Compute a campaign, or a piece of it.

python -m benchmarks.campaign --out runs/campaign                             # all of it, however long
python -m benchmarks.campaign --out runs/campaign --minutes 9 --workers 16    # a piece; call it again for the next
python -m benchmarks.campaign --out runs/tiny --tiny                          # seconds, to see whether it works
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import torch

from .cells import Cell, read
from .costs import Costs
from .rows import loaded
from .runner import Machine, learn, read_lines, run

HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of results.jsonl")
    parser.add_argument("--spec", type=Path, default=HERE / "campaign.toml", help="the cells")
    parser.add_argument("--tiny", action="store_true", help="a campaign of seconds")
    parser.add_argument("--parts", nargs="*", help="only these parts; `timings` is the first (see timings.py)")
    parser.add_argument("--first", nargs="*", default=[], help="parts to compute before all others")
    parser.add_argument("--only", nargs="*", default=[""], help="only cells whose title has one of these texts")
    parser.add_argument("--published-epochs", type=int, help="length of the published runs; default: as in the cells")
    parser.add_argument("--minutes", type=float, help="end after so long; default: when all is done")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes of one thread")
    parser.add_argument("--on-gpu", type=int, default=6, help="how many of them may use the GPU at the same time")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="cpu: leave the GPU alone")
    parser.add_argument(
        "--done", type=Path, nargs="*", default=[], help="further result files: their cells are skipped"
    )
    parser.add_argument("--regardless", nargs="*", default=[], help="parts to start whatever they are expected to take")
    parser.add_argument("--retry", action="store_true", help="compute cells again that failed")
    parser.add_argument("--list", action="store_true", help="say what there is to compute, and what it may take")
    args = parser.parse_args()
    began = time.time()
    cells = read(HERE / "tiny.toml" if args.tiny else args.spec, args.published_epochs)
    cells = [cell for cell in cells if any(text in cell.title for text in args.only)]
    cells = [cell for cell in cells if args.parts is None or cell.part in args.parts]
    cells.sort(key=lambda cell: cell.part not in args.first)
    gpu = torch.cuda.is_available() if args.device == "auto" else args.device == "cuda"
    machine = Machine(args.workers, args.on_gpu if gpu else 0, tuple(args.regardless))
    if args.list:
        listed(cells, [*args.done, args.out / "results.jsonl"])
        return 0
    if args.parts is None or "timings" in args.parts:
        time_all(args, "cuda" if gpu else "cpu")
    for source in {cell.stated["source"] for cell in cells}:
        loaded(source)  # decodes photographs once, for all processes
    left = None if args.minutes is None else args.minutes - (time.time() - began) / 60
    about = {"commit": commit(), "workers": machine.workers, "on_gpu": machine.on_gpu}
    counts = run(cells, args.out, machine, minutes=left, done=args.done, retry=args.retry, about=about)
    print(", ".join(f"{number} {name}" for name, number in counts.items()))
    return 0


def time_all(args: argparse.Namespace, device: str) -> None:
    """Compute the timings that are missing; they need the machine for themselves, so they come before all cells."""
    from .timings import run as time_them
    from .timings import timings

    counts = time_them(timings(args.tiny, device), args.out, device, args.minutes)
    print("timings:", ", ".join(f"{number} {name}" for name, number in counts.items()), flush=True)


def listed(cells: list[Cell], done: list[Path]) -> None:
    """Print the number of cells per part, and the processor or GPU hours they may take."""
    costs, lines = Costs(), read_lines(done)
    learn(costs, cells, lines)
    ready = {line["key"] for line in lines}
    hours: Counter[tuple[str, str]] = Counter()
    numbers: Counter[str] = Counter()
    for cell in cells:
        if cell.key not in ready:
            numbers[cell.part] += 1
            for device in ("cpu", "cuda"):
                hours[cell.part, device] += costs.expected(cell, device) / 3600  # type: ignore[assignment]
    for part, number in numbers.items():
        print(f"{part:14}{number:5} cells  {hours[part, 'cpu']:7.1f} h cpu  {hours[part, 'cuda']:7.1f} h cuda")


def commit() -> str:
    """The commit of the sources: what the file `commit` of a packed data folder says, else that of the checkout.

    The file comes first because sources that travel may lie in a checkout of another commit.
    """
    folders = [Path(entry) for entry in os.environ.get("NOISEWISE_DATA", "").split(os.pathsep) if entry]
    for path in (folder / "commit" for folder in folders):
        if path.exists():
            return path.read_text(encoding="utf-8").strip()
    command = ["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
