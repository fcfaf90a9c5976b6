"""A program for `torchrun`: every process trains each case twice, together with the others and alone, and compares.

    torchrun --nproc-per-node 2 tests/training/distributed/compare.py OUT.json CASE ...

The first process writes, by case, the largest differences of weights, of ledgers and of recorded losses; and those of
logits and derivatives for one batch.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from noisewise.data import Dataset, split
from noisewise.data.rows import Rows
from noisewise.methods import build
from noisewise.training import Config, Networks, Training, distributed

CLASSES = ("a", "b", "c", "d")
SHORT = {"epochs": 2, "batch_size": 18, "lr": 0.02, "augment": "flip", "precision": "fp32"}
STREAMED = "read from disk"
SETTINGS = {"dividemix": {"epochs": 3}, "clipped": {"clip_norm": 0.5}, "estimated": {"epochs": 4}}
METHODS = {
    "clipped": "ce",
    STREAMED: "elr",
    "cdr": "cdr:tau=0.3",
    "coteaching": "coteaching:rate=0.3,gradual=1",
    "estimated": "cdr",
    "dividemix": "dividemix:warmup=1",
}


def images(rows: int = 84) -> Dataset:
    """Small images whose class is their colour, some of them with wrong labels; the last batch has 2 or 3 rows."""
    rng = np.random.default_rng(0)
    truth = rng.integers(len(CLASSES), size=rows)
    inputs = rng.integers(0, 120, size=(rows, 8, 8, 3)).astype(np.uint8)
    inputs[..., 0] += (40 * truth).astype(np.uint8)[:, None, None]
    given = np.where(rng.random(rows) < 0.3, rng.integers(len(CLASSES), size=rows), truth)
    test = Dataset(inputs[:10], truth[:10], CLASSES, kind="image")
    return split(Dataset(inputs, given, CLASSES, truth=truth, kind="image", test=test), validation=0.1, trusted=12)


def network(shape: tuple[int, ...], classes: int) -> nn.Module:
    """A convolution with batch normalisation, both kinds of dropout and a normalised hidden layer."""
    hidden = 6 * (shape[0] // 2) * (shape[1] // 2)
    return nn.Sequential(
        nn.Conv2d(shape[2], 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.Softplus(),  # smooth: rounding moves no decision
        nn.Dropout2d(0.2),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(hidden, 16),
        nn.BatchNorm1d(16, momentum=None),
        nn.Tanh(),
        nn.Dropout(0.3),
        nn.Linear(16, classes),
    )


def trained(case: str, *, together: bool) -> Training:
    """A finished training of a case."""
    # Rows that are not kept in memory are read by one process each.
    assert Rows.__init__.__kwdefaults__ is not None
    Rows.__init__.__kwdefaults__["resident_limit"] = 0 if case == STREAMED else 2 << 30
    config = Config(**{**SHORT, **SETTINGS.get(case, {})})
    with distributed.together() if together else contextlib.nullcontext():
        training = Training(images(), network, config)
        build(METHODS.get(case, case))(training)
        training.finish()
    return training


def differences(case: str) -> dict[str, float]:
    """The largest differences between a training together and the same alone."""
    both, one = trained(case, together=True), trained(case, together=False)
    kept = both.ledger.probability_sum.shape[0]
    assert kept == both.ledger.part.kept < one.ledger.probability_sum.shape[0]
    pairs = [
        (there.nets.state_dict(), here.nets.state_dict())
        for there, here in zip(both._learners.values(), one._learners.values(), strict=True)
    ]
    weights = max(float((there[n] - here[n]).abs().max()) for there, here in pairs for n in here)
    ledger = max(
        float(np.nanmax(np.abs(both.ledger.statistics()[n] - values))) for n, values in one.ledger.statistics().items()
    )
    history = max(
        abs(there[n] - here[n])
        for there, here in zip(both.history, one.history, strict=True)
        for n in here
        if n.endswith(("loss", "accuracy"))
    )
    return {"weights": weights, "ledger": ledger, "history": history}


def derivatives() -> dict[str, float]:
    """The largest differences of logits, and of first and second derivatives by the weights, for one batch."""
    x = torch.randn(19, 3, 8, 8, generator=torch.Generator().manual_seed(0)).to(memory_format=torch.channels_last)
    found = []
    for shared in (distributed.together, distributed.alone):
        torch.manual_seed(0)
        nets = Networks([network((8, 8, 3), len(CLASSES))])
        weights = list(nets.trainable().values())
        with shared():
            logits = nets(x)
            first = torch.autograd.grad(logits.square().mean(), weights, create_graph=True)
            second = torch.autograd.grad(torch.stack([one.square().sum() for one in first]).sum(), weights)
        found.append((logits[None], first, second))
    return {
        name: max(float((one - other).detach().abs().max()) for one, other in zip(*pair, strict=True))
        for name, *pair in zip(("logits", "first", "second"), *found, strict=True)
    }


def expect_no_threads() -> None:
    """Fail where threads of the group still run: they could abort the end of the program."""
    tasks = Path("/proc/self/task")
    names = [(task / "comm").read_text().strip() for task in tasks.iterdir()] if tasks.is_dir() else []
    if any("gloo" in name for name in names):
        print(f"threads are left: {names}", file=sys.stderr, flush=True)
        os._exit(1)


def main() -> None:
    out, *cases = sys.argv[1:]
    atexit.register(expect_no_threads)  # before `join`, so that it is called after what `join` registers
    distributed.join()
    found = {"derivatives": derivatives(), **{case: differences(case) for case in cases}}
    distributed.expect_equal("comparison", len(found))
    if distributed.writes():
        Path(out).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
