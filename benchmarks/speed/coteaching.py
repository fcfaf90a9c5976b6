"""A step of co-teaching: beside a plain loop of cross entropy on tensors, and beside the authors' program."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional

from noisewise.methods.pairs.coteaching import CoTeaching

from .arms import FAST, LENET, Case, plain, trained
from .official import functions, loaded, network, there
from .row import Row
from .turns import QUICK_TURNS, take_turns

COMMAND = "python -m benchmarks.speed coteaching"
RATE = 0.3  # of the labels that the cases redraw
CASES = ((replace(LENET, augment="none"), 16), (replace(FAST, augment="none"), 6))


def official(case: Case) -> Callable:
    """A step of the authors' loop, endlessly."""
    known = {"torch": torch, "F": functional, "np": np}
    exchange = functions("Co-teaching/loss.py", ("loss_coteaching",), known)["loss_coteaching"]
    accuracy = functions("Co-teaching/main.py", ("accuracy",), known)["accuracy"]
    nets = [network(case, seed) for seed in (0, 1)]
    optimizers = [torch.optim.Adam(net.parameters(), lr=1e-3) for net in nets]
    clean = np.ones(case.rows, dtype=bool)

    def steps() -> Iterator[None]:
        for x, y, rows in loaded(case):
            logits = []
            for net in nets:
                logits.append(net(x))
                accuracy(logits[-1], y, topk=(1, 5))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of arguments that torch renamed since
                losses = exchange(*logits, y, RATE, rows.numpy(), clean)[:2]
            for loss, optimizer in zip(losses, optimizers, strict=True):
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            yield

    return steps().__next__


def ours(case: Case, precision: str) -> Callable:
    """A step of this library at the same rate from the first epoch on."""
    return trained(replace(case, precision=precision), CoTeaching(RATE, gradual=1))


def measure(quick: bool) -> list[Row]:
    found = []
    for case, steps in CASES:
        name = case.name.removesuffix(", bf16")
        arms = {"plain": plain(replace(case, precision="fp32")), "ours": ours(case, "fp32"), "auto": ours(case, "auto")}
        if there("Co-teaching"):
            arms["official"] = official(case)
        taken = take_turns(arms, QUICK_TURNS if quick else 9, 2 if quick else steps)
        said = f"fp32, batches of 128, {taken.each('ours').median:.1f} ms a step"
        found.append(
            Row.of(
                f"{name}: a step of coteaching / a plain loop of ce", "<= 2.1", taken.ratio("ours", "plain"), note=said
            )
        )
        if "official" in arms:
            loader = "theirs in fp32 with a DataLoader that transforms image by image"
            found += [
                Row.of(
                    f"{name}: a step of the authors' co-teaching / ours in fp32",
                    ">= 2",
                    taken.ratio("official", "ours"),
                    note=loader,
                ),
                Row.of(
                    f"{name}: a step of the authors' co-teaching / ours as it is by default",
                    ">= 2",
                    taken.ratio("official", "auto"),
                    note=loader,
                ),
            ]
    return [replace(row, command=COMMAND) for row in found]
