"""A step of Meta-Weight-Net, in all orders: beside a plain loop of cross entropy, and beside the authors' program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from noisewise.data import Dataset, split
from noisewise.methods.learned.meta_weight_net import MetaWeightNet

from .arms import FAST, LENET, NARROW, Case, plain, trained
from .official import functions, loaded, there, whole
from .row import Row
from .turns import QUICK_TURNS, take_turns

COMMAND = "python -m benchmarks.speed meta"
TRUSTED = 1000
RESNET32 = Case("ResNet-32, 32x32x3", "resnet32", 32, 3, "crop:4+flip")
# The goals of an exact derivative, of a difference in its place, and what they are called.
ORDERS = {
    "exact": ("<= 4", MetaWeightNet()),
    "exact, by a difference": ("<= 4", MetaWeightNet(derivative="difference")),
    "first order": ("<= 2.5", MetaWeightNet(order="first")),
    "first order, by a difference": ("<= 2.5", MetaWeightNet(order="first", derivative="difference")),
    "last layer": ("<= 1.8", MetaWeightNet(order="last-layer")),
}
CASES = ((LENET, 4, 15), (FAST, 4, 11), (replace(FAST, precision="fp32", name="fast, 32x32x3"), 3, 7), (NARROW, 2, 5))


def with_trusted(case: Case) -> Dataset:
    """The case's rows, some of them trusted."""
    return split(replace(case, rows=case.rows + TRUSTED).data(), trusted=TRUSTED)


class Again:
    """Something to iterate over as often as wanted."""

    def __init__(self, start: Callable[[], Iterator[Any]]) -> None:
        self.start = start

    def __iter__(self) -> Iterator[Any]:
        return self.start()


def official(case: Case) -> Callable:
    """A step of the authors' loop, endlessly."""
    space = whole("meta-weight-net/resnet.py", {})
    settings = SimpleNamespace(lr=0.1, epochs=1000, batch_size=case.config().batch_size)
    known = {"torch": torch, "F": functional, "args": settings, "device": "cpu", "print": lambda *said: None}
    net = space["ResNet32"](10)
    known["build_model"] = lambda: space["ResNet32"](10)
    theirs = functions("meta-weight-net/MW-Net.py", ("accuracy", "train"), known)
    weights = space["VNet"](1, 100, 1)
    optimizer = torch.optim.SGD(net.params(), settings.lr, momentum=0.9, weight_decay=5e-4)
    meta_optimizer = torch.optim.Adam(weights.params(), 1e-3, weight_decay=1e-4)

    def pairs() -> Iterator[tuple[Tensor, Tensor]]:
        return ((x, y) for x, y, _ in loaded(case))

    drawn, trusted = pairs(), pairs()

    def step() -> None:
        one, meta = Again(lambda: islice(drawn, 1)), Again(lambda: trusted)
        theirs["train"](one, meta, net, weights, optimizer, meta_optimizer, 0)

    return step


def measure(quick: bool) -> list[Row]:
    found = []
    for case, steps, turns in CASES[:1] if quick else CASES:
        data = with_trusted(replace(case, rows=512) if quick else case)
        arms = {"plain": plain(case), **{name: trained(case, made, data=data) for name, (_, made) in ORDERS.items()}}
        taken = take_turns(arms, QUICK_TURNS if quick else turns, 1 if quick else steps)
        found += [
            Row.of(
                f"{case.name}: a step of Meta-Weight-Net, {name} / a plain loop of ce on tensors",
                goal,
                taken.ratio(name, "plain"),
                note=f"batches of 128 and as many trusted rows, {taken.each(name).median:.1f} ms a step",
            )
            for name, (goal, _) in ORDERS.items()
        ]
    if there("meta-weight-net"):
        arms = {"ours": trained(RESNET32, MetaWeightNet(), data=with_trusted(RESNET32)), "theirs": official(RESNET32)}
        taken = take_turns(arms, QUICK_TURNS if quick else 5, 1 if quick else 2)
        found.append(
            Row.of(
                f"{RESNET32.name}: a step of the authors' Meta-Weight-Net / ours, exact",
                ">= 2",
                taken.ratio("theirs", "ours"),
                note="fp32, batches of 128; theirs with a DataLoader that transforms image by image",
            )
        )
    return [replace(row, command=COMMAND) for row in found]
