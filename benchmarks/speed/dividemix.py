"""DivideMix where 60 % of the rows keep their label: an epoch beside a plain loop, a step beside the authors'."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from noisewise.methods.semi_supervised.dividemix import UNLABELLED, DivideMix
from noisewise.training import Config, Training
from noisewise.training.step import train_epoch
from noisewise.training.streams import Streams

from .arms import CLASSES, FAST, Case, PerImage, plain
from .official import functions, network, there, whole
from .row import Row
from .turns import QUICK_TURNS, take_turns

COMMAND = "python -m benchmarks.speed dividemix"
KEPT = 0.6
OPTIONS: dict[str, Any] = {"lambda_u": 25.0, "temperature": 0.5, "alpha": 4.0, "threshold": 0.5, "negentropy": False}


def division(rows: int) -> tuple[Tensor, Tensor]:
    """Which rows keep their label, and the probability of every row to be clean; both (rows,)."""
    rng = torch.Generator().manual_seed(0)
    keeps = torch.randperm(rows, generator=rng) < round(KEPT * rows)
    return keeps, (torch.rand(rows, generator=rng) + keeps) / 2


@dataclass
class Ours:
    """Two networks after the warm-up, with a fixed division of the rows."""

    case: Case
    config: Config

    def __post_init__(self) -> None:
        self.training = Training(self.case.data(), self.case.model, self.config)
        a, b = self.training.learner("a"), self.training.learner("b")
        keeps, clean = division(self.case.rows)
        parts = {UNLABELLED: (self.training.rows, ~keeps)}
        self.streams = Streams(self.training.rows, keeps, parts, self.config.batch_size, CLASSES)
        self.learners = [(a, DivideMix(b.nets, 0, **OPTIONS)), (b, DivideMix(a.nets, 0, **OPTIONS))]
        for _, method in self.learners:
            self.training._register(method)
            method.clean.copy_(clean)

    def epoch(self) -> None:
        """Train both networks for an epoch, with all work at its end."""
        for learner, method in self.learners:
            for _ in self.training._steps(learner, method, None, self.streams):
                pass

    def steps(self) -> Iterator[float]:
        """Steps of the first network, endlessly, without work at the end of an epoch."""
        learner, method = self.learners[0]
        while True:
            yield from train_epoch(self.config, learner, method, self.streams, self.training.ledger)


class Twice(PerImage):
    """Rows of one part with two views each, as the authors' loader gives them."""

    def __init__(self, case: Case, at: Tensor, clean: Tensor | None) -> None:
        super().__init__(case.data(), True)
        self.at, self.clean = at.tolist(), clean

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, position: int) -> tuple[Any, ...]:
        row = self.at[position]
        (one, label), (two, _) = super().__getitem__(row), super().__getitem__(row)
        return (one, two) if self.clean is None else (one, two, label, self.clean[row])


class Endless:
    """An iterator over a loader that begins again, with the `next` of older versions of torch."""

    def __init__(self, loader: DataLoader) -> None:
        self.loader, self.dataset, self.batches = loader, loader.dataset, iter(loader)

    def __iter__(self) -> Endless:
        return self

    def __next__(self) -> Any:
        try:
            return next(self.batches)
        except StopIteration:
            self.batches = iter(self.loader)
            return next(self.batches)

    next = __next__


class One(Endless):
    """One batch of a loader each time it is iterated over."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        yield self.next()


def official(case: Case, size: int) -> Callable:
    """A step of the authors' loop for the first of two networks, endlessly."""
    settings = SimpleNamespace(batch_size=size, num_class=CLASSES, T=0.5, alpha=4.0, lambda_u=25, r=0.4, num_epochs=300)
    settings.dataset, settings.noise_mode = "cifar10", "sym"
    quiet = SimpleNamespace(stdout=SimpleNamespace(write=len, flush=lambda: None))
    known = {"torch": torch, "F": functional, "np": np, "args": settings, "sys": quiet, "warm_up": 10}
    theirs = functions("DivideMix/Train_cifar.py", ("linear_rampup", "train"), known)
    theirs["criterion"] = whole("DivideMix/Train_cifar.py", theirs, only="SemiLoss")["SemiLoss"]()
    net, peer = network(case, 0), network(case, 1)
    optimizer = torch.optim.SGD(net.parameters(), 0.02, momentum=0.9, weight_decay=5e-4)
    keeps, clean = division(case.rows)

    def loader(at: Tensor, probabilities: Tensor | None) -> DataLoader:
        return DataLoader(Twice(case, at, probabilities), size, shuffle=True, drop_last=True)

    labelled, others = One(loader(keeps.nonzero()[:, 0], clean)), Endless(loader((~keeps).nonzero()[:, 0], None))
    return lambda: theirs["train"](20, net, peer, optimizer, labelled, others)


def plain_epoch(case: Case) -> Callable[[], object]:
    """An epoch of a plain loop on tensors."""
    loop, steps = plain(case), case.rows // case.config().batch_size
    return lambda: [loop() for _ in range(steps)]


def measure(quick: bool) -> list[Row]:
    found = []
    for case, turns in ((FAST, 9), (replace(FAST, precision="fp32", name="fast, 32x32x3"), 7)):
        case = replace(case, rows=640 if quick else 1280)
        ours = Ours(case, case.config(epochs=1000))
        arms: dict[str, Callable[[], object]] = {"plain": plain_epoch(case), "ours": ours.epoch}
        taken = take_turns(arms, QUICK_TURNS if quick else turns, 1)
        found.append(
            Row.of(
                f"{case.name}: an epoch of DivideMix, both networks / of a plain loop of ce on tensors",
                "<= 7",
                taken.ratio("ours", "plain"),
                note=f"60 % of {case.rows:,} rows keep their label, batches of 128; with predictions of all rows",
            )
        )
    if there("DivideMix"):
        case = replace(FAST, precision="fp32", name="fast, 32x32x3")
        arms = {
            "ours": Ours(case, case.config(epochs=1000, batch_size=64)).steps().__next__,
            "theirs": official(case, 64),
        }
        taken = take_turns(arms, QUICK_TURNS if quick else 9, 1 if quick else 3)
        found.append(
            Row.of(
                f"{case.name}: a step of the authors' DivideMix / ours",
                ">= 2",
                taken.ratio("theirs", "ours"),
                note="fp32, batches of 64, the same division; theirs with a DataLoader that transforms image by image",
            )
        )
    return [replace(row, command=COMMAND) for row in found]
