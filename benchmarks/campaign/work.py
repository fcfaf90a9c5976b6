"""One cell in a worker process: train, measure, return one line."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np
import torch
from sklearn.metrics import average_precision_score

from noisewise.data import Dataset
from noisewise.run.experiment import Experiment
from noisewise.run.result import Run

from .cells import Cell
from .rows import noisy

LARGE = ("preact-resnet18", "efficientnet-lite0")  # the only networks that the GPU computes in bfloat16


class OutOfTime(Exception):
    """The time of the piece is over."""


@dataclass(frozen=True)
class Order:
    """A cell to compute.

    Attributes:
        cell: what.
        device: "cpu" or "cuda".
        until: when to stop, in seconds as of `time.time`.
    """

    cell: Cell
    device: str
    until: float


def compute(order: Order) -> dict[str, Any]:
    """Train a cell; its line, as plain data.

    Raises:
        OutOfTime: it did not finish in time.
    """
    began = time.time()
    signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, max(order.until - began, 0.1))
    try:
        said = dict(order.cell.stated)
        data = noisy(*(said.pop(name, None) for name in ("source", "corrupt", "rows", "tested")), said.get("seed", 0))
        large = str(said.get("model", "")).partition(":")[0] in LARGE
        torch.backends.cudnn.benchmark = large
        said |= {"device": order.device, "precision": "bf16" if large and order.device == "cuda" else "fp32"}
        run = Experiment.of(data, **said).run(report=False)
        return line(order.cell, run, data) | {"seconds": round(time.time() - began, 1), "device": order.device}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if order.device == "cuda":
            torch.cuda.empty_cache()


def _stop(number: int, frame: FrameType | None) -> None:
    raise OutOfTime


def described(cell: Cell) -> dict[str, Any]:
    """What a cell is, for its line."""
    names = ("source", "corrupt", "model", "method", "rows", "trusted", "epochs", "lr", "weight_decay")
    said = {name: cell.stated.get(name) for name in names} | {"seed": cell.stated.get("seed", 0)}
    return {"key": cell.key, "part": cell.part, **said, "preset": cell.preset, "of_epochs": cell.published_epochs}


def line(cell: Cell, run: Run, data: Dataset) -> dict[str, Any]:
    """The measurements of a run.

    `last`, `best`, `selected`: test accuracy at the last and best epoch, and at the one that the run keeps: that with
    the best accuracy on the held-out rows with their noisy labels, unless the method says otherwise. `validation`:
    accuracy on these rows at the epoch kept. `precision_of_suspicion`: average precision of the ledger's suspicions,
    against the labels that are wrong.
    """
    found, history = run.metrics, run.history
    rules: Mapping[str, Any] = found["selection"]
    chosen = history[history["epoch"] == found["selected_epoch"]].iloc[0]
    measured = {
        "last": found["test_accuracy_last"],
        "best": found["test_accuracy_best"],
        "selected": found["test_accuracy_selected"],
        "selected_epoch": found["selected_epoch"],
        "label_wave": rules["label-wave"]["test_accuracy"],
        "agreement": rules["agreement"]["test_accuracy"],
        "validation": chosen.get("validation_accuracy"),
        "noise": data.noise_rate,
        "precision_of_suspicion": suspicion(run, data),
        **{name: found.get(name) for name in ("noisy_fit", "label_precision", "label_recall")},
    }
    epochs = {"trained": len(history), "train_seconds": found["seconds"], "precision": found["precision"]}
    versions = {"torch": found["versions"]["torch"], "noisewise": found["versions"]["noisewise"]}
    return described(cell) | {name: _plain(value) for name, value in measured.items()} | epochs | versions


def suspicion(run: Run, data: Dataset) -> float | None:
    """Average precision of a run's suspicions of its training rows; None where none is wrong."""
    if data.truth is None:
        return None
    wrong = np.zeros(data.capacity, dtype=bool)
    wrong[data.index] = data.given != data.truth
    training = run.samples[run.samples["split"] == "train"]
    wrong = wrong[training["index"].to_numpy()]
    known = training["suspicion"].notna().to_numpy()
    if not wrong.any() or not known.all():
        return None
    return float(average_precision_score(wrong, training["suspicion"]))


def _plain(value: Any) -> float | None:
    """A number of four digits; None where there is none."""
    return None if value is None or not np.isfinite(value) else round(float(value), 4)


def failed(cell: Cell, error: BaseException) -> dict[str, Any]:
    """The line of a cell that failed."""
    said = str(error).strip().splitlines() or [""]
    return described(cell) | {"failed": f"{type(error).__name__}: {said[-1]}"[:300]}
