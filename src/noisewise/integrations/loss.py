"""The loss of a method, with its memory and the ledger, for a training loop that is not noisewise's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.judge import judge
from noisewise.bounds import between, check, whole
from noisewise.errors import BadInput
from noisewise.integrations.sampler import RowSampler
from noisewise.methods import build
from noisewise.training import Batch, Chain, Clock, EpochEnd, LearningTask, Ledger, Method
from noisewise.training.batch import one_hot
from noisewise.training.meta import LookAhead
from noisewise.training.method import stations
from noisewise.training.networks import Networks
from noisewise.training.recipe import single
from noisewise.training.step import objective_of

HERE = ("target", "loss", "weight", "penalty")


class NoisyLoss(nn.Module):
    """The training loss of a method. It knows the given label of every row and records every row in a ledger.

    `noise(logits, labels)` is the objective of one batch, a scalar to call `backward` on. In evaluation mode or without
    gradients it is plain cross entropy, and nothing is recorded. The training loader must draw its rows by `sampler`.
    For Lightning see `noisewise.integrations.lightning`, for the Trainer of Hugging Face
    `noisewise.integrations.hugging_face`; another loop calls `begin_epoch` and `end_epoch` itself.

    Example:
        `noise = NoisyLoss(labels, 10, "elr", epochs=20, batch_size=128)`

    Args:
        given: (n,) class numbers of the training set, in its order.
        classes: K.
        method: a spec or a Method. It may change targets, losses and weights, and add penalties; what changes inputs or
            gradients, needs trusted rows, has parameters of its own or trains in phases is for `noisewise.train`.
        epochs: of the training.
        batch_size: of the training loader, so that a method knows how many steps an epoch has.
        networks: N; with N = 2, as for co-teaching, logits are (2, B, K).
        noise_rate: the share of wrong labels, where it is known; else methods estimate what they need.
        seed: of the order of rows, and of initial values of the method.

    Attributes:
        sampler: for the training loader.
        ledger: statistics of every row.
        method: the method with its memory.

    Raises:
        BadInput: labels that are not class numbers, or a method that needs more than a loss.
    """

    given: Tensor

    def __init__(
        self,
        given: Sequence[int] | np.ndarray | Tensor,
        classes: int,
        method: str | Method = "ce",
        *,
        epochs: int,
        batch_size: int,
        networks: int = 1,
        noise_rate: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check("NoisyLoss", "classes", classes, whole(2))
        check("NoisyLoss", "epochs", epochs, whole(1))
        check("NoisyLoss", "batch_size", batch_size, whole(1))
        check("NoisyLoss", "networks", networks, whole(1))
        check("NoisyLoss", "noise_rate", noise_rate, between(0, 1) | None)
        labels = _labels(given, classes)
        self.classes, self.epochs, self.networks, self.seed = classes, epochs, networks, seed
        self.steps = -(-len(labels) // batch_size)
        self.sampler = RowSampler(len(labels), seed)
        self.register_buffer("given", labels)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.method = _usable(method, networks)
            self.method.prepare(
                LearningTask(len(labels), classes, labels, epochs, noise_rate, networks, steps=self.steps)
            )
        if self.method.joint_parameters() or any(p.requires_grad for p in self.method.parameters()):
            raise BadInput(f"{method!r} needs more than a loss (parameters of its own): use noisewise.train")
        self.ledger = Ledger(labels, classes, epochs)
        self.epoch, self._step = 0, 0

    def __repr__(self) -> str:
        return f"NoisyLoss({self.method!r}, {len(self.given):,} rows, {self.classes} classes, epoch {self.epoch})"

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The objective of a batch.

        Args:
            logits: (B, K), or (N, B, K) of N networks.
            labels: (B,) given labels, which must be those of the rows that the sampler drew.

        Raises:
            BadInput: logits of another shape, or a batch that is not from a loader with `sampler`.
        """
        if not (self.training and torch.is_grad_enabled()):
            return functional.cross_entropy(logits if logits.ndim == 2 else logits.mean(dim=0), labels)
        scores = (logits if logits.ndim == 3 else logits[None]).float()
        if scores.shape != (self.networks, len(labels), self.classes):
            raise BadInput(
                f"logits of shape {tuple(logits.shape)} must be (B, {self.classes}), or (N, B, {self.classes}) of "
                f"{self.networks} network(s), for the {len(labels)} labels of the batch"
            )
        if self.given.device != scores.device:
            self.to(scores.device)
        rows = self.sampler.take(len(labels)).to(scores.device)
        if not torch.equal(self.given[rows], labels):
            raise BadInput(
                "the labels of a batch are not those of the rows that the sampler drew: give the training loader "
                "`sampler=` of the NoisyLoss, and the NoisyLoss the labels in the order of the data set"
            )
        clock = Clock(self.epoch, max(self.epochs, self.epoch + 1), self._step, max(self.steps, self._step + 1))
        weights = torch.ones(len(labels), device=scores.device)
        batch = Batch(labels, one_hot(labels, self.classes), rows, weights, clock=clock, logits=scores)
        return self._judged(batch)

    def _judged(self, batch: Batch) -> Tensor:
        """The objective; the method and the ledger observe the batch."""
        evaluated, objective = objective_of(self.method, batch, batch.scores)
        with torch.no_grad():
            seen = replace(
                evaluated,
                y=evaluated.y.detach(),
                w=evaluated.w.detach(),
                logits=evaluated.scores.detach(),
                loss=evaluated.losses.detach(),
            )
            self.method.observe(seen)
            self.ledger.observe(seen)
        self._step += 1
        return objective

    def begin_epoch(self, epoch: int) -> None:
        """Set the epoch, counted from 0, before its loader is iterated."""
        self.epoch, self._step = epoch, 0
        self.sampler.set_epoch(epoch)

    @torch.no_grad()
    def end_epoch(self) -> dict[str, float]:
        """Let the method look at the epoch.

        Returns:
            `agreement`, the share of rows predicted as their given label, and `loss`, their mean cross entropy, in this
            epoch; and `selected`, the mean share of rows that the method counts as clean, where it selects.
        """
        self.ledger.end_epoch(lambda missing: ())
        nets = Networks([])
        self.method.refit(EpochEnd(nets, self.epoch, max(self.epochs, self.epoch + 1), _no_passes, self.ledger))
        seen = self.ledger.seen > 0
        found = {
            "agreement": float(self.ledger.was_right[seen].float().mean()),
            "loss": float(self.ledger.loss_last[seen].mean()),
        }
        selection = self.method.selection()
        return found if selection is None else {**found, "selected": float(selection.float().mean())}

    def samples(self) -> pd.DataFrame:
        """One row per row of the training set: its label, how suspect it is, and the ledger's statistics.

        Columns: `index`, `given`, `suggested` (class numbers), `suspicion`, `is_issue`, and those of
        `Ledger.statistics` that are one number per row.
        """
        statistics = self.ledger.statistics()
        given = self.given.cpu().numpy()
        found = judge(Evidence(given, self.classes, ledger=statistics))
        columns: dict[str, Any] = {
            "index": np.arange(len(given)),
            "given": given,
            "suggested": found.suggested,
            "suspicion": found.suspicion,
            "is_issue": found.is_issue,
        }
        return pd.DataFrame(columns | {name: values for name, values in statistics.items() if values.ndim == 1})

    def get_extra_state(self) -> dict[str, int]:
        """The epoch, for checkpoints."""
        return {"epoch": self.epoch, "step": self._step}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Continue at an epoch."""
        self.epoch, self._step = state["epoch"], state["step"]


def _labels(given: Any, classes: int) -> Tensor:
    labels = torch.as_tensor(np.asarray(given))
    if labels.ndim != 1 or len(labels) == 0 or labels.is_floating_point() or labels.dtype == torch.bool:
        raise BadInput("given must be the class numbers of all rows of the training set, (n,) whole numbers")
    labels = labels.to(torch.int64)
    if int(labels.min()) < 0 or int(labels.max()) >= classes:
        raise BadInput(
            f"given holds class numbers from {int(labels.min())} to {int(labels.max())}; they must lie between 0 and "
            f"{classes - 1}"
        )
    return labels


def _usable(method: str | Method, networks: int) -> Method:
    """The method, if a loss is all that it needs.

    Raises:
        BadInput: it needs more; the message says what.
    """
    trains: Callable[..., None] = build(method)
    if not (isinstance(trains, partial) and trains.func is single):
        raise BadInput(f"{method!r} trains in phases of its own: use noisewise.train")
    found: Method = trains.keywords["method"]
    parts = found.parts if isinstance(found, Chain) else [found]
    more = [name for name in stations(found) if name not in HERE]
    if found.auxiliary or isinstance(found, LookAhead):
        more.append("trusted rows" if "trusted" in found.auxiliary else "further batches")
    if any(part.predicts_rows for part in parts):
        more.append("predictions of all rows between epochs")
    if more:
        raise BadInput(f"{method!r} needs more than a loss ({', '.join(more)}): use noisewise.train")
    if found.networks not in (None, networks):
        raise BadInput(f"{method!r} trains {found.networks} networks: networks={networks} must be {found.networks}")
    return found


def _no_passes(*_: Any) -> Iterator[Batch]:
    raise BadInput("this method predicts all rows between epochs: use noisewise.train")
