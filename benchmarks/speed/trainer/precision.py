"""A step of `ce` in bf16 beside one in fp32, on this processor."""

from __future__ import annotations

from dataclasses import replace

from ..arms import FAST, LENET, MLP, NARROW, Case, trained
from ..row import Row
from ..turns import QUICK_TURNS, take_turns

COMMAND = "python -m benchmarks.speed precision"
CASES = (LENET, MLP, FAST, NARROW, *(Case(f"fast, {size}x{size}x3", "fast", size, 3) for size in (8, 16)))


def measure(quick: bool) -> list[Row]:
    found = []
    for case in CASES:
        case = replace(case, rows=512 if quick else 6400)
        arms = {kind: trained(replace(case, precision=kind)) for kind in ("fp32", "bf16")}
        taken = take_turns(arms, QUICK_TURNS if quick else 7, 2 if quick else 16)
        name, said = (
            case.name.removesuffix(", bf16"),
            f"batches of 128, {taken.each('bf16').median:.1f} ms a step in bf16",
        )
        found.append(
            Row.of(f"{name}: a step in bf16 / in fp32", "", taken.ratio("bf16", "fp32"), command=COMMAND, note=said)
        )
    return found
