"""A step of CDR: beside a plain loop of cross entropy on tensors, and beside the authors' program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from noisewise.methods.gradients.cdr import CDR

from .arms import FAST, LENET, MLP, Case, plain, trained
from .official import functions, loaded, network, there
from .row import Row
from .turns import QUICK_TURNS, take_turns

COMMAND = "python -m benchmarks.speed cdr"
RATE = 0.3  # of the labels that the cases redraw
CASES = ((LENET, "<= 1.15", 32, 15), (MLP, "<= 1.5", 32, 15), (replace(FAST, precision="fp32"), "<= 1.10", 8, 9))


def official(case: Case) -> Callable:
    """A step of the authors' loop, endlessly; each computes the logits twice, as theirs does."""
    theirs = functions("CDR/main.py", ("accuracy", "train_one_step"), {"torch": torch, "F": functional, "nn": nn})
    net, criterion = network(case), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-3)

    def steps() -> Iterator[None]:
        net.train()
        for x, y, _ in loaded(case):
            theirs["accuracy"](net(x), y, topk=(1,))
            theirs["train_one_step"](net, x, y, optimizer, criterion, 1 - RATE, 1 - RATE)
            yield

    return steps().__next__


def measure(quick: bool) -> list[Row]:
    found = []
    for case, goal, steps, turns in CASES:
        taken = take_turns(
            {"plain": plain(case), "ce": trained(case), "cdr": trained(case, CDR(RATE))},
            QUICK_TURNS if quick else turns,
            2 if quick else steps,
        )
        name = case.name.removesuffix(", bf16")
        said = f"fp32, batches of 128, {taken.each('cdr').median:.1f} ms a step"
        found += [
            Row.of(
                f"{name}: a step of cdr / a plain loop of ce on tensors", goal, taken.ratio("cdr", "plain"), note=said
            ),
            Row.of(f"{name}: a step of cdr / of ce", "", taken.ratio("cdr", "ce")),
        ]
    for case, *_ in CASES if there("CDR") else ():
        taken = take_turns(
            {"ours": trained(case, CDR(RATE)), "official": official(case)},
            QUICK_TURNS if quick else 7,
            2 if quick else 8,
        )
        name = case.name.removesuffix(", bf16")
        found.append(
            Row.of(
                f"{name}: a step of the authors' CDR / ours",
                ">= 2",
                taken.ratio("official", "ours"),
                note="fp32, batches of 128; theirs with a DataLoader that transforms image by image",
            )
        )
    return [replace(row, command=COMMAND) for row in found]
