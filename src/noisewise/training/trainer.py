"""Training: the state of one run and the operations on it. It depends on no particular method.

A training in several stages is a recipe: a function that takes a Training and calls `fit` as often as it needs. An
interrupted recipe is called again (see `resume`).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from noisewise.allowance import Pace
from noisewise.bounds import check, one_of, whole
from noisewise.data.dataset import Dataset
from noisewise.data.normalise import Normalise
from noisewise.data.rows import Rows
from noisewise.devices import keep_freed_memory
from noisewise.formatting import count
from noisewise.training.config import Config
from noisewise.training.distributed import expect_equal_weights, writes
from noisewise.training.history import Best, History, Row
from noisewise.training.learners import Learners
from noisewise.training.ledger import Ledger
from noisewise.training.method import Decision, EpochEnd, Method
from noisewise.training.networks import Learner, Predictor, evaluating
from noisewise.training.replicas import Epoch, run_epoch
from noisewise.training.step import losses_of, total_epochs
from noisewise.training.streams import Passes, Streams, batches

# What `keep_best` may go by.
_KEEPS = one_of("accuracy", "loss") | None


class Observer:
    """Follows a training. The base class does nothing; override the calls you need.

    An observer leaves networks, memories and the global random state as they are.

    Class attributes:
        only_tells: it passes numbers on and asks the networks nothing: of several processes that train together only
            the first calls it.
    """

    only_tells: bool = False

    def before(self, training: Training) -> None:
        """Called once, before the first epoch. An observer that cannot follow this training raises here.

        Args:
            training: before its first epoch.
        """

    def during_epoch(self, share: float) -> None:
        """Called after every step.

        Args:
            share: of the current epoch that is done, in (0, 1].
        """

    def after_epoch(self, training: Training, method: Method) -> Row:
        """Called after every recorded epoch, once it has been evaluated.

        Args:
            training: after the epoch; its history does not have this epoch yet.
            method: the method or chain that trains.

        Returns:
            Columns of this epoch's row of the history.
        """
        return {}

    def recorded(self, row: Row) -> None:
        """Called when the row of an epoch is complete and in the history.

        Args:
            row: of the history.
        """

    def after(self, training: Training) -> None:
        """Called once, when the training has finished; not where it fails or is interrupted.

        Args:
            training: finished.
        """


class Training(Learners):
    """Data on the device, learners, methods, history and checkpoints of one run.

    Args:
        data: the split data set. Its true labels are removed here, so that no method can use them.
        model: a catalogue name, "module:function", a callable or a module (see `models.build`).
        config: the settings.
        folder: where checkpoints go; None keeps none.
        resume: continue from the checkpoint in `folder`, if there is one.
        observers: follow the training; they may hold the true labels, which the training does not.
        evaluate_from: first epoch, counted from 0, after which held-out rows are predicted.
        normalise: how inputs are prepared; default: as the model's card says, else by the statistics of the training
            rows.
        noise_rate: the noise rate, if the user states it.
        method: the method as text; a checkpoint of another method is refused.

    Attributes (in addition to those of `Splits`):
        ledger: statistics of every row over the training.
        history: one row per recorded epoch.
        selected: the weights of the epoch that `config.select` chose.
        predictor: networks and method that predict, as of the last recorded fit.
        decision: what the recipe found out about the labels, if it did; set by the recipe.

    Raises:
        BadInput: data that cannot be trained on; a checkpoint that is damaged or of another configuration.
    """

    def __init__(
        self,
        data: Dataset,
        model: str | nn.Module | Callable[..., nn.Module],
        config: Config,
        *,
        folder: Path | None = None,
        resume: bool = False,
        observers: Sequence[Observer] = (),
        noise_rate: float | None = None,
        method: str = "",
        evaluate_from: int = 0,
        normalise: Normalise | None = None,
    ) -> None:
        super().__init__(
            data,
            model,
            config,
            folder=folder,
            resume=resume,
            noise_rate=noise_rate,
            method=method,
            normalise=normalise,
        )
        keep_freed_memory()
        self.ledger = Ledger(self.task.given, self.classes, config.epochs)
        self.history = History(config.select, config.patience)
        self.selected: dict[str, Tensor] = {}
        self.predictor: Predictor | None = None
        self.decision: Decision | None = None
        self.observers = tuple(one for one in observers if writes() or not one.only_tells)
        self._evaluate_from = evaluate_from
        self._best: Best | None = None
        self._seconds, self._examples = 0.0, 0
        self._restore(self._checkpoints.stored)
        for observer in self.observers:
            observer.before(self)

    def __repr__(self) -> str:
        model = self.model if isinstance(self.model, str) else type(self.model).__name__
        epochs = f"{count(len(self.history), 'epoch')} of {self.config.epochs} recorded"
        return f"Training({model} on {self.data.name}: {count(len(self.rows), 'row')}, {epochs})"

    def fit(
        self,
        learner: Learner,
        method: Method,
        epochs: int | None = None,
        *,
        split: str | None = None,
        rows: Tensor | None = None,
        auxiliary: Mapping[str, Tensor] | None = None,
        predictor: Predictor | None = None,
        record: bool = True,
        batch_size: int | None = None,
        keep_best: bool | str = False,
    ) -> Learner:
        """Train a learner for some epochs.

        Args:
            learner: from `learner` or `add_learner`.
            method: a method or chain; prepared when first seen.
            epochs: number of epochs; default: the config's.
            split: name of the split to draw from: "trusted", or one brought by `add`; default: the training rows. Their
                indices must be those of rows of the training, as with other versions of training rows.
            rows: (task.rows,) mask by index of the rows to draw; default: all.
            auxiliary: masks by index of further rows to draw a batch of along with every batch, by name.
            predictor: evaluated after each epoch; default: the learner's networks with the method's `predict`.
            record: whether epochs are evaluated, written to the history and considered for selection.
            batch_size: rows per step, at least 2; default: the config's.
            keep_best: whether the learner ends with the weights of the epoch that is best on the validation rows with
                their given labels: True or "accuracy" by the predictor's accuracy, "loss" by the method's loss. The
                first of equal epochs is kept. Parameters that the method learns along with the networks go back with
                them; where that is not the last epoch, the optimiser forgets its momentum. Without validation rows the
                last epoch is kept.

        Raises:
            Diverged: a loss or weight that is not finite; the last good checkpoint is kept.
            OutOfTime: there is a checkpoint, and the time does not suffice for another epoch (see `allowance`).
            BadInput: the method needs trusted rows and there are none; no rows to train on; a split that is not there,
                is held out or has rows of unknown index.
        """
        total = self.config.epochs if epochs is None else check(None, "epochs", epochs, whole(0))
        size = self.config.batch_size if batch_size is None else check(None, "batch_size", batch_size, whole(2))
        joint = self._register(method)
        predictor = predictor or Predictor(learner.nets, method.predict)
        if record:
            self.predictor = predictor
        call, done = self._checkpoints.begin()
        if done is None:
            return learner
        others: dict[str, tuple[Rows, Tensor | None]] = {n: (self.rows, mask) for n, mask in (auxiliary or {}).items()}
        others |= {name: (self.split(name), None) for name in method.auxiliary if name not in others}
        streams = Streams(self._drawn(split), rows, others, size, self.classes)
        by = check(None, "keep_best", "accuracy" if keep_best is True else keep_best or None, _KEEPS)
        if by is not None and "validation" in self.splits:
            stored = self._checkpoints.stored.get("best") if done else None
            self._best = Best(_learned(learner, method, predictor), stored)
        pace = Pace()
        with self._checkpoints.whole_when_interrupted():
            for epoch in range(done, total):
                if record and self.history.stopped:
                    break
                if self._checkpoints.stores:
                    pace.begin(partial(self._checkpoints.keep, call, epoch, self._state))
                self._epoch(learner, method, joint, streams)
                kept: Row = {}
                if self._best is not None:
                    kept["kept"] = self._best.offer(self._validated(str(by), learner, method, predictor))
                if record:
                    self._record(learner, method, predictor, kept)
                self._checkpoints.save(call, epoch + 1, self._state, self.ledger)
        if self._best is not None and self._best.put_back():
            learner.optimizer.state.clear()  # its momentum belongs to other weights
        self._best = None
        return learner

    def record_epoch(self, learner: Learner, method: Method, *, seconds: float = 0.0) -> None:
        """Write an epoch to the history that the recipe trained without `fit`.

        The ledger records every training row once, in evaluation mode; then the learner is evaluated as usual.

        Args:
            learner: after the epoch.
            method: whose `predict` is used.
            seconds: duration of the epoch.
        """
        self._register(method)
        predictor = Predictor(learner.nets, method.predict)
        self.predictor = predictor
        call, done = self._checkpoints.begin()
        if done is None or done:
            return
        for batch in self.passes(learner.nets):
            self.ledger.record(batch.rows, batch.scores)
        learner.epochs_done += 1
        self._seconds += seconds
        self._examples += len(self.rows)
        self._record(learner, method, predictor, {})
        self._checkpoints.save(call, 1, self._state, self.ledger)

    def memoize(self, name: str, compute: Callable[[], Any]) -> Any:
        """Compute a value once. An interrupted recipe that is called again gets the stored value.

        A recipe calls this for every value that it derives from a learner or a method between fits: when it is called
        again, learners and methods are already as they were at the interruption.

        Args:
            name: of the value.
            compute: returns the value, as tensors or plain data.

        Returns:
            The value.
        """
        return self._checkpoints.memoize(name, compute)

    def include(self, other: Training) -> None:
        """Count the time and the examples of another training, which this one needed, as its own."""
        self._seconds += other._seconds
        self._examples += other._examples

    def finish(self) -> None:
        """Write the last checkpoint, and tell the observers."""
        self._checkpoints.finish(self._state())
        self.ledger.take_back()
        for observer in self.observers:
            observer.after(self)

    @property
    def seconds(self) -> float:
        """Time in training steps and between epochs, without evaluation, over all sessions of this run."""
        return self._seconds

    @property
    def examples_per_second(self) -> float:
        """Number of rows trained on, divided by `seconds`."""
        return self._examples / self._seconds if self._seconds else 0.0

    def _epoch(self, learner: Learner, method: Method, joint: torch.optim.Optimizer | None, streams: Streams) -> None:
        began = time.perf_counter()
        for share in self._steps(learner, method, joint, streams):
            for observer in self.observers:
                observer.during_epoch(share)
        self._seconds += time.perf_counter() - began
        self._examples += streams.rows

    def _steps(
        self, learner: Learner, method: Method, joint: torch.optim.Optimizer | None, streams: Streams
    ) -> Iterator[float]:
        """One epoch with the work at its end; yields after every step the share of the epoch that is done."""
        config = learner.config or self.config
        away = yield from run_epoch(Epoch(config, learner, method, streams, self.ledger, joint))
        self._seconds -= away
        expect_equal_weights(learner.nets)
        passes = Passes(partial(self.passes, learner.nets), self.rows, self.classes * len(learner.nets))
        total = total_epochs(config, learner)
        with torch.no_grad():
            self.ledger.end_epoch(passes)
            method.refit(EpochEnd(learner.nets, learner.epochs_done, total, passes, self.ledger))
        learner.epochs_done += 1

    def _validated(self, by: str, learner: Learner, method: Method, predictor: Predictor) -> float:
        """How good the present weights are on the validation rows with their given labels; higher is better."""
        rows = self.splits["validation"]
        if by == "accuracy":
            right = self.probabilities(predictor, "validation").argmax(dim=1) == rows.given
            return float(right.float().mean())
        drawn = batches(rows, torch.arange(len(rows)), 4 * self.config.batch_size, self.classes)
        with torch.no_grad(), evaluating(learner.nets):
            losses = [losses_of(method, replace(batch, logits=learner.nets(batch.x))) for batch in drawn]
        return -float(torch.cat(losses, dim=-1).mean())

    def _record(self, learner: Learner, method: Method, predictor: Predictor, more: Mapping[str, Any]) -> None:
        training = self.ledger.given >= 0
        row: Row = {
            "epoch": len(self.history) + 1,
            "stage": learner.name,
            "lr": learner.optimizer.param_groups[0]["lr"],
            "train_loss": float(self.ledger.loss_last[training].mean()),
            "train_accuracy": float(self.ledger.was_right[training].float().mean()),
            "prediction_changes": float(self.ledger.moved[training].float().mean()),
        }
        for name in ("validation", "test"):
            if name in self.splits and len(self.history) >= self._evaluate_from:
                row[f"{name}_accuracy"], row[f"{name}_loss"] = self._evaluate(predictor, name)
        row |= {**more, "seconds": self._seconds}
        for observer in self.observers:
            row.update(observer.after_epoch(self, method))
        if self.history.record(row):
            self.selected = {k: v.detach().cpu().clone() for k, v in predictor.nets.state_dict().items()}
        for observer in self.observers:
            observer.recorded(row)

    def _evaluate(self, predictor: Predictor, split: str) -> tuple[float, float]:
        rows = self.splits[split]
        probabilities = self.probabilities(predictor, split).clamp_min(1e-12)
        if split == "validation":
            self.ledger.record(rows.index, probabilities.log()[None], rows.given)
        right = (probabilities.argmax(dim=1) == rows.given).float().mean()
        loss = -probabilities.gather(1, rows.given[:, None]).log().mean()
        return float(right), float(loss)

    def _state(self) -> dict[str, Any]:
        """The content of a checkpoint."""
        return {
            "history": [copy.deepcopy(row) for row in self.history],
            "selected": self.selected,
            "best": self._best.state_dict() if self._best is not None else {},
            "ledger": self.ledger.state_dict(),
            "seconds": self._seconds,
            "examples": self._examples,
            **self._members(),
        }

    def _restore(self, stored: dict[str, Any]) -> None:
        """Restore what `_state` returned; learners and methods are restored when the recipe adds them."""
        if stored:
            self.history.extend(stored["history"])
            self.selected = stored["selected"]
            self.ledger.load_state_dict(stored["ledger"])
            self._seconds, self._examples = stored["seconds"], stored["examples"]


def _learned(learner: Learner, method: Method, predictor: Predictor) -> dict[str, Tensor]:
    """What a fit learns: the networks, those that predict, and the method's own parameters; live, by name."""
    parts = {"nets": learner.nets.state_dict(), "predictor": predictor.nets.state_dict()}
    if predictor.nets is learner.nets:
        del parts["predictor"]
    found = {f"{part}.{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}
    return found | {f"method.{number}": tensor for number, tensor in enumerate(method.joint_parameters())}
