"""A step of `ce` by the trainer: beside a plain loop on tensors, without the ledger, and by a DataLoader."""

from __future__ import annotations

from dataclasses import replace

from ..arms import CASES, by_loader, plain, trained, transforms
from ..row import Row
from ..turns import QUICK_TURNS, take_turns

COMMAND = "python -m benchmarks.speed steps"
STEPS = 32  # as many as the ledger records together
TURNS, OTHERWISE = {"lenet": 25, "mlp": 25, "fast": 13}, 5


def measure(quick: bool) -> list[Row]:
    found = []
    whose = transforms(32, 3, augmented=True)[1]
    for case in CASES:
        case = replace(case, rows=2 * STEPS * 128 if quick else case.rows)
        arms = {"plain": plain(case), "ours": trained(case), "no ledger": trained(case, ledger=False)}
        arms["loader"] = by_loader(case)
        turns = QUICK_TURNS if quick else TURNS.get(str(case.model), OTHERWISE)
        taken = take_turns(arms, turns, 2 if quick else STEPS)
        said = f"batches of 128, {taken.each('ours').median:.1f} ms a step"
        found += [
            Row.of(
                f"{case.name}: a step of ce / a plain loop on tensors",
                "<= 1.03",
                taken.ratio("ours", "plain"),
                note=said,
            ),
            Row.of(f"{case.name}: of which the ledger", "<= 0.03", taken.share("ours", "no ledger", "plain")),
            Row.of(
                f"{case.name}: a loop over a DataLoader / ours",
                ">= 2",
                taken.ratio("loader", "ours"),
                note=f"image by image with {whose} transforms, no workers",
            ),
        ]
    return [replace(row, command=COMMAND) for row in found]
